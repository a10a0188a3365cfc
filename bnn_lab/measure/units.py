"""Durations and ratios in words; types of numbers that reports hold."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

Positive = Annotated[float, Meta(gt=0)]
NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
AtLeastOne = Annotated[int, Meta(ge=1)]


def format_seconds(seconds: float) -> str:
    """Three significant digits with a fitting unit: "21.3 µs", "1.17 ms", "2.5 s"."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{_three_digits(seconds / size)} {unit}"
    return f"{_three_digits(seconds / 1e-6)} µs"


def format_factor(factor: float) -> str:
    """How many times, with two significant digits below 10: "4.9", "17"."""
    return f"{factor:.1f}" if factor < 9.95 else f"{factor:.0f}"


def significant(figure: float, digits: int) -> float:
    """The figure to this many significant digits, for JSON that stays small."""
    return float(f"{figure:.{digits}g}")


def off_by(middle: float, low: float, high: float) -> float:
    """How far the ends of an interval lie from a figure above 0, as a share of it: the farther."""
    return max(high / middle - 1, 1 - low / middle)


def _three_digits(value: float) -> str:
    if value >= 99.95:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"
