"""Shortcuts and ends of a small network: settings, a hasty run, and the stored one."""

from __future__ import annotations

import pytest

from bnn_lab._pandas import to_frame
from bnn_lab.errors import InputError
from bnn_lab.experiments.training import (
    ExperimentResult,
    SectionShortcuts,
    ShortcutsAndEnds,
    recorded_section_shortcuts,
    recorded_shortcuts_and_ends,
    section_shortcuts,
    shortcuts_and_ends,
)
from bnn_lab.experiments.training.architecture import VARIANTS, latencies
from bnn_lab.experiments.training.base import Running
from bnn_lab.experiments.training.sections import RECORDED_SEEDS, name_of
from bnn_lab.figures import draw, draw_section_choices
from bnn_lab.models.deep_digits import deep_digits, sectioned_digits


def test_the_stored_run_is_that_of_the_defaults() -> None:
    frame, default = recorded_shortcuts_and_ends(), ShortcutsAndEnds()
    runs = {(row.variant, row.seed) for row in frame.itertuples()}
    assert runs == {(v, s) for v in default.variants for s in default.seeds}
    assert len(frame) == len(runs) and frame.accuracy.between(0.5, 1).all()
    mean = frame.groupby("variant").accuracy.mean()
    assert mean.idxmax() == next(iter(VARIANTS))  # what lesson 5 says


def test_the_stored_run_of_sections_has_every_choice_timed() -> None:
    stored, sections = recorded_section_shortcuts(), SectionShortcuts().sections
    frame = stored.frame
    runs = {(row.variant, row.seed) for row in frame.itertuples()}
    assert len(frame) == len(runs) == 2**sections * len(RECORDED_SEEDS)
    assert set(frame.seed) == set(RECORDED_SEEDS) and frame.accuracy.between(0.5, 1).all()
    assert (frame[["fused_us", "unfused_us"]] > 0).all().all()
    assert stored.cpu and stored.time[:2] == "20"
    drawing = draw_section_choices(frame)
    names = [control["name"] for control in drawing.figure.layout.meta["controls"]]
    assert names == [*(f"section_{n + 1}" for n in range(sections)), "fused"]
    shown = [trace for trace in drawing.figure.data if trace.visible is not False]
    assert [trace.name for trace in shown] == ["one run", "mean"]  # additions fused, all choices
    assert [len(trace.x) for trace in shown] == [len(frame), 2**sections]
    for trace in drawing.figure.data:
        of = trace.meta["of"]
        assert all(len(of[f"section_{n + 1}"]) == len(trace.x) for n in range(sections))
    means = frame.groupby("section_1").fused_us.mean()
    assert f"{means[True] - means[False]:+.2f} µs" in drawing.words
    none = frame[frame.variant == "none"]
    assert f"Without any {100 * none.accuracy.mean():.1f} % in" in drawing.words
    with pytest.raises(InputError, match="no times"):
        draw_section_choices(frame.drop(columns="fused_us"))


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


def test_every_choice_of_sections_is_trained_and_timed() -> None:
    quiet = Running(progress=False)
    result = section_shortcuts(
        sections=2, convolutions=1, epochs=1, images=100, data="digits", running=quiet
    )
    assert list(result.frame.variant) == ["all 2", "section 1", "section 2", "none"]
    assert (result.frame.fused_us > 0).all() and result.frame.accuracy.between(0, 1).all()
    by = result.frame.set_index("variant")
    assert by.section_1.tolist() == [True, True, False, False]
    change = by.accuracy.iloc[[0, 2]].mean() - by.accuracy.iloc[[1, 3]].mean()
    assert f"section 2 {100 * change:+.1f} points and" in draw(result).words


def test_only_sections_that_have_shortcuts_add() -> None:
    for shortcuts, name in (
        ((True, False, True), "sections 1 and 3"),
        ((False, True, False), "section 2"),
        ((True,) * 3, "all 3"),
    ):
        assert name_of(list(shortcuts)) == name
        model = sectioned_digits(shortcuts, convolutions=2)
        added = [layer.output.shape[-1] for layer in model.layers if "add" in layer.name]
        assert added == [32 * 2**n for n, has in enumerate(shortcuts) if has for _ in range(2)]


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"sections": 0}, "1 to 4"),
        ({"epochs": 0}, "epochs"),
        ({"images": 0}, "images"),
        ({"seeds": ()}, "seeds"),
        ({"channels": 33}, "32-bit words"),
        ({"sections": 4, "data": "digits"}, "16 pixels"),
    ],
)
def test_sections_that_make_no_sense(change, part: str) -> None:
    with pytest.raises(InputError, match=part):
        section_shortcuts(**change)
