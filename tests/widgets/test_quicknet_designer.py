from __future__ import annotations

import itertools

import pytest

from bnn_lab.controls import controls
from bnn_lab.errors import ConversionError
from bnn_lab.lessons.designer import Design, Measured
from bnn_lab.widgets import base, quicknet_designer
from bnn_lab.widgets.quicknet_designer import QuickNetDesigner


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quicknet_designer, "_measured", {})
    monkeypatch.setattr(base, "_left_in", {})


def pretend(design: Design, progress) -> Measured:
    progress("timing it", 0.8)
    progress("done", 1.0)
    return Measured(2.5, 1_000_000)


def plots(shown: QuickNetDesigner) -> list[tuple]:
    return [(tuple(trace.x), tuple(trace.y)) for trace in shown.figure.data]


def test_every_control_changes_the_figure_at_both_ends() -> None:
    shown = QuickNetDesigner(measure=pretend)
    for field, control in controls(Design).items():
        start = getattr(shown.state, field)
        seen = []
        for value in control.extremes():
            shown.inputs[field].value = value
            seen.append(plots(shown))
            assert shown.errors.outputs == ()
        assert all(a != b for a, b in itertools.pairwise(seen)), field
        shown.inputs[field].value = start


def test_the_button_measures_and_shows_it() -> None:
    shown = QuickNetDesigner(measure=pretend)
    shown.button.click()
    assert "measured <b>2.50 ms" in shown.figure.layout.title.text
    assert "Measured: 2.50 ms" in shown.words.value
    assert shown.results.value.count("<tr>") == 2  # head and one design
    assert not shown.button.disabled and shown.progress.value == 1.0

    shown.set(blocks_1=1)
    assert "measured" not in shown.figure.layout.title.text
    shown.button.click()
    again = QuickNetDesigner(measure=pretend)
    assert again.results.value.count("<tr>") == 3
    assert again.state.blocks_1 == 1


def test_a_measurement_that_fails_is_shown() -> None:
    def fail(design: Design, progress) -> Measured:
        raise ConversionError("no such op")

    shown = QuickNetDesigner(measure=fail)
    assert shown.measure() is None
    assert "no such op" in shown.errors.outputs[0]["text"]
    assert not shown.button.disabled and shown.results.value == ""
    shown.set(blocks_1=2)
    assert shown.errors.outputs == ()
