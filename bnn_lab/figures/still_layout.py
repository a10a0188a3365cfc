"""Where everything lies in a still picture, and its axes."""

from __future__ import annotations

import re
from typing import Any

import plotly.graph_objects as go

from bnn_lab.figures import theme
from bnn_lab.figures.still_axes import Axis
from bnn_lab.figures.still_pen import StillPen, width_of

WIDTH = 900
KEY = 44  # pixels of a legend's entry beside its text
_HEIGHT = 360
_MARGINS = {"l": 80, "r": 80, "t": 100, "b": 80}


class StillLayout:
    """A figure with every axis in its place."""

    def __init__(self, figure: go.Figure, width: int) -> None:
        self.pen = StillPen()
        self.layout = figure.layout
        self.traces = [trace for trace in figure.data if trace.visible in (None, True)]
        self.width = float(self.layout.width or width)
        self.height = float(self.layout.height or _HEIGHT)
        self.size = float(self.layout.font.size or 12)
        self.ink = self.layout.font.color or theme.TEXT
        options = self.layout.to_plotly_json()
        self.options = {
            key.replace("axis", ""): value
            for key, value in options.items()
            if re.fullmatch(r"[xy]axis\d*", key)
        }
        used = {trace[f"{along}axis"] or along for trace in self.planar() for along in "xy"}
        self.axes = {
            name: Axis(name, self.options.get(name, {}), self._along(name))
            for name in sorted({*self.options, *used})
        }
        self._place()

    # --- places -------------------------------------------------------------------------------

    def planar(self) -> list[Any]:
        """The traces that have axes."""
        return [trace for trace in self.traces if trace.type != "table"]

    def _along(self, name: str) -> list[Any]:
        """Traces along an axis, and along those that match it."""
        same = {name}
        for other, options in self.options.items():
            pair = {other, options.get("matches")}
            if None not in pair and pair & same:
                same |= pair
        return [t for t in self.planar() if (t[f"{name[0]}axis"] or name[0]) in same]

    def _partner(self, axis: Axis) -> Axis:
        other = "y" if axis.along == "x" else "x"
        return self.axes.get(axis.options.get("anchor") or other + axis.name[1:], axis)

    def _labels_wide(self, axis: Axis) -> float:
        return max((width_of(text, self._tick_size(axis)) for _, text in axis.ticks()), default=0.0)

    def _tick_size(self, axis: Axis) -> float:
        return float((axis.options.get("tickfont") or {}).get("size") or self.size)

    def _place(self) -> None:
        given = {side: self.layout.margin[side] for side in _MARGINS}
        margin = {s: float(_MARGINS[s] if v is None else v) for s, v in given.items()}
        for axis in self.axes.values():
            if not axis.visible or not axis.options.get("automargin"):
                continue
            first = self._partner(axis).options.get("domain") or (0, 1)
            if axis.along == "y" and first[0] == 0:
                title = 1.8 * self.size if _title_of(axis) else 0.0
                margin["l"] = max(margin["l"], self._labels_wide(axis) + title + 12)
            elif axis.along == "x" and given["b"] is not None:
                title = 1.6 * self.size if _title_of(axis) else 0.0
                margin["b"] = max(margin["b"], 1.6 * self._tick_size(axis) + title)
        legend = self.layout.legend
        if self.named() and legend.orientation != "h":
            size = float(legend.font.size or self.size)
            wide = max(width_of(trace.name, size) for trace in self.named()) + KEY
            margin["r"] = max(margin["r"], wide + 16)
        self.left, self.top = margin["l"], margin["t"]
        self.wide = self.width - margin["l"] - margin["r"]
        self.high = self.height - margin["t"] - margin["b"]
        for axis in self.axes.values():
            ends = axis.options.get("domain") or (0.0, 1.0)
            axis.place(*(self.paper(axis.along, end) for end in ends))
        for axis in self.axes.values():
            other = self.axes.get(axis.options.get("scaleanchor") or "")
            if other is not None:
                _make_square(axis, other)

    def paper(self, along: str, share: float) -> float:
        """Pixels of a share of the whole plot."""
        if along == "x":
            return self.left + share * self.wide
        return self.top + (1 - share) * self.high

    def ref_of(self, along: str, ref: str | None, value: Any, *, counted: bool) -> float:
        """Pixels of a note's or shape's place; `counted` in what the axis counts."""
        name = ref or (along if along in self.axes else "paper")
        if name == "paper":
            return self.paper(along, float(value))
        axis = self.axes[name.removesuffix(" domain")]
        if name.endswith(" domain"):
            return axis.start + float(value) * (axis.end - axis.start)
        if counted and axis.kind == "log":
            return axis.pixel(float(value))
        return axis.of(value)

    # --- axes ---------------------------------------------------------------------------------

    def draw_axis(self, axis: Axis) -> None:
        """Its grid, numbers and title."""
        if not axis.visible:
            return
        partner = self._partner(axis)
        size, options = self._tick_size(axis), axis.options
        across = sorted((partner.start, partner.end))
        grid = options.get("showgrid", axis.kind != "category") is not False
        stroke = options.get("gridcolor") or theme.GRID
        for at, label in axis.ticks():
            pixel = axis.pixel(at)
            if axis.along == "x":
                if grid:
                    self.pen.line(pixel, across[0], pixel, across[1], stroke=stroke)
                y = across[1] + 0.9 * size
                self.pen.text(label, pixel, y, size, anchor="middle", fill=self.ink)
            else:
                if grid:
                    self.pen.line(across[0], pixel, across[1], pixel, stroke=stroke)
                self.pen.text(label, across[0] - 5, pixel, size, anchor="end", fill=self.ink)
        if axis.kind == "linear" and options.get("zeroline", True) and axis.holds(0.0):
            zero = axis.pixel(0.0)
            line: dict[str, Any] = {"stroke": stroke, "stroke_width": 2}
            ends = (zero, across[0], zero, across[1])
            self.pen.line(*(ends if axis.along == "x" else (ends[1], zero, ends[3], zero)), **line)
        self._axis_title(axis, across)

    def _axis_title(self, axis: Axis, across: list[float]) -> None:
        title = _title_of(axis)
        if not title:
            return
        middle = (axis.start + axis.end) / 2
        if axis.along == "x":
            y = across[1] + 1.7 * self._tick_size(axis) + 0.9 * self.size
            self.pen.text(title, middle, y, self.size, anchor="middle", fill=self.ink)
            return
        x = max(across[0] - self._labels_wide(axis) - 1.1 * self.size, 0.7 * self.size)
        self.pen.text(title, x, middle, self.size, anchor="middle", turn=-90.0, fill=self.ink)

    def pair(self, trace: Any) -> tuple[Axis, Axis]:
        """The axes of a trace."""
        return self.axes[trace.xaxis or "x"], self.axes[trace.yaxis or "y"]

    def named(self) -> list[Any]:
        """The traces of the legend."""
        if not self.layout.showlegend:
            return []
        return [trace for trace in self.traces if trace.name and trace.showlegend is not False]


def _title_of(axis: Axis) -> str:
    title = axis.options.get("title")
    return str((title.get("text") if isinstance(title, dict) else title) or "")


def _make_square(axis: Axis, other: Axis) -> None:
    """Shrink both axes about their middles until a unit is as long on one as on the other."""
    units = [abs(a.end - a.start) / (abs(a.high - a.low) or 1.0) for a in (axis, other)]
    unit = min(units)
    for one, now in zip((axis, other), units, strict=True):
        middle, half = (one.start + one.end) / 2, (one.end - one.start) / 2 * unit / now
        one.place(middle - half, middle + half)
