from __future__ import annotations

import json
import zlib

import plotly.graph_objects as go
import pytest

from bnn_lab.figures.controls_in_figure import add_controls, choice
from bnn_lab.figures.drawing import Drawing
from bnn_lab.widgets.live_figure import STATIC, LiveFigure, StudyFigure


@pytest.fixture
def live() -> LiveFigure:
    return LiveFigure(go.Figure(go.Scatter(y=[1, 2, 3]), {"title": {"text": "three points"}}))


def test_the_browser_gets_the_whole_figure_each_time(live: LiveFigure) -> None:
    state = live.get_state()
    assert json.loads(state["content"])["layout"]["title"]["text"] == "three points"
    live.show(go.Figure([go.Bar(y=[4]), go.Bar(y=[5])]))
    assert [trace["type"] for trace in json.loads(live.content)["data"]] == ["bar", "bar"]
    assert live.figure.data[1].y == (5,)


def test_a_figure_brings_little_with_it(live: LiveFigure) -> None:
    """Anywidget drops all messages to a widget whose script does not load within two seconds."""
    assert len(live.get_state()["_esm"]) < 10_000


def test_plotly_comes_once_for_all_figures_and_unasked(live: LiveFigure) -> None:
    other = LiveFigure(go.Figure())
    assert live._plotly is other._plotly
    assert live.get_state()["_plotly"] == f"IPY_MODEL_{live._plotly.model_id}"
    script = zlib.decompress(live._plotly.get_state()["packed"])
    assert b"Plotly" in script and len(script) > 10**6
    assert len(live._plotly.packed) < len(script) / 3


def test_a_picture_stands_there_until_plotly_draws(live: LiveFigure) -> None:
    assert "three points" in live.get_state()["_still"]


def test_clicks_arrive(live: LiveFigure) -> None:
    live._on_message(live, {"kind": "click", "points": [[0, 2]]}, [])  # nobody listens
    clicks = []
    live.on_click(lambda trace, point: clicks.append((trace, point)))
    live._on_message(live, {"kind": "click", "points": [[0, 2], [0, 1]]}, [])
    live._on_message(live, {"kind": "click", "points": []}, [])
    live._on_message(live, {"kind": "other"}, [])
    assert clicks == [(0, 2)]


def test_a_study_brings_its_controls(monkeypatch: pytest.MonkeyPatch) -> None:
    figure = go.Figure([go.Scatter(x=[1], y=[k], meta={"of": {"kernel": k}}) for k in (1, 3)])
    add_controls(figure, [choice("kernel", "kernel", (1, 3), every="none")])
    drawing = Drawing(figure, "Two.")
    shown = StudyFigure(drawing)
    meta = json.loads(shown.content)["layout"]["meta"]
    assert meta["alt"] == "Two." and [c["value"] for c in meta["controls"]] == [1]
    assert [trace.visible for trace in shown.figure.data] == [None, False]
    script = shown.get_state()["_esm"]
    assert "function addControls" in script and "export function" not in script
    assert "addControls" in LiveFigure(figure).get_state()["_esm"]  # only asked for
    monkeypatch.setenv(STATIC, "1")
    assert "application/vnd.plotly.v1+json" in shown._repr_mimebundle_()
