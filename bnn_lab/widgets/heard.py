"""The base of widgets with a script of their own: none is deaf to Python on a slow machine.

anywidget gives a script two seconds to load, counted from when the page hears of the widget. After
that it shows the widget all the same, but drops every message from Python: values set from a cell,
answers, films that grow. Here the page notices, listens by itself from then on, and asks for what
it has missed (``js/core/heard.js``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

import anywidget
import ipywidgets
import traitlets

_SCRIPT = Path(__file__).with_name("js") / "core" / "heard.js"


def heard_script() -> str:
    """``keepHeard``, to be put in front of a script that is not joined by `bundle`."""
    return _SCRIPT.read_text(encoding="utf-8").replace("\nexport ", "\n")


class Heard(anywidget.AnyWidget):
    """An anywidget whose script calls ``keepHeard(model)`` in its ``initialize``.

    Args:
        **traits: as of any widget.
    """

    # By this id the page finds the widget's own model; anywidget gives scripts a stand-in.
    _id = traitlets.Unicode().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        own = uuid4().hex
        super().__init__(model_id=own, _id=own, **traits)
        self.on_msg(self._missed)

    def _missed(self, _: Any, content: Any, __: Any) -> None:
        """The page asks for what it has missed."""
        if isinstance(content, dict) and content.get("kind") == "missed":
            common = ipywidgets.DOMWidget.class_trait_names(sync=True)
            names = [n for n in self.keys if n not in common and not n.startswith("_")]
            self.send({"kind": "again", "state": self.get_state(names)})
