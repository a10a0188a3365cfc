"""Predict before you run: a guess on a number line, and later the result on the same line."""

from __future__ import annotations

import math
import re
from typing import Any, ClassVar

from bnn_lab.errors import InputError
from bnn_lab.widgets.explorable import Explorable

_DECADES = 100  # ends this many times apart make the line logarithmic, as in js/prediction.js


class Prediction(Explorable, module="prediction"):
    """A question with a line to mark the guess on; the result stays folded until there is one.

        steps = Prediction("After how many steps does it flip?", "steps", 0, 1000)
        steps                # in a cell of its own
        steps.reveal(21)     # later: shows it again, with the result

    The line is logarithmic if its ends are positive and at least a factor of 100 apart.
    """

    # Question to the last prediction that asked it, in the order of their first appearance.
    _all: ClassVar[dict[str, Prediction]] = {}

    def __init__(
        self,
        question: str | None = None,
        unit: str = "",
        low: float = 0.0,
        high: float = 100.0,
        digits: int = 0,
        **start: Any,
    ) -> None:
        if question is None:  # an example, as of every explorable
            super().__init__(start.pop("name", ""), **start)
            return
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise InputError(f"Prediction({low=}, {high=}): low must be below high, both finite.")
        if not 0 <= digits <= 9:
            raise InputError(f"Prediction({digits=}): must be in 0..9.")
        name = "predict-" + re.sub(r"[^a-z0-9]+", "-", question.lower()).strip("-")[:60]
        texts = {"question": question, "unit": unit, "low": low, "high": high, "digits": digits}
        super().__init__(start.pop("name", name), **{**texts, "truth": None, **start})
        self._all[question] = self

    @property
    def _heading(self) -> str:
        return str(self.question) or super()._heading

    @property
    def guess(self) -> float | None:
        """The reader's guess in the question's unit, None as long as there is none."""
        if self.at is None:
            return None
        if self._log:
            value = float(f"{self.low * (self.high / self.low) ** self.at:.2g}")
        else:
            value = self.low + self.at * (self.high - self.low)
        unit = 10**self.digits
        return math.floor(value * unit + 0.5) / unit

    @property
    def _log(self) -> bool:
        return bool(self.low > 0 and self.high / self.low >= _DECADES)

    def reveal(self, measured: float) -> Prediction:
        """Show the question again, now with the result for those who have guessed.

        Args:
            measured: what came out, in the question's unit; it may lie beyond the line's ends.

        Returns:
            This prediction, to be displayed.

        Raises:
            InputError: the result is not a finite number.
        """
        if not math.isfinite(measured):
            raise InputError(f"Prediction.reveal({measured!r}): must be a finite number.")
        self.truth = float(measured)
        return self


def score_sheet() -> Any:
    """All guesses of this notebook beside their results, as a table to display.

    Returns:
        An `IPython.display.Markdown`.
    """
    from IPython.display import Markdown

    rows = [
        "| question | your guess | result |",
        "|---|---:|---:|",
    ]
    for prediction in Prediction._all.values():
        guess, truth = prediction.guess, prediction.truth
        # Without a guess the answer stays folded here, too.
        result = _number(prediction, truth) if guess is not None and truth is not None else "–"
        rows.append(
            f"| {prediction.question} | {'–' if guess is None else _number(prediction, guess)} "
            f"| {result} |"
        )
    return Markdown("\n".join(rows))


def _number(prediction: Prediction, value: float) -> str:
    unit = f" {prediction.unit}" if prediction.unit else ""
    return f"{value:,.{prediction.digits}f}{unit}"
