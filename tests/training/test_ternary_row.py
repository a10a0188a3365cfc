"""The simulated row of ternary weights: absmean at 0.5, and what the dead zone does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnn_lab import ternary_reference as ternary
from bnn_lab.errors import InputError
from bnn_lab.training.ternary_row import simulate_ternary_row


def test_at_half_a_mean_magnitude_it_is_absmean() -> None:
    row = simulate_ternary_row(zone=0.5, steps=60, weights=100)
    for latents, trits in zip(row.latents, row.trits, strict=True):
        np.testing.assert_array_equal(ternary.absmean(latents.astype(np.float32)).trits, trits)


def test_moves_are_the_changes_of_trits() -> None:
    row = simulate_ternary_row(zone=0.2, learning_rate=0.3, steps=60, weights=100)
    changes = (row.trits[1:] != row.trits[:-1]).sum(axis=1)
    np.testing.assert_array_equal(row.moves.sum(axis=1), changes)
    assert (row.moves.sum(axis=0) > 0).all()
    zeros = (row.trits == 0).sum(axis=1)
    np.testing.assert_array_equal(np.diff(zeros), row.moves[:, 0] - row.moves[:, 1])


def test_without_noise_every_weight_gets_to_its_goal_and_rests() -> None:
    row = simulate_ternary_row(noise=0.0, learning_rate=0.2)
    np.testing.assert_array_equal(row.trits[-1], row.goals)
    assert row.moves[-20:].sum() == 0
    assert set(row.goals.tolist()) == {-1, 0, 1}


@pytest.mark.parametrize(
    "bad", [{"zone": -0.1}, {"learning_rate": 0.0}, {"noise": -1.0}, {"steps": 0}, {"weights": 0}]
)
def test_settings_out_of_range_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(bad))):
        simulate_ternary_row(**bad)
