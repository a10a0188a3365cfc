from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from bnn_lab.controls import controls
from bnn_lab.errors import InputError
from bnn_lab.figures.bop_explorer import (
    STEPS,
    BopState,
    compute_bop,
    draw_bop,
)
from bnn_lab.figures.inertia_explorer import TURNS


@pytest.mark.parametrize("gamma", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("threshold", [0.0, 0.1, 0.2])
def test_noise_flips_weights_at_the_predicted_rate(gamma: float, threshold: float) -> None:
    arrays = compute_bop(BopState(gamma, threshold))
    assert arrays.predicted_rate is not None
    assert arrays.long_rate == pytest.approx(arrays.predicted_rate, rel=0.15)


@pytest.mark.parametrize("gamma", [0.005, 0.02, 0.2])
def test_without_noise_every_weight_flips_at_the_predicted_steps(gamma: float) -> None:
    state = BopState(gamma, 0.1, drift=0.5, noise=0.0, push=TURNS)
    arrays = compute_bop(state)
    assert arrays.flips.tolist() == list(arrays.flip_steps)
    assert len(arrays.flip_steps) == 2
    assert arrays.median == arrays.flip_steps[0]
    np.testing.assert_allclose(arrays.average, arrays.mean, atol=1e-12)


def test_the_band_holds_two_thirds_of_the_average() -> None:
    state = BopState(gamma=0.2, threshold=1.0)
    arrays = compute_bop(state)
    inside = np.abs(arrays.average - arrays.mean) <= arrays.spread
    assert inside[20:].mean() == pytest.approx(0.68, abs=0.08)


def test_a_drift_below_the_threshold_flips_nothing() -> None:
    state = BopState(threshold=0.5, drift=0.4, noise=0.0)
    arrays = compute_bop(state)
    assert arrays.flip_steps == () and math.isnan(arrays.median)
    assert "no weight would flip" in draw_bop(state).words
    assert "too weak" in draw_bop(state).figure.layout.title.text


@pytest.mark.parametrize("field", controls(BopState))
@pytest.mark.parametrize("drift", [0.0, 0.3])
def test_every_extreme_draws_finite_numbers_and_words(field: str, drift: float) -> None:
    start = BopState(drift=drift)
    kinds = [trace.type for trace in draw_bop(start).figure.data]
    for value in controls(BopState)[field].extremes():
        state = dataclasses.replace(start, **{field: value})
        figure = draw_bop(state).figure
        assert [trace.type for trace in figure.data] == kinds
        assert len(compute_bop(state).average) == STEPS + 1
        words = draw_bop(state).words + figure.layout.title.text
        assert "nan" not in words and "inf" not in words and "e-" not in words


def test_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="gamma"):
        BopState(gamma=0.5)
