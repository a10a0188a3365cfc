"""`FilmStrip`: a QuickNet as a strip of blocks as wide as their time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from bnn_lab.costmodel.model import SHIPPED, CostModel
from bnn_lab.errors import BnnLabError, InputError
from bnn_lab.lessons.designer import Design, Measured, cost_tables, estimate, measure_design
from bnn_lab.widgets.explorable import Explorable

_FIELDS = tuple(asdict(Design()))


class FilmStrip(Explorable, module="film_strip"):
    """Design a network by hand: drag a section's height for channels, add and remove blocks.

    The estimate is the cost model's, of this machine if `bnn-lab calibrate` has run, and follows at
    once. *Measure* builds the network with random weights, converts it and times it here.
    """

    def __init__(
        self,
        design: Design | None = None,
        *,
        model: CostModel | None = None,
        measure: Callable[..., Measured] = measure_design,
        name: str = "",
        **start: Any,
    ) -> None:
        if design is not None:
            start = {**asdict(design), **start}
        if model is None and (own := CostModel.load()).origin != CostModel.load(SHIPPED).origin:
            model = own
        if model is not None:
            start["costs"] = cost_tables(model)
        self._measure = measure
        super().__init__(name, **start)
        self.on_msg(self._asked)

    @property
    def design(self) -> Design:
        """The design that is shown, as far as the kernel has heard."""
        return Design(**{field: getattr(self, field) for field in _FIELDS})

    def measure(self, design: Design | None = None) -> Measured:
        """Build, convert and time a design; it becomes a row below the drawing.

        Args:
            design: default the one that is shown.

        Returns:
            Latency and size.

        Raises:
            BnnLabError: TensorFlow or larq is not installed, or the network cannot be converted.
        """
        design = design or self.design

        def tell(text: str, done: float) -> None:
            self.doing = f"{text} ..." if done < 1 else ""

        try:
            found = self._measure(design, progress=tell)
        except Exception as error:
            self.doing = f"This could not be measured: {error}"
            raise
        row = {**asdict(design), "ms": found.ms, "bytes": found.file_bytes}
        row["estimate"] = estimate(design).total_ms
        self.measured = [*self.state["measured"], row]
        self.doing = ""
        return found

    def _asked(self, _: Any, content: Any, __: Any) -> None:
        """The page's button."""
        fields = content.get("measure") if isinstance(content, dict) else None
        if not isinstance(fields, dict):
            return
        try:
            self.measure(Design(**{field: fields[field] for field in _FIELDS}))
        except (BnnLabError, KeyError, TypeError) as error:
            if not isinstance(error, BnnLabError):
                raise InputError(f"FilmStrip: the page sent no design ({error!r}).") from error
