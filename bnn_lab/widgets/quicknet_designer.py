"""The QuickNet designer: move sliders for an estimate, press a button for the real latency."""

from __future__ import annotations

import html
from collections.abc import Callable

import ipywidgets

from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.quicknet_designer import draw_design
from bnn_lab.lessons.designer import Design, Measured, estimate, measure_design
from bnn_lab.widgets.base import Explorer, show_error

NAME = "quicknet-designer"

# Designs measured in this session, in order: running the widget's cell again does not lose them.
_measured: dict[Design, Measured] = {}

_HEAD = ("blocks × filters", "image", "shortcuts", "estimated", "measured", "file")


class QuickNetDesigner(Explorer[Design]):
    """Blocks, filters, image size and shortcuts of a QuickNet, and what they cost.

    The estimate is the cost model's and follows the sliders. The button builds the network with
    random weights, converts it and times it here; each measured design becomes a row of a table.

    Args:
        start: first design, default QuickNet (Medium).
        measure: for tests, in place of `measure_design`.

    Attributes:
        button: starts the measurement.
        progress: of the measurement.
        results: table of the measured designs.
    """

    def __init__(
        self,
        start: Design | None = None,
        measure: Callable[..., Measured] = measure_design,
    ) -> None:
        self._measure = measure
        self.button = ipywidgets.Button(
            description="Measure this design",
            tooltip="build the network with random weights, convert it and time it; some seconds",
            icon="clock-o",
            layout=ipywidgets.Layout(width="220px"),
        )
        self.progress = ipywidgets.FloatProgress(
            value=0.0, max=1.0, layout=ipywidgets.Layout(width="180px", visibility="hidden")
        )
        self.doing = ipywidgets.Label("")
        self.results = ipywidgets.HTML()
        super().__init__(start or Design(), _draw, NAME)
        self.button.on_click(self._on_click)
        line = ipywidgets.HBox([self.button, self.progress, self.doing])
        above = [*self._rows(), self.plot, self.words]
        self.children = [*above, line, self.results, self.errors]
        self._show_results()

    def measure(self) -> Measured | None:
        """What the button does; None if it failed, which `errors` shows."""
        design = self.state
        self.button.disabled, self.progress.layout.visibility = True, "visible"
        self.progress.bar_style = "info"
        try:
            _measured[design] = self._measure(design, progress=self._show_progress)
            self.refresh()
            self.progress.bar_style = "success"
        except Exception:
            show_error(self.errors)
            self.progress.bar_style = "danger"
            self.doing.value = "failed; see below"
            return None
        finally:
            self.button.disabled = False
        self._show_results()
        return _measured[design]

    def _on_click(self, button: ipywidgets.Button) -> None:
        self.measure()

    def _show_progress(self, text: str, done: float) -> None:
        self.doing.value, self.progress.value = text, done

    def _show_results(self) -> None:
        if not _measured:
            self.results.value = ""
            return
        rows = [_row(design, found) for design, found in _measured.items()]
        cells = [f"<tr>{''.join(f'<td>{html.escape(c)}</td>' for c in row)}</tr>" for row in rows]
        head = "".join(f"<th scope='col'>{name}</th>" for name in _HEAD)
        self.results.value = (
            "<table class='bnn-lab-designs' style='border-spacing: 16px 2px; text-align: left'>"
            f"<caption style='text-align: left'>measured designs</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{''.join(cells)}</tbody></table>"
        )


def _row(design: Design, found: Measured) -> tuple[str, ...]:
    guess = estimate(design).total_ms
    return (
        design.title,
        design.image,
        design.shortcuts,
        f"{guess:.2f} ms ({guess / found.ms - 1:+.0%})",
        f"{found.ms:.2f} ms",
        f"{found.file_bytes / 1e6:.2f} MB",
    )


def _draw(state: Design) -> Drawing:
    return draw_design(state, _measured.get(state))
