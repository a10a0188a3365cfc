from __future__ import annotations

from typing import Any

import comm
import plotly.graph_objects as go
import pytest

from bnn_lab.widgets.live_figure import LiveFigure


class Line:
    """Stands in for the connection to a browser; keeps what is sent."""

    def __init__(self, sent: list[dict[str, Any]], data: dict[str, Any]) -> None:
        self.sent = sent
        self.comm_id = str(id(self))
        if "_widget_data" in data["state"]:  # not the figure's layout object
            sent.append(data["state"])

    def send(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("method") == "update":
            self.sent.append(data["state"])

    def on_msg(self, callback: Any) -> None:
        pass

    def close(self, *_: Any, **__: Any) -> None:
        pass


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(comm, "create_comm", lambda data, **_: Line(found, data))
    return found


def test_the_first_message_holds_the_traces_and_the_layout(sent: list[dict[str, Any]]) -> None:
    plain = go.Figure(go.Scatter(y=[1, 2, 3]), {"title": {"text": "three points"}})
    LiveFigure(plain)
    assert sent[0]["_widget_data"][0]["y"] == [1, 2, 3]
    assert sent[0]["_widget_layout"]["title"]["text"] == "three points"
    assert len(sent) == 1


def test_later_changes_are_sent_as_before(sent: list[dict[str, Any]]) -> None:
    figure = LiveFigure(go.Figure(go.Scatter(y=[1, 2, 3])))
    with figure.batch_update():
        figure.data[0].y = [4, 5, 6]
    assert any("_py2js_update" in state for state in sent[1:])
