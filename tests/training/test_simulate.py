from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest

from bnn_lab.errors import InputError
from bnn_lab.training import closed_forms
from bnn_lab.training.simulate import (
    Bop,
    Bop2ndOrder,
    LatentAdam,
    LatentSGD,
    simulate_weights,
)

CLOSE = 0.05  # every closed form within 5 % of simulation


@pytest.mark.parametrize("gamma", [0.5, 0.1, 0.01])
def test_spread_of_the_moving_average(gamma: float) -> None:
    run = simulate_weights(Bop(gamma, 0.0), steps=4000, weights=500, noise=2.0)
    warm = run.watched[int(10 / gamma) :]
    assert warm.std() == pytest.approx(closed_forms.ema_spread(gamma, 2.0), rel=CLOSE)


@pytest.mark.parametrize(
    ("gamma", "threshold", "gradient"),
    [(0.1, 0.5, 1.0), (0.01, 0.5, 1.0), (1e-3, 1e-6, 1e-3), (0.1, 0.0, 0.3), (1.0, 0.5, 1.0)],
)
def test_constant_gradient_flips_bop_at_the_predicted_step(gamma, threshold, gradient) -> None:
    run = simulate_weights(Bop(gamma, threshold), drift=gradient, noise=0.0, weights=1)
    assert run.first_flips[0] == closed_forms.bop_flip_step(gamma, threshold, gradient)
    assert run.flips.sum() == 1  # afterwards the gradient agrees with the weight


@pytest.mark.parametrize("gamma", [0.5, 0.1, 0.02])
@pytest.mark.parametrize("threshold", [0.0, 0.2])
def test_a_drift_that_turns_round_flips_bop_back_at_the_predicted_step(gamma, threshold) -> None:
    drift = np.where(np.arange(800) < 200, 0.3, -0.3)[:, None]
    run = simulate_weights(Bop(gamma, threshold), drift=drift, noise=0.0, weights=1, steps=800)
    first, second = np.flatnonzero(run.flips[:, 0]) + 1
    assert first == closed_forms.bop_flip_step(gamma, threshold, 0.3)
    start = -run.watched[200, 0]  # times the weight's sign
    assert second == 200 + closed_forms.bop_flip_step(gamma, threshold, 0.3, start)


def test_an_average_beyond_the_threshold_flips_at_once() -> None:
    assert closed_forms.bop_flip_step(0.1, 0.2, 0.3, 0.25) == 1
    assert closed_forms.bop_flip_step(0.1, 0.2, 0.3, 0.5) == 1


def test_gradient_below_the_threshold_never_flips() -> None:
    run = simulate_weights(Bop(0.1, 1.0), drift=1.0, noise=0.0)
    assert closed_forms.bop_flip_step(0.1, 1.0, 1.0) is None
    assert not run.flips.any() and np.isnan(run.first_flips).all()


@pytest.mark.parametrize(("gamma", "rate"), [(0.1, 0.1436), (0.01, 0.0451), (1.0, 0.5)])
def test_noise_without_threshold_flips_at_arccos_rate(gamma: float, rate: float) -> None:
    run = simulate_weights(Bop(gamma, 0.0), steps=5000, weights=300)
    assert closed_forms.bop_flip_rate(gamma) == pytest.approx(rate, abs=5e-5)
    assert run.flip_rate(skip=int(5 / gamma)) == pytest.approx(rate, rel=CLOSE)


@pytest.mark.parametrize("gamma", [0.1, 0.03, 0.01])
@pytest.mark.parametrize("k", [0.5, 1.0, 1.5, 2.0])
def test_noise_with_threshold_flips_at_the_first_passage_rate(gamma: float, k: float) -> None:
    threshold = k * closed_forms.ema_spread(gamma, 1.0)
    run = simulate_weights(Bop(gamma, threshold), steps=4000, weights=1500)
    skip = int(5 / gamma)
    assert run.flip_rate(skip) == pytest.approx(closed_forms.bop_flip_rate(gamma, k), rel=CLOSE)


@pytest.mark.parametrize(
    ("initial", "learning_rate", "drift", "noise"),
    [(1.0, 0.05, 0.5, 1.0), (1.0, 0.02, 0.2, 1.0), (0.5, 0.05, 0.3, 0.5), (2.0, 0.1, 0.4, 2.0)],
)
def test_latent_weight_first_flips_as_an_inverse_gaussian(
    initial, learning_rate, drift, noise
) -> None:
    mean, spread = closed_forms.latent_first_flip(initial, learning_rate, drift, noise)
    rule = LatentSGD(learning_rate, initial=initial)
    steps = int(mean + 12 * spread)
    run = simulate_weights(rule, steps=steps, weights=6000, drift=drift, noise=noise)
    first = run.first_flips
    assert not np.isnan(first).any()
    assert first.mean() == pytest.approx(mean, rel=CLOSE)
    assert first.std() == pytest.approx(spread, rel=CLOSE)
    density = closed_forms.inverse_gaussian_density(
        np.arange(1, steps + 1), initial, learning_rate, drift, noise
    )
    assert density.sum() == pytest.approx(1.0, abs=0.01)
    half = int(np.median(first))
    assert density[:half].sum() == pytest.approx(0.5, abs=0.05)


