"""`Measured`: times taken here and now, whether the machine was quiet, and a way to try again."""

from __future__ import annotations

import html
import os
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import ipywidgets

from bnn_lab.figures.drawing import Drawing
from bnn_lab.measure.noise import Noise, NoiseWatch
from bnn_lab.widgets.base import STATIC, show_error, spoken
from bnn_lab.widgets.live_figure import LiveFigure

Result = TypeVar("Result")

_BUSY = "This machine was busy, so these figures may mislead"
_STYLE = "display:block;line-height:1.5;padding:4px 10px;border-radius:8px;border:1px solid"


class Measured(ipywidgets.VBox, Generic[Result]):
    """Measures, draws, and says whether other work disturbed it; a button measures again.

    Args:
        take: measures; called now and at each press of the button.
        draw: what `take` returned to `Drawing`.
        recorded: a sentence about a recorded run, shown where this machine was busy.
        name: of the CSS class ``bnn-lab-<name>``.
        force_busy: for tests: show the badge whatever the watch says.

    Attributes:
        result: the last thing that `take` returned.
        noise: whether the machine was quiet meanwhile.
        again: the button.
        badge: an `ipywidgets.HTML`, empty on a quiet machine.
        errors: an `ipywidgets.Output` that shows what a later measurement raised.
    """

    def __init__(
        self,
        take: Callable[[], Result],
        draw: Callable[[Result], Drawing],
        *,
        recorded: str = "",
        name: str = "measured",
        force_busy: bool = False,
    ) -> None:
        self._take, self._draw, self._recorded = take, draw, recorded
        self._force_busy = force_busy
        self.result, self.noise = self._measure()
        self.badge, self.words, self.errors = (
            ipywidgets.HTML(),
            ipywidgets.HTML(),
            ipywidgets.Output(),
        )
        self.again = ipywidgets.Button(
            description="Measure again", icon="refresh", tooltip="runs this cell's measurement anew"
        )
        self.again.on_click(lambda _: self._press())
        self.plot = LiveFigure(self._draw(self.result).figure)
        self._show()
        row = ipywidgets.HBox(
            [self.again, self.badge],
            layout=ipywidgets.Layout(
                flex_flow="row wrap", align_items="center", grid_gap="4px 12px"
            ),
        )
        super().__init__([self.plot, self.words, row, self.errors])
        self.add_class("bnn-lab-measured")
        self.add_class(f"bnn-lab-{name}")

    def measure_again(self) -> None:
        """What the button does; raises what `take` raises."""
        self.result, self.noise = self._measure()
        self._show()

    def _repr_mimebundle_(self, **options: Any) -> Any:
        drawing = self._draw(self.result)
        if os.environ.get(STATIC) == "1":
            return drawing.bundle()
        found: Any = super()._repr_mimebundle_(**options)
        live, metadata = found if isinstance(found, tuple) else (found, {})
        return live | drawing.still(), metadata

    def _measure(self) -> tuple[Result, Noise]:
        watch = NoiseWatch(1, force=True)
        watch.before()
        result = self._take()
        return result, watch.after()

    def _press(self) -> None:
        self.again.disabled, self.again.description = True, "Measuring ..."
        try:
            self.measure_again()
            self.errors.outputs = ()
        except Exception:  # it would vanish in the server's log
            show_error(self.errors)
        finally:
            self.again.disabled, self.again.description = False, "Measure again"

    def _show(self) -> None:
        drawing = self._draw(self.result)
        self.plot.show(drawing.figure)
        self.words.value = spoken(drawing.words)
        self.badge.value = ""
        if self.noise.problems or self._force_busy:
            reason = "; ".join(self.noise.problems) or "as a test"
            told = f" {self._recorded}" if self._recorded else ""
            self.badge.value = (
                f'<span role="status" title="{html.escape(reason)}" style="{_STYLE} #b8860b">'
                f"⚠ {_BUSY}.{html.escape(told)}</span>"
            )
