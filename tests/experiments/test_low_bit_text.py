"""The experiment of low-bit text, on a transformer so small that it trains in seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnn_lab.errors import InputError
from bnn_lab.experiments.training.low_bit_text import FORMS, low_bit_text, train_text

TINY: dict[str, Any] = {
    "steps": 60,
    "every": 20,
    "batch": 8,
    "context": 16,
    "width": 16,
    "depth": 1,
    "learning_rate": 1e-2,
}


def test_every_form_learns() -> None:
    result = low_bit_text(**TINY)
    frame = result.frame
    assert result.config.steps == 60
    assert list(frame.form.unique()) == list(FORMS)
    assert frame.groupby("form").step.apply(list).map(lambda s: s == [20, 40, 60]).all()
    for _, rows in frame.groupby("form"):
        assert rows.test_loss.iloc[-1] < rows.test_loss.iloc[0] < np.log(30)
        assert rows.train_loss.iloc[-1] < rows.train_loss.iloc[0]
    by_form = frame.groupby("form").last()
    weights = 12 * 16 * 16
    assert by_form.weight_bytes.to_dict() == {
        "float": 4 * weights,
        "ternary": int(np.ceil(weights / 5)),
        "binary": weights // 8,
    }
    assert by_form.flip_rate["float"] == 0 and by_form.zero_share["binary"] == 0
    assert by_form.flip_rate["ternary"] > 0 and by_form.flip_rate["binary"] > 0
    assert 0.1 < by_form.zero_share["ternary"] < 0.6


def test_the_same_settings_give_the_same_run() -> None:
    short = {**TINY, "steps": 20}
    first, second = (train_text("ternary", **short) for _ in range(2))
    assert first.rows == second.rows
    assert first.recorder.totals().weights == 12 * 16 * 16


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"steps": 0}, "steps: must be at least 1"),
        ({"every": 7}, "every: must divide steps"),
        ({"forms": ("quaternary",)}, "must be one of float, ternary, binary"),
        ({"learning_rate": 0.0}, "learning_rate: must be a finite number above 0"),
        ({"width": 17}, "a multiple of the heads"),
        ({"colour": 1}, "has no settings"),
    ],
)
def test_wrong_settings_are_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        train_text("ternary", **{**TINY, **change})
