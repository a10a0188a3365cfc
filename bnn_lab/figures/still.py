"""A plotly figure as a still picture, SVG, drawn without a browser.

Stored notebooks hold it beside plotly's own format: pages without scripts, print, and viewers that
know no plotly show the figure all the same. It draws what the figures of this room are made of
(bars, lines and markers, heat maps, tables, notes), not all that plotly can.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from bnn_lab.errors import InputError
from bnn_lab.figures import theme
from bnn_lab.figures.still_axes import Axis, array_of, errors_of, is_flat, values_of
from bnn_lab.figures.still_layout import KEY, WIDTH, StillLayout
from bnn_lab.figures.still_marks import draw_marker
from bnn_lab.figures.still_pen import joined, lines_of, plain, short, width_of

_KINDS = ("bar", "scatter", "heatmap", "table")
_DASHES = {"dash": "9 9", "dot": "3 3", "dashdot": "9 3 3 3", "longdash": "15 10"}
_MANY_CELLS = 200  # a heat map with more, and without gaps and texts, becomes a picture of pixels
_SHADES = 32  # of a heat map
_ANCHORS = {"left": "start", "center": "middle", "right": "end"}


def still(figure: go.Figure, width: int = WIDTH) -> str:
    """Draw a figure as SVG.

    Args:
        figure: of traces bar, scatter, heatmap and table.
        width: in pixels, unless the layout has one.

    Returns:
        SVG text on clear paper; its title is the layout's ``meta["alt"]``, else its title.

    Raises:
        InputError: the figure has a trace of another type.
    """
    for trace in figure.data:
        if trace.type not in _KINDS:
            raise InputError(
                f"still: a trace of type {trace.type} has no still picture. Fix: use one of "
                f"{', '.join(_KINDS)}."
            )
    return _Still(figure, width).draw()


class _Still(StillLayout):
    """One figure while it is drawn."""

    def draw(self) -> str:
        """The whole picture."""
        for axis in self.axes.values():
            self.draw_axis(axis)
        for trace in self.traces:
            getattr(self, f"_{trace.type}")(trace)
        for shape in self.layout.shapes:
            self._shape(shape)
        for note in self.layout.annotations:
            self._note(note)
        self._legend()
        title = self.layout.title
        if title.text:
            size = float(title.font.size or 17)
            self.pen.text(title.text, self.left, min(self.top * 0.5, 30), size, fill=self.ink)
        meta = self.layout.meta
        words = str(meta.get("alt", "")) if isinstance(meta, dict) else ""
        return self.pen.svg(self.width, self.height, words or plain(title.text or ""))

    # --- traces -------------------------------------------------------------------------------

    def _bar(self, trace: Any) -> None:
        flat = is_flat(trace)
        axes = self.pair(trace)
        long, row = axes if flat else axes[::-1]
        beside = [t for t in self.planar() if t.type == "bar" and self.pair(t) == axes]
        own = next(at for at, other in enumerate(beside) if other is trace)
        alone = self.layout.barmode in ("overlay", "stack", "relative")
        count, place = (1, 0) if alone else (len(beside), own)
        step = abs(row.pixel(1.0) - row.pixel(0.0)) * 0.8 / count
        shift = (place - (count - 1) / 2) * step * math.copysign(1, row.pixel(1.0) - row.pixel(0.0))
        thick = step * float(trace.width or 1.0) if np.isscalar(trace.width or 1.0) else step
        values = values_of(trace, "x" if flat else "y")
        bases = (
            self._bases(trace, beside[:own], flat)
            if self.layout.barmode in ("stack", "relative")
            else None
        )
        colours = _each(trace.marker.color, len(values), theme.BLUE)
        ends = []
        for number, (value, name) in enumerate(
            zip(values, values_of(trace, "y" if flat else "x"), strict=True)
        ):
            base = (
                bases[number]
                if bases
                else float(np.ravel(trace.base)[0])
                if trace.base is not None
                else 0.0
            )
            start = long.of(base) if long.kind != "log" else long.start
            end, middle = long.of(base + value), row.of(name) + shift
            if not math.isfinite(end):
                continue
            style = {"fill": colours[number], "opacity": trace.opacity or trace.marker.opacity}
            if flat:
                self.pen.rect(start, middle - thick / 2, end - start, thick, **style)
            else:
                self.pen.rect(middle - thick / 2, start, thick, end - start, **style)
            ends.append((number, end, middle))
        for number, end, middle in ends:
            text = _each(trace.text, len(values), "")[number]
            if text and flat:
                self.pen.text(str(text), end + 4, middle, self.size, fill=self.ink)
            elif text:
                y = end - 0.8 * self.size
                self.pen.text(str(text), middle, y, self.size, anchor="middle", fill=self.ink)
        self._errors(trace, axes, shift)

    def _bases(self, trace: Any, below: Sequence[Any], flat: bool) -> list[float]:
        """Where the bars of a stack begin."""
        along, across = ("x", "y") if flat else ("y", "x")
        sums: dict[Any, float] = {}
        for other in below:
            pairs = zip(values_of(other, across), values_of(other, along), strict=True)
            for name, value in pairs:
                sums[name] = sums.get(name, 0.0) + float(value)
        return [sums.get(name, 0.0) for name in values_of(trace, across)]

    def _scatter(self, trace: Any) -> None:
        x, y = axes = self.pair(trace)
        places = [
            (x.of(a), y.of(b))
            for a, b in zip(values_of(trace, "x"), values_of(trace, "y"), strict=True)
        ]
        mode = trace.mode or "lines+markers"
        colour = trace.line.color or _each(trace.marker.color, 1, theme.BLUE)[0]
        style = {"opacity": trace.opacity}
        if "lines" in mode and len(places) > 1:
            dash = _DASHES.get(trace.line.dash or "")
            width = float(2 if trace.line.width is None else trace.line.width)
            more = {"stroke_dasharray": dash, "stroke_linejoin": "round", **style}
            self.pen.path(joined(places), fill="none", stroke=colour, stroke_width=width, **more)
        self._errors(trace, axes)
        if "markers" in mode:
            marker = trace.marker
            colours, sizes = (
                _each(marker.color, len(places), colour),
                _each(marker.size, len(places), 6),
            )
            for (px, py), fill, size in zip(places, colours, sizes, strict=True):
                if math.isfinite(px) and math.isfinite(py):
                    draw_marker(self.pen, (px, py), float(size), fill, marker, self.ink, style)
        if "text" in mode:
            texts = _each(trace.text, len(places), "")
            size = float(trace.textfont.size or self.size)
            for number, (px, py) in enumerate(places):
                if texts[number] and math.isfinite(px) and math.isfinite(py):
                    self._beside(str(texts[number]), px, py, size, trace, number)

    def _beside(self, text: str, x: float, y: float, size: float, trace: Any, number: int) -> None:
        place = str(_each(trace.textposition, number + 1, "middle center")[number])
        vertical, horizontal = place.split()
        away = float(_each(trace.marker.size, number + 1, 6)[number]) / 2 + 3
        x += {"left": -away, "center": 0, "right": away}[horizontal]
        y += {"top": -away - 0.5 * size, "middle": 0, "bottom": away + 0.6 * size}[vertical]
        anchor = {"left": "end", "center": "middle", "right": "start"}[horizontal]
        fill = trace.textfont.color or self.ink
        self.pen.text(text, x, y, size, anchor=anchor, fill=fill)

    def _errors(self, trace: Any, axes: tuple[Axis, Axis], shift: float = 0.0) -> None:
        for along in "xy":
            errors = errors_of(trace, along)
            if errors is None:
                continue
            error = trace[f"error_{along}"]
            width = float(2 if error.thickness is None else error.thickness)
            style: dict[str, Any] = {"stroke": error.color or self.ink, "stroke_width": width}
            cap = float(4 if error.width is None else error.width)
            values = zip(values_of(trace, "x"), values_of(trace, "y"), errors, strict=True)
            for x, y, (below, above) in values:
                if along == "x":
                    ends, at = (
                        [axes[0].of(end) for end in (x - below, x + above)],
                        axes[1].of(y) + shift,
                    )
                    self.pen.line(ends[0], at, ends[1], at, **style)
                else:
                    ends, at = (
                        [axes[1].of(end) for end in (y - below, y + above)],
                        axes[0].of(x) + shift,
                    )
                    self.pen.line(at, ends[0], at, ends[1], **style)
                for end in ends if cap else ():
                    one, other = (end, at - cap), (end, at + cap)
                    points = (*one, *other) if along == "x" else (*one[::-1], *other[::-1])
                    self.pen.line(*points, **style)

    def _heatmap(self, trace: Any) -> None:
        x, y = self.pair(trace)
        z = np.asarray(array_of(trace.z), dtype=np.float64)
        known = z[np.isfinite(z)]
        low = float(known.min()) if trace.zmin is None else float(trace.zmin)
        high = float(known.max()) if trace.zmax is None else float(trace.zmax)
        shades = np.round((z - low) / ((high - low) or 1.0) * (_SHADES - 1))
        scale = [list(stop) for stop in trace.colorscale]
        columns, rows = values_of(trace, "x"), values_of(trace, "y")
        # In a grid of whole numbers, whose cells leave no gaps.
        (left, wide), (top, tall) = _steps(x, columns), _steps(y, rows)
        if z.size > _MANY_CELLS and len(known) == z.size and not trace.texttemplate:
            shares = [shade / (_SHADES - 1) for shade in range(_SHADES)]
            colours = sample_colorscale(scale, shares)
            palette = [[round(float(v)) for v in re.findall(r"[\d.]+", c)[:3]] for c in colours]
            numbers = np.clip(shades, 0, _SHADES - 1).astype(np.uint8)
            with self.pen.group(f"translate({short(left)} {short(top)})"):
                numbers = numbers[:: -1 if tall < 0 else 1, :: -1 if wide < 0 else 1]
                right, down = wide * z.shape[1], tall * z.shape[0]
                self.pen.pixels(min(0.0, right), min(0.0, down), right, down, numbers, palette)
            return
        paths: dict[int, list[str]] = {}
        for row, column in np.argwhere(np.isfinite(z)):
            shade = int(np.clip(shades[row, column], 0, _SHADES - 1))
            paths.setdefault(shade, []).append(f"M{column} {row}h1v1h-1z")
        grid = f"translate({short(left)} {short(top)}) scale({wide:.4g} {tall:.4g})"
        with self.pen.group(grid):
            for shade, cells in sorted(paths.items()):
                colour = sample_colorscale(scale, [shade / (_SHADES - 1)])[0].replace(" ", "")
                self.pen.path("".join(cells), fill=colour, shape_rendering="crispEdges")
        if trace.texttemplate:
            pattern = re.sub(r"%\{z(:?[^}]*)\}", r"{\1}", trace.texttemplate)
            for row, column in np.argwhere(np.isfinite(z)):
                at = x.of(columns[column]), y.of(rows[row])
                dark = (shades[row, column] / (_SHADES - 1)) > 0.5
                text = pattern.format(z[row, column])
                size = float(trace.textfont.size or 12)
                ink = "#fff" if dark else "#222"
                self.pen.text(text, *at, size, anchor="middle", fill=ink)

    def _table(self, trace: Any) -> None:
        head = [str(value) for value in trace.header.values]
        columns = [[str(value) for value in column] for column in trace.cells.values]
        shares = trace.columnwidth or [1] * len(columns)
        widths = [self.wide * float(share) / float(sum(shares)) for share in shares]
        high, x = float(trace.cells.height or 24), self.left
        for title, column, wide in zip(head, columns, widths, strict=True):
            for number, text in enumerate([title, *column]):
                y = self.top + number * high
                self.pen.rect(x, y, wide, high, fill="none", stroke=theme.GRID)
                shown = f"<b>{text}</b>" if number == 0 else text
                self.pen.text(shown, x + 8, y + high / 2, min(self.size, 13.0), fill=self.ink)
            x += wide

    # --- notes --------------------------------------------------------------------------------

    def _shape(self, shape: Any) -> None:
        xs = [self.ref_of("x", shape.xref, value, counted=False) for value in (shape.x0, shape.x1)]
        ys = [self.ref_of("y", shape.yref, value, counted=False) for value in (shape.y0, shape.y1)]
        style = {
            "stroke": shape.line.color or self.ink,
            "stroke_width": float(2 if shape.line.width is None else shape.line.width),
            "stroke_dasharray": _DASHES.get(shape.line.dash or ""),
            "opacity": shape.opacity,
        }
        if shape.type == "line":
            self.pen.line(xs[0], ys[0], xs[1], ys[1], **style)
        else:
            fill = shape.fillcolor or "none"
            self.pen.rect(xs[0], ys[0], xs[1] - xs[0], ys[1] - ys[0], fill=fill, **style)

    def _note(self, note: Any) -> None:
        size = float(note.font.size or self.size)
        x = self.ref_of("x", note.xref, note.x, counted=True) + float(note.xshift or 0)
        y = self.ref_of("y", note.yref, note.y, counted=True) - float(note.yshift or 0)
        if note.showarrow is not False:
            x, y = self._arrow(note, x, y)
        tall = 1.25 * size * len(lines_of(note.text or ""))
        y += {"top": tall / 2, "bottom": -tall / 2}.get(note.yanchor or "middle", 0.0)
        anchor = _ANCHORS.get(note.xanchor or "center", "middle")
        self.pen.text(note.text or "", x, y, size, anchor=anchor, fill=note.font.color or self.ink)

    def _arrow(self, note: Any, x: float, y: float) -> tuple[float, float]:
        """An arrow that ends at a place; returns where it begins, and its text stands."""
        tail = []
        for along, end, ref, away in (("x", x, note.axref, note.ax), ("y", y, note.ayref, note.ay)):
            if ref in (None, "pixel"):
                tail.append(
                    end + float(away if away is not None else (-10 if along == "x" else -30))
                )
            else:
                tail.append(self.ref_of(along, ref, away, counted=True))
        stroke, width = note.arrowcolor or self.ink, float(note.arrowwidth or 1)
        angle = math.atan2(y - tail[1], x - tail[0])
        self.pen.line(tail[0], tail[1], x, y, stroke=stroke, stroke_width=width)
        wings = [(x - 9 * math.cos(angle + s), y - 9 * math.sin(angle + s)) for s in (-0.4, 0.4)]
        self.pen.path(joined([wings[0], (x, y), wings[1]]) + "z", fill=stroke)
        return tail[0], tail[1]

    def _legend(self) -> None:
        legend = self.layout.legend
        size = float(legend.font.size or self.size)
        flat = legend.orientation == "h"
        x = start = self.paper("x", float((0 if flat else 1.02) if legend.x is None else legend.x))
        y = self.paper("y", float((-0.1 if flat else 1) if legend.y is None else legend.y))
        y += 0.7 * size
        for trace in self.named():
            wide = width_of(trace.name, size) + KEY
            if flat and x > start and x + wide > self.width:
                x, y = start, y + 1.5 * size
            self._key(trace, x + 14, y, size)
            self.pen.text(trace.name, x + 32, y, size, fill=self.ink)
            self.height = max(self.height, y + size)
            x, y = (x + wide, y) if flat else (x, y + 1.45 * size)

    def _key(self, trace: Any, x: float, y: float, size: float) -> None:
        colour = _each(trace.marker.color, 1, theme.BLUE)[0]
        if trace.type == "bar":
            self.pen.rect(x - 6, y - 6, 12, 12, fill=colour, opacity=trace.opacity)
            return
        if "lines" in (trace.mode or "lines+markers"):
            width = min(float(trace.line.width or 2), 5.0)
            dash = _DASHES.get(trace.line.dash or "")
            style: dict[str, Any] = {"stroke_width": width, "stroke_dasharray": dash}
            self.pen.line(x - 14, y, x + 14, y, stroke=trace.line.color or colour, **style)
        if "markers" in (trace.mode or "lines+markers"):
            mark = float(_each(trace.marker.size, 1, 6)[0])
            fill = colour or trace.line.color
            draw_marker(self.pen, (x, y), min(mark, size), fill, trace.marker, self.ink, {})


def _each(given: Any, count: int, default: Any) -> list[Any]:
    """A setting of each point, whether it is given once or for each."""
    given = array_of(given)
    if given is None or np.isscalar(given):
        return [default if given is None else given] * count
    return list(given)


def _steps(axis: Axis, values: list[Any]) -> tuple[float, float]:
    """Edge of the first cell of a heat map, and from one cell to the next."""
    first, last = axis.of(values[0]), axis.of(values[-1])
    step = (last - first) / (len(values) - 1) if len(values) > 1 else axis.pixel(1) - axis.pixel(0)
    return first - step / 2, step
