"""A plotly figure that is complete from its first message to the browser on."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go


class LiveFigure(go.FigureWidget):
    """`FigureWidget` without its blank start.

    Plotly tells the browser of a new, empty widget and sends its traces in later messages. Those
    wait until anywidget has loaded the widget's script, and on a busy machine the view is drawn
    before them: the plot stays blank, and no slider reaches it (see plotly.py#5027). Here the
    widget is opened when its traces are in place, so they travel in the first message.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._complete = False
        super().__init__(*args, **options)
        self._complete = True
        self.open()

    def open(self) -> None:
        """Called by ipywidgets at the end of its own `__init__`, which is too early."""
        if self._complete:
            super().open()
