from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError
from bnn_lab.experiments import training as experiments
from bnn_lab.experiments.training import MlpRun, Running, mlp_run, train_mlp_run
from bnn_lab.experiments.training.inertia import CASES
from bnn_lab.figures import draw
from bnn_lab.models.digits_mlp import digits_mlp
from bnn_lab.training import latent_weights as latents
from bnn_lab.training.results import ResultStore, run_points

tf = require_tensorflow()
import larq as lq  # noqa: E402  (needs legacy Keras, which the line above makes sure of)

QUIET = Running(progress=False)
PROVEN = ("SGD", "gradient clip fixed")


def test_theorem_latent_weights_are_inertia() -> None:
    """C = 2^-7 and 2^10, 600 steps, over 100,000 flips: the binary weights never differ."""
    result = experiments.scaling_invariance((2.0**-7, 2.0**10), cases=PROVEN, running=QUIET)
    frame = result.frame.set_index(["case", "scale"])
    assert len(frame) == 4
    for scale in (2.0**-7, 2.0**10):
        free, clipped = frame.loc[("SGD", scale)], frame.loc[("gradient clip fixed", scale)]
        assert free.identical and free.first_difference == 0 and free.flips > 100_000
        assert not clipped.identical and clipped.first_difference >= 1
    assert frame.loc[("gradient clip fixed", 2.0**-7)].first_difference > 100
    bars = draw(result).figure.data[0]
    assert list(bars.x)[:2] == [600, 600] and bars.text[0] == "✓ to the last step"
    assert bars.x[2] == frame.loc[("gradient clip fixed", 2.0**-7)].first_difference - 1


@pytest.mark.slow
def test_every_case_of_the_theorem() -> None:
    scales = (2.0**-7, 2.0**10)
    frame = experiments.scaling_invariance(scales, epochs=16, running=QUIET).frame
    assert len(frame) == 2 * len(CASES) and (frame.flips > 10_000).all()
    for row in frame.itertuples():
        assert row.identical == (not row.case.endswith("fixed")), row


def test_bops_regimes() -> None:
    good = mlp_run(method="bop", gamma=1e-3, threshold=1e-6)
    assert good["accuracy"] > 0.96
    assert good["pi"][0] > good["pi"][-1] + 2  # flips decay
    noisy = mlp_run(gamma=0.1, threshold=0.0, epochs=10)
    assert noisy["accuracy"] < 0.8 and noisy["pi"][-1] > -3
    frozen = mlp_run(gamma=1e-4, threshold=3e-4, epochs=10)
    assert frozen["pi"][-1] < -8.5 and frozen["accuracy"] < 0.8


@pytest.mark.slow
def test_bop_reaches_97_percent_on_five_seeds() -> None:
    runs = [mlp_run(gamma=1e-3, threshold=1e-6, seed=seed) for seed in range(5)]
    assert np.mean([run["accuracy"] for run in runs]) >= 0.97
    assert all(run["pi"][0] > run["pi"][-1] + 2 for run in runs)


