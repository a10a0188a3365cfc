from __future__ import annotations

import pytest

from bnn_lab.controls import controls
from bnn_lab.figures.bitpack_stepper import ONES, StepperState
from bnn_lab.widgets import BitpackStepper, base


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_left_in", {})


def test_every_control_changes_the_figure_at_both_ends() -> None:
    shown = BitpackStepper()
    shown.set(row=0, column=0)
    for field, control in controls(StepperState).items():
        start, seen = getattr(shown.state, field), []
        for value in control.extremes():
            shown.inputs[field].value = value
            seen.append(str(shown.figure.to_plotly_json()))
            assert shown.errors.outputs == ()
        assert seen[0] != seen[1], field
        shown.inputs[field].value = start


def test_the_buttons_step() -> None:
    shown = BitpackStepper()
    shown.set(row=1, column=7, word=8, padding=ONES)
    shown.step.click()
    assert (shown.state.row, shown.state.column, shown.state.word) == (2, 0, 0)
    assert shown.inputs["row"].value == 2
    shown.back.click()
    assert (shown.state.row, shown.state.column, shown.state.word) == (1, 7, 8)
    shown.window.click()
    assert (shown.state.row, shown.state.column, shown.state.word) == (2, 0, 8)
    assert "row 2, column 0" in shown.words.value
