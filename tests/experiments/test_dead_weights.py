"""Weights that never flip: the experiment counts what the recorder sees, and repeats exactly."""

from __future__ import annotations

import pytest

from bnn_lab.errors import InputError
from bnn_lab.experiments.training import Running, dead_weights
from bnn_lab.experiments.training.dead_weights import QUANTIZERS
from bnn_lab.figures import draw

QUIET = Running(progress=False)


def test_shares_fall_runs_repeat_and_the_figure_has_them() -> None:
    options = {"epochs": 2, "seeds": (0,), "hidden": (16,), "data": "digits", "running": QUIET}
    result = dead_weights(**options)
    frame = result.frame
    assert list(frame.quantizer.unique()) == list(QUANTIZERS) and len(frame) == 2 * len(QUANTIZERS)
    for _, rows in frame.groupby("quantizer"):
        first, last = rows.never_flipped
        assert 1 > first >= last > 0
    assert frame[frame.epoch == 2].pi.nunique() == len(QUANTIZERS)
    again = dead_weights(quantizers=("ReCU",), **options).frame
    same = frame[frame.quantizer == "ReCU"].reset_index(drop=True)
    assert again.equals(same)
    drawing = draw(result)
    assert len(drawing.figure.data) == 2 * len(QUANTIZERS)
    assert "ReCU: " in drawing.words and "never flipped" in drawing.words


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"quantizers": ("odd",)}, "there are no"),
        ({"seeds": ()}, "seeds: at least one"),
        ({"learning_rate": 0}, "above 0"),
        ({"epochs": 0}, "at least 1"),
    ],
)
def test_settings_that_make_no_sense(change, words) -> None:
    with pytest.raises(InputError, match=words):
        dead_weights(running=QUIET, **change)
