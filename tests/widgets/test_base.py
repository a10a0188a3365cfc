from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go
import pytest

from bnn_lab.controls import check_state, choice, controls, slider, toggle
from bnn_lab.errors import InputError
from bnn_lab.figures import Drawing
from bnn_lab.widgets import Explorer


@dataclass(frozen=True)
class Line:
    slope: float = slider(0.01, low=1e-4, high=0.1, log=True, label="slope")
    points: int = slider(3, low=1, high=9, label="points")
    colour: str = choice("red", options=("red", "blue"), label="colour")
    marked: bool = toggle(True, label="marked")

    def __post_init__(self) -> None:
        check_state(self)


def draw(state: Line) -> Drawing:
    if state.points == 9:
        raise RuntimeError("nine points are too many")
    steps = list(range(state.points))
    figure = go.Figure(go.Scatter(x=steps, y=[state.slope * x for x in steps]))
    figure.update_layout(title=state.colour)
    if state.marked:
        figure.add_annotation(x=0, y=0, text="start")
    return Drawing(figure, f"{state.points} points < 10")


def explorer(name: str = "") -> Explorer[Line]:
    return Explorer(Line(), draw, name)


def test_every_control_moves_the_figure_at_both_ends() -> None:
    shown = explorer()
    for field, control in controls(Line).items():
        for value in control.extremes():
            if value == 9:
                continue
            shown.inputs[field].value = value
            assert getattr(shown.state, field) == pytest.approx(value)
            live, plain = shown.figure.data[0], shown.static().figure.data[0]
            assert (live.x, live.y) == (plain.x, plain.y)
            assert not shown.errors.outputs
    assert shown.figure.layout.title.text == "blue"


def test_what_a_figure_no_longer_has_goes_away() -> None:
    shown = explorer()
    shown.set(marked=False)
    assert not shown.figure.layout.annotations
    shown.set(marked=True)
    assert shown.figure.layout.annotations[0].text == "start"


def test_the_words_follow_and_are_escaped() -> None:
    shown = explorer()
    shown.set(points=5)
    assert "5 points &lt; 10" in shown.words.value


def test_an_exception_is_shown_and_goes_when_all_is_well_again() -> None:
    shown = explorer()
    shown.inputs["points"].value = 9
    (output,) = shown.errors.outputs
    assert "nine points are too many" in output["text"]
    shown.inputs["points"].value = 4
    assert not shown.errors.outputs
    assert len(shown.figure.data[0].x) == 4


def test_the_state_survives_running_the_cell_again() -> None:
    explorer("kept").set(points=7)
    assert explorer("kept").state.points == 7
    assert explorer("other").state.points == 3


def test_values_out_of_range_are_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"Line\(points=10\): must lie in 1\.\.9"):
        explorer().set(points=10)
    with pytest.raises(InputError, match="choose one of"):
        Line(colour="green")
    with pytest.raises(InputError, match="True or False"):
        Line(marked=1)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="points='3'"):
        Line(points="3")  # type: ignore[arg-type]


def test_the_number_of_traces_may_change() -> None:
    shown = Explorer(
        Line(),
        lambda state: Drawing(go.Figure([go.Scatter(y=[1])] * state.points), ""),
    )
    shown.set(points=4)
    assert len(shown.figure.data) == 4 and not shown.errors.outputs
