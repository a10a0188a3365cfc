"""Predict before you run: a guess that is kept, and later shown beside the result."""

from __future__ import annotations

import html
import os
from typing import Any

import ipywidgets

from bnn_lab.widgets.base import STATIC

# Question to the guess given: running the cell again does not lose it.
_guesses: dict[str, float] = {}


class Prediction(ipywidgets.VBox):
    """A question with a field for the reader's guess.

    Args:
        question: one sentence.
        unit: shown behind the numbers, such as "%" or "×".
        low: smallest answer that makes sense.
        high: largest answer that makes sense.

    Attributes:
        field: the number's ipywidget.
    """

    def __init__(
        self, question: str, unit: str = "", low: float = 0.0, high: float = 100.0
    ) -> None:
        self.question, self.unit = question, unit
        self.field = ipywidgets.BoundedFloatText(
            value=_guesses.get(question, low),
            min=low,
            max=high,
            step=(high - low) / 100,
            description="your guess",
            tooltip=question,
            layout=ipywidgets.Layout(width="200px"),
        )
        self.field.observe(self._keep, names="value")
        text = ipywidgets.HTML(f"<b>Predict:</b> {html.escape(question)}")
        super().__init__([text, ipywidgets.HBox([self.field, ipywidgets.Label(unit)])])
        self.add_class("bnn-lab-prediction")

    @property
    def guess(self) -> float | None:
        """The reader's guess, None as long as there is none."""
        return _guesses.get(self.question)

    def reveal(self, measured: float, digits: int = 1) -> str:
        """The guess beside the result.

        Args:
            measured: what came out, in the question's unit.
            digits: behind the decimal point.

        Returns:
            Two lines of text to print.
        """
        unit = f" {self.unit}" if self.unit else ""
        result = f"measured:   {measured:,.{digits}f}{unit}"
        if self.guess is None:
            return f"your guess: none (fill in the field above, then run this cell again)\n{result}"
        return f"your guess: {self.guess:,.{digits}f}{unit}\n{result}"

    def _repr_mimebundle_(self, **options: Any) -> Any:
        if os.environ.get(STATIC) == "1":
            blank = f"your guess: ____ {self.unit}".rstrip()
            return {
                "text/markdown": f"**Predict:** {self.question} *{blank}*",
                "text/plain": f"Predict: {self.question} {blank}",
            }
        return super()._repr_mimebundle_(**options)

    def _keep(self, change: dict[str, float]) -> None:
        _guesses[self.question] = change["new"]
