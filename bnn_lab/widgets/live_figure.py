"""A plotly figure in a notebook that changes and hears clicks.

Plotly's own `FigureWidget` brings its script of 5 MB with every figure, and anywidget gives a
widget two seconds to load. On a busy or slow machine that is too little: then all later messages to
the figure are dropped, so it stays blank or no slider reaches it (see also plotly.py#5027). Here
the script of a figure is a few lines, and every message holds the whole figure. Plotly comes from
the file that its Python package ships, as the state of one widget that all figures share: the page
has it before the first figure, and asks the kernel, which may be busy for minutes, for nothing.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import plotly
import plotly.graph_objects as go
import traitlets

from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.still import still
from bnn_lab.widgets.heard import Heard, heard_script

Click = Callable[[int, int], None]

# Set to 1, a widget shows its static figure: for stored notebooks and documents.
STATIC = "BNN_LAB_STATIC"


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def live_plot() -> str:
    """The script of controls that a figure carries itself, as a part of another one."""
    return _text("live_plot.js").replace("\nexport function ", "\nfunction ")


def controls_script() -> str:
    """Controls for a page without modules: `bnnLabControls(before, figure, draw)`."""
    return f"(() => {{{live_plot()}globalThis.bnnLabControls = addControls;}})();\n"


class LiveFigure(Heard):
    """A figure that is shown, and shown anew when `show` gets another one.

    Args:
        figure: what to show first.

    Attributes:
        content: the figure as plotly's JSON text, as the browser gets it.
    """

    _esm = heard_script() + _text("live_figure.js")
    _plotly = traitlets.Any().tag(sync=True, **ipywidgets.widget_serialization)
    _still = traitlets.Unicode().tag(sync=True)
    content = traitlets.Unicode().tag(sync=True)

    def __init__(self, figure: go.Figure) -> None:
        self._shown = figure
        self._click: Click | None = None
        # A picture, which stands there until plotly draws.
        super().__init__(content=figure.to_json(), _plotly=_plotly(), _still=still(figure))
        self.on_msg(self._on_message)

    @property
    def figure(self) -> go.Figure:
        """The figure that is shown."""
        return self._shown

    def show(self, figure: go.Figure) -> None:
        """Show another figure, in one message."""
        self._shown = figure
        self.content = figure.to_json()

    def into_view(self) -> None:
        """Scroll the page to the figure, where it is out of sight."""
        self.send({"kind": "into view"})

    def on_click(self, callback: Click) -> None:
        """Call `callback(trace number, point number)` when a point is clicked."""
        self._click = callback

    def _on_message(self, _: Any, message: dict[str, Any], buffers: Any) -> None:
        if message.get("kind") == "click" and self._click is not None:
            for trace, point in message["points"][:1]:
                self._click(trace, point)


class StudyFigure(LiveFigure):
    """A figure with controls of its own, which need no kernel.

    Args:
        drawing: from `bnn_lab.figures.draw_study`, or any other; its controls are those of
            `bnn_lab.figures.controls_in_figure`.
    """

    _esm = heard_script() + live_plot() + _text("live_figure.js")

    def __init__(self, drawing: Drawing) -> None:
        super().__init__(drawing.figure)
        self._drawing = drawing

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if os.environ.get(STATIC) == "1":
            return self._drawing.bundle()
        found: Any = super()._repr_mimebundle_(**options)
        live, metadata = found if isinstance(found, tuple) else (found, {})
        return live | self._drawing.still(), metadata


class _Plotly(anywidget.AnyWidget):
    """Plotly for the browser, as its Python package ships it; never displayed."""

    _esm = "export default {};"
    packed = traitlets.Bytes().tag(sync=True)


@cache
def _plotly() -> _Plotly:
    """The one of this kernel."""
    script = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    return _Plotly(packed=zlib.compress(script.read_bytes(), 6))
