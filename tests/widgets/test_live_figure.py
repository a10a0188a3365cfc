from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go
import pytest

from bnn_lab.widgets.live_figure import LiveFigure


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


def test_plotly_is_sent_when_the_page_asks(
    live: LiveFigure, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[tuple[Any, Any]] = []
    monkeypatch.setattr(live, "send", lambda message, buffers=None: sent.append((message, buffers)))
    live._on_message(live, {"kind": "plotly"}, [])
    ((message, (script,)),) = sent
    assert message == {"kind": "plotly"}
    assert b"Plotly" in script and len(script) > 10**6


def test_clicks_arrive(live: LiveFigure) -> None:
    live._on_message(live, {"kind": "click", "points": [[0, 2]]}, [])  # nobody listens
    clicks = []
    live.on_click(lambda trace, point: clicks.append((trace, point)))
    live._on_message(live, {"kind": "click", "points": [[0, 2], [0, 1]]}, [])
    live._on_message(live, {"kind": "click", "points": []}, [])
    live._on_message(live, {"kind": "other"}, [])
    assert clicks == [(0, 2)]
