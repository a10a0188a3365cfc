"""What latent weights are worth, pseudo-gradients, inertia's other knobs, memory; on the digits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from bnn_lab.errors import InputError
from bnn_lab.experiments import training as experiments
from bnn_lab.experiments.training import MlpRun, Running, train_mlp_run
from bnn_lab.experiments.training.latents import ADJUSTED, LATENTS, RANDOM_SIGNS, SHUFFLED, SIGNS
from bnn_lab.figures import draw
from bnn_lab.training.flip_statistics import flip_measure
from bnn_lab.training.uncertainty import accuracy_uncertainty, difference_uncertainty

QUIET = Running(progress=False)


def test_signs_carry_what_was_learned_and_sizes_a_little() -> None:
    result = experiments.latent_approximation(
        data="digits", epochs=15, hidden=(64,), seeds=(0,), running=QUIET
    )
    found = result.frame.set_index("network").accuracy
    assert found[SIGNS] > 0.9 and found[ADJUSTED] > 0.9
    assert found[LATENTS] < 0.5  # batch normalization expects sums of signs
    assert found[RANDOM_SIGNS] < 0.3 < found[SHUFFLED]
    assert (result.frame.images == 500).all()
    (bars,) = draw(result).figure.data
    assert list(bars.y) == list(found.index) and bars.x[0] == 100 * found[SIGNS]


def test_every_pseudo_gradient_is_a_sign_forward_and_differs_backward() -> None:
    x = np.linspace(-2, 2, 41)
    shapes = {}
    for name in experiments.PSEUDO_GRADIENTS:
        forward, shapes[name] = experiments.forward_and_backward(name, x)
        scale = np.abs(x).mean() if name == "magnitude-aware" else 1.0
        np.testing.assert_allclose(forward, np.where(x < 0, -scale, scale), rtol=1e-6)
    assert (shapes["straight through"] == 1).all()
    np.testing.assert_array_equal(shapes["clipped"], np.abs(x) <= 1)
    np.testing.assert_allclose(
        shapes["ApproxSign"], np.where(np.abs(x) <= 1, 2 - 2 * np.abs(x), 0), atol=1e-6
    )
    assert shapes["SwishSign"].max() == pytest.approx(5.0) and shapes["SwishSign"].min() < 0


def test_the_gallery_has_two_curves_for_each() -> None:
    names = ("straight through", "SwishSign")
    result = experiments.pseudo_gradients(
        names=names, data="digits", epochs=2, seeds=(0,), running=QUIET
    )
    assert result.frame.name.tolist() == list(names) and (result.frame.accuracy > 0.5).all()
    assert len(draw(result).figure.data) == 4


def test_a_falling_rate_and_a_larger_batch_are_more_inertia() -> None:
    knobs = {
        "plain": {},
        "falls": {"rate_factor": 0.1, "rate_every": 2},
        "batch": {"batch": 256},
        "float": {"pretrained": 2},
    }
    result = experiments.inertia_knobs(knobs=knobs, data="digits", epochs=4, running=QUIET)
    frame = result.frame.set_index(["knob", "epoch"])
    flips, inertia = frame.flips, frame.inertia
    # The first two epochs are the same, bit by bit; then the rate is a tenth.
    assert flips["falls", 2] == flips["plain", 2] and flips["falls", 4] < flips["plain", 4] / 3
    assert inertia["falls", 4] > 50 * inertia["plain", 4]
    assert flips["batch", 4] < flips["plain", 4] / 2
    assert frame.accuracy["float", 1] > frame.accuracy["plain", 1]
    assert len(draw(result).figure.data) == 8


def test_adam_brings_the_layers_to_one_pace() -> None:
    paces = {
        "SGD": {"method": "sgd", "learning_rate": 3.0},
        "Adam": {"method": "adam", "learning_rate": 3e-3},
        "second": {"method": "bop2", "gamma": 1e-3, "threshold": 1e-2, "sigma": 1e-2},
    }
    result = experiments.layer_pace(methods=paces, data="digits", epochs=4, running=QUIET)
    last = result.frame[result.frame.epoch == 4].set_index(["method", "layer"])
    spread = {method: np.ptp(last.loc[method].pi) for method in paces}
    assert spread["Adam"] < spread["SGD"] / 2
    assert last.gradient["SGD", "dense_3"] > 3 * last.gradient["SGD", "dense_1"]
    assert len(draw(result).figure.data) == 9


def test_layers_add_up_to_the_network() -> None:
    trace = train_mlp_run(MlpRun(epochs=2, hidden=(16,), gamma=1e-2), keep_model=True)
    assert (trace.layer_flips.sum(axis=1) == trace.flips).all() and trace.flips.sum() > 0
    assert trace.layer_pi.shape == (2, 2) and trace.layer_gradients.shape == trace.layer_flips.shape
    first = trace.layer_flips[: len(trace.flips) // 2, 0].mean()
    assert trace.layer_pi[0, 0] == pytest.approx(flip_measure(first, 64 * 16))
    assert np.isnan(trace.inertia).all()
    assert set(np.unique(trace.model.get_layer("dense_1").kernel)) == {-1.0, 1.0}
    plain = train_mlp_run(MlpRun(method="float", epochs=1, hidden=(4,)))
    assert plain.layer_flips.shape == (20, 0) and plain.flips.sum() == 0


def test_memory_is_counted_on_the_optimizers() -> None:
    result = experiments.optimizer_memory()
    frame = result.frame
    assert frame.floats.tolist() == [1, 2, 3, 1, 2]
    assert frame.bytes.tolist() == [4, 8, 12, 4.125, 8.125]
    assert len(draw(result).figure.data) == 3
    assert experiments.optimizer_memory(methods=("adam",)).frame.floats.tolist() == [3]
    with pytest.raises(InputError, match="must be some of sgd"):
        experiments.optimizer_memory(methods=("float",))


def test_noise_flips_as_the_formula_says() -> None:
    result = experiments.noise_flips(gammas=(0.02, 0.1), thresholds=(0.0, 1.0), steps=1500)
    frame = result.frame
    assert len(frame) == 4 and (abs(frame.simulated / frame.formula - 1) < 0.1).all()
    assert len(draw(result).figure.data) == 4
    for wrong in ({"gammas": (1.0,)}, {"thresholds": (-1.0,)}):
        with pytest.raises(InputError, match="noise_flips"):
            experiments.noise_flips(**wrong)


def test_uncertainties() -> None:
    assert accuracy_uncertainty(0.5, 100) == 0.05
    assert accuracy_uncertainty(1.0, 1) == 0.0
    assert difference_uncertainty(0.9, 0.9, 1000) == pytest.approx(
        math.sqrt(2) * accuracy_uncertainty(0.9, 1000)
    )
    for wrong in (lambda: accuracy_uncertainty(1.1, 10), lambda: accuracy_uncertainty(0.5, 0)):
        with pytest.raises(InputError):
            wrong()
    # The formula is what repeated tests do.
    draws = np.random.default_rng(0).binomial(1000, 0.91, size=(4000, 2)) / 1000
    spread = (draws[:, 0] - draws[:, 1]).std()
    assert spread == pytest.approx(difference_uncertainty(0.91, 0.91, 1000), rel=0.05)
