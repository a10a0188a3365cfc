"""Markers of a still picture, with plotly's names and sizes."""

from __future__ import annotations

import math
from typing import Any

from bnn_lab.figures.still_pen import StillPen, joined, short


def draw_marker(
    pen: StillPen,
    place: tuple[float, float],
    size: float,
    fill: str,
    marker: Any,
    ink: str,
    more: dict[str, Any],
) -> None:
    """Draw one marker.

    Args:
        pen: what draws.
        place: its middle, in pixels.
        size: its width, in pixels.
        fill: its colour.
        marker: plotly's settings: symbol, outline and opacity.
        ink: the outline's colour, unless the settings have one.
        more: further attributes; those that are None are left out.
    """
    x, y = place
    symbol, _, empty = str(marker.symbol or "circle").partition("-")
    r = size / 2
    style = {"fill": fill, "opacity": marker.opacity, **{k: v for k, v in more.items() if v}}
    if marker.line.width and not empty:
        style |= {"stroke": marker.line.color or ink, "stroke_width": marker.line.width}
    if empty:
        width = float(marker.line.width or 1)
        style |= {"fill": "none", "stroke": fill, "stroke_width": width}
    ring = f"M{short(x - r)} {short(y)}a{short(r)} {short(r)} 0 1 0 {short(size)} 0"
    d = {
        "circle": f"{ring}a{short(r)} {short(r)} 0 1 0 {short(-size)} 0z",
        "square": f"M{short(x - r)} {short(y - r)}h{short(size)}v{short(size)}h{short(-size)}z",
        "diamond": _star(x, y, r * 1.3, r * 1.3 * math.sqrt(0.5), 4),
        "star": _star(x, y, r * 1.3, r * 0.55, 5),
        "triangle": _star(x, y, r * 1.25, r * 0.62, 3),
        "cross": _cross(x, y, r, 0.0),
        "x": _cross(x, y, r, math.pi / 4),
    }
    pen.path(d.get(symbol, d["circle"]), **style)


def _star(x: float, y: float, outer: float, inner: float, points: int) -> str:
    corners = []
    for k in range(2 * points):
        r, angle = (inner if k % 2 else outer), math.pi * (k / points - 0.5)
        corners.append((x + r * math.cos(angle), y + r * math.sin(angle)))
    return joined(corners) + "z"


def _cross(x: float, y: float, r: float, turn: float) -> str:
    arm = 0.4 * r
    outline = [(-arm, -r), (arm, -r), (arm, -arm), (r, -arm), (r, arm), (arm, arm)]
    outline += [(-a, -b) for a, b in outline]
    c, s = math.cos(turn), math.sin(turn)
    return joined([(x + a * c - b * s, y + a * s + b * c) for a, b in outline]) + "z"