def test_constant_gradient_flips_a_latent_weight_at_the_predicted_step() -> None:
    for initial, rate, gradient in ((1.0, 0.25, 0.5), (1.0, 0.01, 0.3), (0.3, 1.0, 2.0)):
        run = simulate_weights(LatentSGD(rate, initial=initial), drift=gradient, noise=0.0)
        assert run.first_flips[0] == closed_forms.latent_flip_step(initial, rate, gradient)
    assert closed_forms.latent_flip_step(1.0, 0.1, -0.1) is None


def test_only_the_ratio_of_latent_weight_and_learning_rate_counts() -> None:
    small = simulate_weights(LatentSGD(0.25, momentum=0.5, initial=1.0))
    large = simulate_weights(LatentSGD(64.0, momentum=0.5, initial=256.0))
    assert small.flips.sum() > 100
    np.testing.assert_array_equal(small.signs, large.signs)
    np.testing.assert_array_equal(256 * small.watched, large.watched)


def test_adam_step_is_the_papers() -> None:
    run = simulate_weights(LatentAdam(0.1, initial=1.0), drift=3.0, noise=0.0, steps=12, weights=1)
    # A constant gradient moves Adam by exactly the learning rate each step.
    np.testing.assert_allclose(run.watched[:, 0], 1.0 - 0.1 * np.arange(13), atol=1e-6)
    assert run.first_flips[0] in (10, 11)


def test_clipping_limits_the_inertia() -> None:
    drift = np.where(np.arange(400) < 300, -1.0, 1.0)[:, None]  # long push down, then up
    free = simulate_weights(LatentSGD(0.1), steps=400, drift=drift, noise=0.0, weights=1)
    clipped = simulate_weights(LatentSGD(0.1, clip=1.0), steps=400, drift=drift, noise=0, weights=1)
    assert np.isnan(free.first_flips[0])
    assert clipped.first_flips[0] == 311
    assert np.abs(clipped.watched).max() == 1.0


def test_second_order_bop_does_not_depend_on_the_gradients_unit() -> None:
    rule = Bop2ndOrder(0.05, 0.01, 0.2)
    one = simulate_weights(rule, noise=1.0, drift=0.1)
    other = simulate_weights(rule, noise=1024.0, drift=102.4)
    assert one.flips.sum() > 50
    np.testing.assert_array_equal(one.signs, other.signs)
    first_order = [simulate_weights(Bop(0.05, 0.2), noise=n, drift=n / 10) for n in (1.0, 1024.0)]
    assert (first_order[0].signs != first_order[1].signs).any()


def test_unbiased_averages_start_at_full_strength() -> None:
    options = {"steps": 1, "weights": 1, "drift": 2.0, "noise": 0.0}
    assert simulate_weights(Bop2ndOrder(0.1, 0.1, unbiased=True), **options).watched[
        1, 0
    ] == pytest.approx(1.0)
    assert simulate_weights(Bop2ndOrder(0.1, 0.1), **options).watched[1, 0] == pytest.approx(
        math.sqrt(0.1)
    )


def test_trajectory_numbers_agree_with_each_other() -> None:
    run = simulate_weights(Bop(0.3, 0.1), steps=200, weights=7, seed=5)
    assert run.signs.shape == run.watched.shape == (201, 7)
    assert run.flips_per_step.sum() == run.flips.sum()
    assert len(run.times_between_flips) == run.flips.sum() - run.flips.any(axis=0).sum()
    steps = [np.flatnonzero(run.flips[:, i]) for i in range(7)]
    np.testing.assert_array_equal(
        np.concatenate([np.diff(s) for s in steps]), run.times_between_flips
    )
    assert [s[0] + 1 for s in steps] == run.first_flips.tolist()
    again = simulate_weights(Bop(0.3, 0.1), steps=200, weights=7, seed=5)
    np.testing.assert_array_equal(run.watched, again.watched)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Bop(0.0),
        lambda: Bop(0.1, -1.0),
        lambda: Bop2ndOrder(sigma=2.0),
        lambda: LatentSGD(-1.0),
        lambda: LatentSGD(momentum=1.0),
        lambda: LatentAdam(beta2=1.0),
        lambda: LatentAdam(clip=0.0),
        lambda: simulate_weights(Bop(), steps=0),
        lambda: simulate_weights(Bop(), noise=-1.0),
        lambda: simulate_weights(Bop(), drift=float("nan")),
        lambda: simulate_weights(Bop(), drift=np.zeros(3)),
        lambda: simulate_weights(Bop(), steps=10).flip_rate(skip=10),
        lambda: closed_forms.bop_flip_rate(2.0),
        lambda: closed_forms.bop_flip_rate(1.0, 1.0),
        lambda: closed_forms.latent_first_flip(1.0, 0.1, 0.0, 1.0),
        lambda: closed_forms.ema_spread(0.1, -1.0),
    ],
)
def test_bad_values_are_refused(make) -> None:
    with pytest.raises(InputError):
        make()


def test_importing_the_simulator_does_not_load_tensorflow() -> None:
    code = "import sys, bnn_lab.training.simulate; print('tensorflow' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    assert result.stdout.strip() == "False", result.stderr
