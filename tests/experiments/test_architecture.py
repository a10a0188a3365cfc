"""Shortcuts and ends of a small network: settings, a hasty run, and the stored one."""

from __future__ import annotations

import pytest

from bnn_lab._pandas import to_frame
from bnn_lab.errors import InputError
from bnn_lab.experiments.training import (
    ExperimentResult,
    ShortcutsAndEnds,
    recorded_shortcuts_and_ends,
    shortcuts_and_ends,
)
from bnn_lab.experiments.training.architecture import VARIANTS, latencies
from bnn_lab.experiments.training.base import Running
from bnn_lab.figures import draw
from bnn_lab.models.deep_digits import deep_digits


def test_the_stored_run_is_that_of_the_defaults() -> None:
    frame, default = recorded_shortcuts_and_ends(), ShortcutsAndEnds()
    runs = {(row.variant, row.seed) for row in frame.itertuples()}
    assert runs == {(v, s) for v in default.variants for s in default.seeds}
    assert len(frame) == len(runs) and frame.accuracy.between(0.5, 1).all()
    mean = frame.groupby("variant").accuracy.mean()
    assert mean.idxmax() == next(iter(VARIANTS))  # what lesson 5 says


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"variants": ("odd",)}, "there are no"),
        ({"epochs": 0}, "epochs"),
        ({"seeds": ()}, "seeds"),
        ({"layers": 3}, "no settings"),
    ],
)
def test_settings_that_make_no_sense(change, part: str) -> None:
    with pytest.raises(InputError, match=part):
        shortcuts_and_ends(**change)


@pytest.mark.parametrize("change", [{"ends": "int8"}, {"channels": 33}, {"depth": 0}])
def test_networks_that_make_no_sense(change) -> None:
    with pytest.raises(InputError, match="deep_digits"):
        deep_digits(**change)


@pytest.mark.slow
def test_a_hasty_run_of_two_variants() -> None:
    settings = {"variants": tuple(VARIANTS)[1::2], "seeds": (3,), "epochs": 2, "depth": 1}
    result = shortcuts_and_ends(**settings, images=100, running=Running(progress=False))
    assert list(result.frame.variant) == list(settings["variants"])
    assert all(len(accuracies) == 2 for accuracies in result.frame.accuracies)
    assert result.frame.accuracy.between(0, 1).all()


def test_the_same_networks_are_timed_fused_and_not() -> None:
    variants = tuple(VARIANTS)[:2]
    found = latencies(ShortcutsAndEnds(variants=variants, depth=2))
    assert list(found) == list(variants)
    assert all(row["fused_us"] > 0 and row["unfused_us"] > 0 for row in found.values())
    rows = [{"variant": name, "seed": 0, "accuracy": 0.5, **found[name]} for name in variants]
    drawing = draw(ExperimentResult(ShortcutsAndEnds(), to_frame(rows)))
    assert len(drawing.figure.data) == 4 and "µs fused" in drawing.words
    assert list(drawing.figure.data[3].x) == [row["fused_us"] for row in found.values()]