def test_a_run_repeats_exactly_and_its_numbers_agree() -> None:
    run = MlpRun(epochs=2, hidden=(16,), gamma=1e-2, validation=100)
    first, second = (train_mlp_run(run, keep_signs=True) for _ in range(2))
    np.testing.assert_array_equal(first.signs, second.signs)
    assert first.test_accuracy.tolist() == second.test_accuracy.tolist()
    assert first.weights == 64 * 16 + 16 * 10 == first.signs.shape[1]
    assert len(first.flips) == 2 * (1197 // 64) == len(first.signs)
    np.testing.assert_array_equal(
        (first.signs[1:] != first.signs[:-1]).sum(axis=1), first.flips[1:]
    )
    assert first.pi.shape == (2,) and 0 < first.validation_accuracy[-1] <= 1
    other = train_mlp_run(MlpRun(epochs=2, hidden=(16,), gamma=1e-2, seed=1))
    assert other.flips.tolist() != first.flips.tolist()


def test_inertia_is_a_ratio() -> None:
    pairs = ((8.0, 8.0), (1.0, 1.0), (1.0, 0.125))
    result = experiments.learning_rate_is_inertia(pairs=pairs, epochs=2, seeds=(0,), running=QUIET)
    frame = result.frame
    same = frame[frame.inertia == 1.0]
    assert same.total_flips.nunique() == 1 and same.accuracy.nunique() == 1
    assert frame.total_flips.nunique() == 2
    assert len(draw(result).figure.data) == 4


def test_limits_on_latents_keep_them_flipping() -> None:
    result = experiments.clip_and_decay(
        clips=(0.05,), l2=(1e-2,), learning_rate=3.0, epochs=6, seeds=(0,), running=QUIET
    )
    last = result.frame[result.frame.epoch == 6].set_index("rule").pi
    assert last["weight clip"] > last["none"] + 0.2 and last["L2"] > last["none"] + 0.2
    assert len(draw(result).figure.data) == 4


def test_grid_resumes_and_draws(tmp_path) -> None:
    running = Running(folder=tmp_path, progress=False)
    options = {"epochs": 1, "seeds": (0,)}
    first = experiments.bop_grid([1e-3], [1e-6], running=running, **options)
    (file,) = tmp_path.iterdir()
    record = json.loads(file.read_text())
    assert record["settings"]["gamma"] == 1e-3
    record["outcome"]["accuracy"] = 0.125  # must be read, not computed again
    file.write_text(json.dumps(record))
    second = experiments.bop_grid([1e-3, 1e-2], [1e-6], running=running, **options)
    assert second.frame.accuracy[0] == 0.125 != first.frame.accuracy[0]
    assert len(list(tmp_path.iterdir())) == 2
    assert draw(second).figure.data[0].z[0][0] == 12.5


FRESH = """
import json
from bnn_lab.experiments.training import mlp_run
runs = ({"seed": 3, "epochs": 3}, {"method": "adam", "epochs": 2})
print(json.dumps([mlp_run(**run, validation=100) for run in runs]))
"""


def test_the_same_seed_gives_the_same_numbers_in_a_fresh_process() -> None:
    fresh = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FRESH], capture_output=True, text=True, timeout=300
    )
    assert fresh.returncode == 0, fresh.stderr
    first, second = json.loads(fresh.stdout)
    assert first == mlp_run(seed=3, epochs=3, validation=100)
    assert second == mlp_run(method="adam", epochs=2, validation=100)
    assert first["total_flips"] != mlp_run(seed=4, epochs=3)["total_flips"]


def test_a_scale_that_rounds_parts_the_runs_sooner_or_later() -> None:
    # When is chance, and may differ between processors; that no seed of two parts is unlikely.
    compare = experiments.inertia.compare_scaled
    runs = [compare(case="SGD", scale=0.01, learning_rate=1.0, seed=seed) for seed in (1, 2)]
    assert any(not run["identical"] for run in runs)
    assert all(run["flips"] > 10_000 for run in runs)
    short = compare(case="SGD", scale=3.0, learning_rate=1.0, seed=1, epochs=1)
    assert short["identical"] and short["flips"] > 100


