from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bnn_lab.controls import controls
from bnn_lab.errors import InputError
from bnn_lab.figures.inertia_explorer import (
    TURNS,
    InertiaState,
    compute_inertia,
    draw_inertia,
)


def test_simulated_first_flips_follow_the_closed_form() -> None:
    for state in (InertiaState(), InertiaState(0.1, 2.0, drift=0.3), InertiaState(noise=2.0)):
        arrays = compute_inertia(state)
        assert arrays.flipped == pytest.approx(arrays.predicted_flipped, abs=5)
        cumulated = np.abs(np.cumsum(arrays.simulated - arrays.predicted))
        assert cumulated.max() < 8  # 400 weights: 1.6 times the deviation of a share is 4


def test_without_noise_all_weights_flip_at_once_when_the_formula_says() -> None:
    state = InertiaState(learning_rate=0.25, initial=1.0, drift=0.5, noise=0.0)
    arrays = compute_inertia(state)
    assert set(arrays.first_flips) == {9.0}
    assert arrays.predicted.max() == arrays.simulated.max() == 100
    assert arrays.predicted.argmax() == arrays.simulated.argmax()


def test_only_the_ratio_counts() -> None:
    one, two = InertiaState(0.05, 1.0), InertiaState(0.1, 2.0)
    assert one.inertia == two.inertia == 20
    np.testing.assert_array_equal(
        compute_inertia(one).first_flips, compute_inertia(two).first_flips
    )


def test_clipping_bounds_the_latents_and_the_inertia() -> None:
    free = InertiaState(push=TURNS, drift=0.5)
    clipped = dataclasses.replace(free, clip=True, clip_at=0.5)
    assert np.abs(compute_inertia(free).latents).max() > 2
    assert np.abs(compute_inertia(clipped).latents).max() == 0.5
    assert clipped.inertia == 10
    assert "knows nothing of the clip" in draw_inertia(clipped).words
    lines = [shape for shape in draw_inertia(clipped).figure.layout.shapes if shape.x1 == 1]
    assert sorted(line.y0 for line in lines) == [-0.5, 0, 0.5]
    assert all(line.opacity == 1 for line in lines if line.y0)


def test_the_prediction_ends_where_the_drift_turns() -> None:
    arrays = compute_inertia(InertiaState(initial=2.0, push=TURNS))
    assert arrays.predicted[:21].sum() > 0 and not arrays.predicted[21:].any()


@pytest.mark.parametrize("field", controls(InertiaState))
def test_every_extreme_draws_finite_numbers_and_words(field: str) -> None:
    kinds = [trace.type for trace in draw_inertia(InertiaState()).figure.data]
    for value in controls(InertiaState)[field].extremes():
        state = dataclasses.replace(InertiaState(), **{field: value})
        figure = draw_inertia(state).figure
        assert [trace.type for trace in figure.data] == kinds
        assert np.isfinite(compute_inertia(state).latents).all()
        words = draw_inertia(state).words + figure.layout.title.text
        assert "nan" not in words and "inf" not in words
        assert figure.layout.title.text.count("formula") == 1


def test_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="learning_rate"):
        InertiaState(learning_rate=2.0)
