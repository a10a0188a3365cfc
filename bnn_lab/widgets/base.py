"""Wiring between a pure explorer (`bnn_lab.figures`) and what a notebook shows."""

from __future__ import annotations

import dataclasses
import html
import math
import os
import traceback
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import ipywidgets
import plotly.graph_objects as go

from bnn_lab.controls import Control, controls
from bnn_lab.figures.drawing import Drawing
from bnn_lab.widgets.live_figure import STATIC as STATIC
from bnn_lab.widgets.live_figure import LiveFigure

State = TypeVar("State")

# Name of an explorer to the state it was left in: running its cell again does not lose it.
_left_in: dict[str, Any] = {}


class Explorer(ipywidgets.VBox, Generic[State]):
    """A figure whose state is moved by controls.

    Args:
        start: state of the first display; a frozen dataclass of `bnn_lab.controls`.
        draw: state to `Drawing`, pure and quick (below 100 ms); its words, one or two sentences,
            are shown under the figure and read by screen readers.
        name: name of this explorer. One made later under the same name starts in the state that
            this one was left in; "" always starts in `start`.

    Attributes:
        plot: the `LiveFigure` that shows the figure.
        inputs: field name to its ipywidget.
        errors: an `ipywidgets.Output` that shows what `draw` raised, empty if all is well.
        words: the `ipywidgets.HTML` of the description.
    """

    def __init__(
        self,
        start: State,
        draw: Callable[[State], Drawing],
        name: str = "",
    ) -> None:
        self._draw, self._name = draw, name
        kept = _left_in.get(name) if name else None
        self._state: State = kept if isinstance(kept, type(start)) else start
        self.errors = ipywidgets.Output()
        self.words = ipywidgets.HTML()
        self.inputs = {
            field: make_input(control, getattr(self._state, field))
            for field, control in controls(start).items()
        }
        drawing = draw(self._state)
        self.plot = LiveFigure(drawing.figure)
        self.words.value = spoken(drawing.words)
        for field, widget in self.inputs.items():
            widget.observe(self._on_change(field), names="value")
        super().__init__([*self._rows(), self.plot, self.words, self.errors])
        self.add_class("bnn-lab-explorer")
        if name:
            self.add_class(f"bnn-lab-{name}")

    @property
    def figure(self) -> go.Figure:
        """The figure that is shown."""
        return self.plot.figure

    @property
    def state(self) -> State:
        """The state that is shown."""
        return self._state

    def set(self, **changes: Any) -> None:
        """Move controls from code, as a user would.

        Args:
            changes: field name to value.

        Raises:
            InputError: a value is out of range.
        """
        state = dataclasses.replace(self._state, **changes)  # type: ignore[type-var]
        for field in changes:
            self.inputs[field].value = getattr(state, field)

    def static(self) -> Drawing:
        """The present state, for documents without widgets."""
        return self._draw(self._state)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if os.environ.get(STATIC) == "1":
            return self.static().bundle()
        found: Any = super()._repr_mimebundle_(**options)
        live, metadata = found if isinstance(found, tuple) else (found, {})
        # Without a kernel or scripts, the picture is what remains.
        return live | self.static().still(), metadata

    def _rows(self) -> list[ipywidgets.Widget]:
        """The controls, laid out; a subclass may arrange them otherwise."""
        layout = ipywidgets.Layout(flex_flow="row wrap", grid_gap="0 24px")
        return [ipywidgets.Box(list(self.inputs.values()), layout=layout)]

    def _on_change(self, field: str) -> Callable[[Any], None]:
        def changed(change: Any) -> None:
            # An exception in a callback would vanish in the server's log.
            try:
                value = change["new"]
                self._state = dataclasses.replace(  # type: ignore[type-var]
                    self._state, **{field: value}
                )
                self.refresh()
            except Exception:
                show_error(self.errors)

        return changed

    def refresh(self) -> None:
        """Draw the present state again."""
        drawing = self._draw(self._state)
        self.plot.show(drawing.figure)
        self.words.value = spoken(drawing.words)
        if self._name:
            _left_in[self._name] = self._state
        self.errors.outputs = ()


def spoken(words: str) -> str:
    """HTML of a text that a screen reader speaks when it changes."""
    return f'<p role="status" aria-live="polite">{html.escape(words)}</p>'


def show_error(output: ipywidgets.Output) -> None:
    """Show the exception being handled, in place of what `output` held."""
    output.outputs = ({"output_type": "stream", "name": "stderr", "text": traceback.format_exc()},)


def make_input(control: Control, value: Any) -> ipywidgets.ValueWidget:
    """The ipywidget of a control: keyboard operable, labelled, with the help as its tooltip."""
    common = {
        "description": control.label,
        "tooltip": control.help or control.label,
        "style": {"description_width": "190px"},
        "layout": ipywidgets.Layout(width="420px"),
    }
    if control.kind == "choice":
        return ipywidgets.Dropdown(options=control.options, value=value, **common)
    if control.kind == "toggle":
        return ipywidgets.Checkbox(value=value, indent=True, **common)
    if control.log:
        return ipywidgets.FloatLogSlider(
            value=value,
            min=math.log10(control.low),
            max=math.log10(control.high),
            step=control.step,
            readout_format=".1e",
            **common,
        )
    kind = ipywidgets.IntSlider if control.whole else ipywidgets.FloatSlider
    more = {} if control.whole else {"readout_format": ".3g"}
    return kind(value=value, min=control.low, max=control.high, step=control.step, **more, **common)
