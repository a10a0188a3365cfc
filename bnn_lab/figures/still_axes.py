"""Axes of a still picture: where a value lies, what range is shown, which ticks it has."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

_LABELS = 7  # about how many ticks an axis has
_LETTER = 7.5  # pixels of a letter of a label
_PAD = 0.055  # of the range, beside the outermost marker


class Axis:
    """One axis of a plotly figure.

    Args:
        name: "x", "y", "x2" and so on.
        options: plotly's, of the layout.
        traces: what is drawn along it.
    """

    def __init__(self, name: str, options: dict[str, Any], traces: Sequence[Any]) -> None:
        self.name, self.options, self.along = name, options, name[0]
        self.visible = options.get("visible", True) is not False
        values = [value for trace in traces for value in values_of(trace, self.along)]
        self.kind = options.get("type") or (
            "category" if any(isinstance(value, str) for value in values) else "linear"
        )
        self.categories: list[Any] = []
        if self.kind == "category":
            given = options.get("categoryarray")
            self.categories = list(dict.fromkeys([*(() if given is None else given), *values]))
        self.low, self.high = self._range(traces)
        self.start, self.end = 0.0, 900.0  # pixels, set by `place`

    def place(self, start: float, end: float) -> None:
        """Say from which pixel to which it reaches."""
        self.start, self.end = start, end

    @property
    def long(self) -> float:
        """Its length in pixels."""
        return abs(self.end - self.start)

    def coordinate(self, value: Any) -> float:
        """A value as the axis counts: logarithms on a logarithmic one, numbers of categories."""
        if self.kind == "category":
            return float(self.categories.index(value)) if value in self.categories else float(value)
        number = float("nan") if value is None else float(value)
        if self.kind == "log":
            return math.log10(number) if number > 0 else float("nan")
        return number

    def pixel(self, coordinate: float) -> float:
        """Where a coordinate lies."""
        share = (coordinate - self.low) / ((self.high - self.low) or 1.0)
        return self.start + share * (self.end - self.start)

    def of(self, value: Any) -> float:
        """Where a value lies."""
        return self.pixel(self.coordinate(value))

    def holds(self, coordinate: float) -> bool:
        """Whether a coordinate is within what is shown."""
        low, high = sorted((self.low, self.high))
        room = 1e-9 * (high - low)
        return low - room <= coordinate <= high + room

    def ticks(self) -> list[tuple[float, str]]:
        """(coordinate, label) of each."""
        options = self.options
        if not self.visible or options.get("showticklabels") is False:
            return []
        before, after = options.get("tickprefix") or "", options.get("ticksuffix") or ""
        found = [(at, f"{before}{label}{after}") for at, label in self._ticks()]
        return [(at, label) for at, label in found if self.holds(at)]

    def _ticks(self) -> Iterable[tuple[float, str]]:
        options = self.options
        given, texts = array_of(options.get("tickvals")), array_of(options.get("ticktext"))
        if given is not None:
            labels = [_number(value) for value in given] if texts is None else texts
            places = [self.coordinate(value) for value in given]
            return [(at, str(text)) for at, text in zip(places, labels, strict=False)]
        if self.kind == "category":
            every = max(1, math.ceil(len(self.categories) / 60))
            return [(float(at), str(name)) for at, name in enumerate(self.categories)][::every]
        if self.kind == "log":
            return self._log_ticks(options.get("dtick"))
        low, high = sorted((self.low, self.high))
        dtick = options.get("dtick")
        step = _nice((high - low) / (options.get("nticks") or _LABELS))
        if isinstance(dtick, int | float):
            step = float(dtick)
        found = self._linear_ticks(low, high, step)
        # Labels must not touch.
        while self.along == "x" and _LETTER * sum(len(text) + 2 for _, text in found) > self.long:
            step = _nice(1.5 * step)
            found = self._linear_ticks(low, high, step)
        return found

    def _linear_ticks(self, low: float, high: float, step: float) -> list[tuple[float, str]]:
        pattern = self.options.get("tickformat") or ""
        first = math.ceil(low / step - 1e-9)
        last = min(math.floor(high / step + 1e-9), first + 60)
        return [(at * step, _number(at * step, step, pattern)) for at in range(first, last + 1)]

    def _log_ticks(self, dtick: Any) -> list[tuple[float, str]]:
        low, high = sorted((self.low, self.high))
        few = dtick == "D2" or (dtick is None and high - low < 1.5)
        powers = range(math.floor(low), math.ceil(high) + 1)
        steps = (1, 2, 5) if few else (1,)
        found = [(power + math.log10(step), step, power) for power in powers for step in steps]
        shown = [power for at, _, power in found if self.holds(at)]
        # One way of writing for all: no 10,000 beside 10 to the fifth.
        plain = all(-4 <= power <= 4 for power in shown)
        return [(at, _power(step, power, plain)) for at, step, power in found]

    def _range(self, traces: Sequence[Any]) -> tuple[float, float]:
        options = self.options
        given = options.get("range")
        if given is not None:
            return float(given[0]), float(given[1])
        low, high = self._extent(traces)
        if options.get("rangemode") == "tozero":
            low, high = min(low, 0.0), max(high, 0.0)
        return (high, low) if options.get("autorange") == "reversed" else (low, high)

    def _extent(self, traces: Sequence[Any]) -> tuple[float, float]:
        if self.kind == "category":
            return -0.5, max(len(self.categories), 1) - 0.5
        places: list[float] = []
        padded = False
        for trace in traces:
            own = [self.coordinate(value) for value in values_of(trace, self.along)]
            along_bars = trace.type == "bar" and self.along == ("x" if is_flat(trace) else "y")
            if along_bars:
                base = [0.0] if trace.base is None else list(np.ravel(trace.base))
                own = [0.0, *own, *base]
                padded = True
            elif trace.type in ("bar", "heatmap"):
                own = [at + side for at in own for side in (-0.5, 0.5)]
            else:
                padded |= self.along == "y" or "markers" in (trace.mode or "")
            own += [self.coordinate(value) for value in _error_ends(trace, self.along)]
            places += [at for at in own if math.isfinite(at)]
        if not places:
            return 0.0, 1.0
        low, high = min(places), max(places)
        if low == high:
            return low - 1, high + 1
        room = _PAD * (high - low) if padded else 0.0
        bars = self.kind != "log" and all(trace.type == "bar" for trace in traces)
        return (low if bars and low == 0 else low - room), high + room


def is_flat(trace: Any) -> bool:
    """Whether a bar trace is of horizontal bars."""
    return trace.orientation == "h"


def values_of(trace: Any, along: str) -> list[Any]:
    """What a trace has along "x" or "y"; numbers of rows or columns where it says nothing."""
    given = array_of(trace[along])
    if given is not None:
        return list(given)
    if trace.type == "heatmap":
        rows = np.asarray(array_of(trace.z)).shape
        return list(range(rows[1] if along == "x" else rows[0]))
    other = array_of(trace["y" if along == "x" else "x"])
    return list(range(0 if other is None else len(other)))


def array_of(given: Any) -> Any:
    """Numbers as plotly holds them, which may be packed as it stores them in JSON."""
    if not isinstance(given, dict) or "bdata" not in given:
        return given
    flat = np.frombuffer(base64.b64decode(given["bdata"]), np.dtype(given["dtype"]))
    shape = [int(size) for size in str(given.get("shape", "-1")).split(",")]
    return flat.reshape(shape)


def errors_of(trace: Any, along: str) -> list[tuple[float, float]] | None:
    """(below, above) of each value, None without error bars."""
    if trace.type not in ("bar", "scatter"):
        return None
    error = trace[f"error_{along}"]
    if error.array is None:
        return None
    above = [float(value) for value in array_of(error.array)]
    less = array_of(error.arrayminus)
    below = above if less is None else [float(value) for value in less]
    return list(zip(below, above, strict=True))


def _error_ends(trace: Any, along: str) -> list[float]:
    errors = errors_of(trace, along)
    if errors is None:
        return []
    pairs = zip(values_of(trace, along), errors, strict=True)
    return [end for value, (below, above) in pairs for end in (value - below, value + above)]


def _nice(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough or 1.0))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= rough * 0.999)


def _number(value: Any, step: float = 0.0, pattern: str = "") -> str:
    if isinstance(value, str):
        return value
    if pattern.endswith("%"):
        return f"{value:{pattern}}"
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step else 0
    text = f"{value:,.{digits}f}" if step else f"{value:,.6g}"
    return text.replace("-", "\u2212") if float(value) else "0"


def _power(step: int, power: int, plain: bool) -> str:
    if plain or (step == 1 and power in (0, 1)):  # as plotly does
        return f"{step * 10.0**power:,.{max(0, -power)}f}"
    return f"{f'{step}·' if step > 1 else ''}10<sup>{power}</sup>".replace("-", "\u2212")
