"""Bop for ternary weights: what a move does to the average, on a few digits."""

from __future__ import annotations

from typing import Any

import pytest

from bnn_lab.errors import InputError
from bnn_lab.experiments.training import Running, ternary_bop
from bnn_lab.experiments.training.ternary_bop import KEEPS, LATENT, RESTARTS
from bnn_lab.figures import draw

TINY: dict[str, Any] = {"data": "digits", "hidden": (24,), "epochs": 2, "thresholds": (1e-4,)}


def test_each_way_learns_and_a_kept_average_leaves_fewer_zeros() -> None:
    result = ternary_bop(running=Running(progress=False), **TINY)
    frame = result.frame
    assert len(frame) == 6 and list(frame.method.unique()) == [RESTARTS, KEEPS, LATENT]
    last = frame[frame.epoch == 2].set_index("method")
    assert (last.accuracy > 0.4).all()  # of ten classes
    assert (frame.move_rate > 0).all()
    assert last.zero_share[KEEPS] < last.zero_share[RESTARTS]
    assert frame.threshold.isna().sum() == 2
    drawing = draw(result)
    assert len(drawing.figure.data) == 3 and LATENT in drawing.words


@pytest.mark.parametrize(
    "bad",
    [
        {"methods": ("SGD",)},
        {"gamma": 0.0},
        {"thresholds": (0.0,)},
        {"learning_rate": -1.0},
        {"epochs": 0},
        {"seeds": ()},
        {"batch": 100_000},
    ],
)
def test_settings_out_of_range_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(bad))):
        ternary_bop(running=Running(progress=False), **{**TINY, **bad})
