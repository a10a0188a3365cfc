from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
import pytest

from bnn_lab.widgets import BallAndLamp, Prediction
from bnn_lab.widgets.file_drop import FileDrop
from bnn_lab.widgets.heard import Heard
from bnn_lab.widgets.live_figure import LiveFigure, StudyFigure


def _drop() -> FileDrop:
    return FileDrop("Drop it here", 1000, lambda name, content: None, lambda name, why: None)


def test_every_script_listens() -> None:
    for kind in (BallAndLamp, Prediction, LiveFigure, StudyFigure, FileDrop):
        assert issubclass(kind, Heard)
        script = str(kind._esm)
        assert "keepHeard(model)" in script and "function keepHeard" in script
        assert "default { initialize, render }" in script


def test_the_page_finds_the_widget_by_its_number() -> None:
    for widget in (BallAndLamp(), LiveFigure(go.Figure()), _drop()):
        assert widget.get_state()["_id"] == widget.model_id
    assert BallAndLamp()._id != BallAndLamp()._id


def test_who_asks_gets_what_may_have_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    shown = BallAndLamp(drift=0.3)
    monkeypatch.setattr(shown, "send", sent.append)
    shown.initial = 1.5
    shown._handle_custom_msg({"kind": "other"}, [])
    shown._handle_custom_msg("no question", [])
    assert sent == []
    shown._handle_custom_msg({"kind": "missed"}, [])
    assert sent == [{"kind": "again", "state": shown.state}]
    assert sent[0]["state"]["initial"] == 1.5 and sent[0]["state"]["drift"] == 0.3

    drop = _drop()
    monkeypatch.setattr(drop, "send", sent.append)
    drop.note = "read"
    drop._handle_custom_msg({"kind": "missed"}, [])
    assert sent[1]["state"] == {"title": "Drop it here", "most": 1000, "note": "read"}


def test_the_page_hears_where_an_explorable_starts_with_the_first_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    later: list[Any] = []
    monkeypatch.setattr(BallAndLamp, "send_state", lambda self, key=None: later.append(key))
    opened: list[dict[str, Any]] = []
    monkeypatch.setattr(Heard, "open", lambda self: opened.append(self.get_state()))
    BallAndLamp("mine", drift=0.25)
    assert opened[0]["_name"] == "mine"
    assert opened[0]["_start"]["drift"] == 0.25 == opened[0]["drift"]
    # Only what anywidget itself adds to a class.
    assert set(later) <= {"_esm", "_anywidget_id", "_css"}