def test_comparison_tunes_equally_and_reports_fresh_seeds() -> None:
    candidates = {
        "bop": ({"gamma": 1e-2, "threshold": 1e-6}, {"gamma": 1e-4, "threshold": 1e-3}),
        "adam": ({"learning_rate": 1e-2}, {"learning_rate": 1e-9}),
    }
    result = experiments.bop_vs_latent(
        candidates=candidates, tuning_seeds=(9,), seeds=(0,), epochs=2, running=QUIET
    )
    frame = result.frame
    assert frame.groupby("method").size().tolist() == [3, 3]
    final = frame[frame.phase == "final"]
    assert (final.candidate == 0).all()  # the frozen settings must not win
    assert final.seed.unique().tolist() == [0]
    drawing = draw(result)
    assert len(drawing.figure.data) == 4
    assert (frame.images == 500).all() and "uncertain by" in drawing.words


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: mlp_run(method="magic"), "method"),
        (lambda: mlp_run(speed=1), "unknown settings"),
        (lambda: mlp_run(learning_rate=0.5), "does not use"),
        (lambda: mlp_run(method="adam", gamma=0.5), "does not use"),
        (lambda: mlp_run(method="float", ste_clip=1.0), "does not use"),
        (lambda: mlp_run(epochs=0), "epochs"),
        (lambda: mlp_run(method="sgd", rate_every=-1), "negative"),
        (lambda: mlp_run(method="adam", quantizer="round"), "must be one of ste"),
        (lambda: mlp_run(method="adam", quantizer="swish", ste_clip=1.0), "does not use"),
        (lambda: mlp_run(method="bop", pretrained=2), "does not use"),
        (lambda: mlp_run(method="bop", sigma=0.5), "does not use"),
        (lambda: mlp_run(data="faces"), "data"),
        (lambda: experiments.pseudo_gradients(names=("tanh",)), "no pseudo-gradient"),
        (lambda: experiments.forward_and_backward("tanh", np.zeros(2)), "no pseudo-gradient"),
        (lambda: experiments.inertia_knobs(knobs={}), "at least one"),
        (lambda: experiments.layer_pace(methods={}), "at least one"),
        (lambda: experiments.latent_approximation(seeds=()), "seed"),
        (lambda: mlp_run(batch=2000, epochs=1), "2000"),
        (lambda: experiments.scaling_invariance(-1.0), "scale"),
        (lambda: experiments.scaling_invariance(2.0, cases=("x",)), "no case"),
        (lambda: experiments.bop_grid([2.0], [0.0]), "gammas"),
        (lambda: experiments.bop_grid([0.1], [-1.0]), "taus"),
        (lambda: experiments.bop_grid(speed=1), "no settings"),
        (lambda: experiments.bop_grid(config=3), "BopGrid"),
        (lambda: experiments.bop_vs_latent(candidates={"bop": ({},), "sgd": ()}), "candidates"),
        (lambda: experiments.bop_vs_latent(seeds=(100,)), "overlap"),
        (lambda: digits_mlp((0,)), "unit"),
        (lambda: digits_mlp(binary=False, kernel_quantizer=lq.quantizers.SteSign), "quantizers"),
        (lambda: run_points(lambda: {}, [{}], folder="/tmp/unused"), "lambda"),
    ],
)
def test_bad_settings_are_refused(make, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()


def outcome(x):
    return {"y": np.float32(x) ** 2, "z": np.arange(2)}


def test_results_are_plain_numbers_and_bad_files_are_named(tmp_path) -> None:
    rows = run_points(outcome, [{"x": 1}, {"x": 2}], folder=tmp_path, progress=False)
    assert rows == [{"x": 1, "y": 1.0, "z": [0, 1]}, {"x": 2, "y": 4.0, "z": [0, 1]}]
    path = ResultStore(tmp_path, outcome).path({"x": 1})
    path.write_text("{")
    with pytest.raises(InputError, match=path.name):
        run_points(outcome, [{"x": 1}], folder=tmp_path, progress=False)
    with pytest.raises(InputError, match="JSON"):
        run_points(outcome, [{"x": object()}], folder=tmp_path, progress=False)
    with pytest.raises(InputError, match="settings too"):
        run_points(lambda x: {"x": 1}, [{"x": 1}], progress=False)


def test_latents_are_saved_though_a_scope_leaked(tmp_path) -> None:
    model = digits_mlp((4,), kernel_quantizer=lq.quantizers.SteSign)
    values = model.get_weights()
    with pytest.raises(ZeroDivisionError), latents.quantized_scope(True):
        assert set(np.unique(model.get_weights()[0])) == {-1.0, 1.0}
        1 / 0  # noqa: B018
    assert not lq.context.should_quantize()
    leaked = lq.context.quantized_scope(True)
    leaked.__enter__()
    try:
        with pytest.warns(RuntimeWarning, match="quantized_scope"):
            latents.save_latents(model, tmp_path / "weights.h5")
        assert lq.context.should_quantize()
    finally:
        leaked.__exit__(None, None, None)
    other = digits_mlp((4,), seed=1, kernel_quantizer=lq.quantizers.SteSign)
    other.load_weights(str(tmp_path / "weights.h5"))
    for before, after in zip(values, other.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
