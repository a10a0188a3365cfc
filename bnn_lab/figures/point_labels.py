"""Where the names of points stand: not over a marker, and not over each other."""

from __future__ import annotations

from collections.abc import Callable
from math import log10

import numpy as np
import plotly.graph_objects as go

# Pixels of the plot, and of a letter and a marker in it; a wider window only leaves more room.
_PLOT, _LETTER, _LINE, _MARKER = (560.0, 330.0), 5.6, 12.0, 8.0


def place_labels(figure: go.Figure) -> None:
    """Put each point's text where it covers no marker and no other text, or leave it to the hover.

    Args:
        figure: scatter traces, those of points with texts, and axes that may be logarithmic;
            changed in place.
    """
    traces = [trace for trace in figure.data if trace.text is not None]
    to_x, to_y = (_to_pixels(figure, axis, size) for axis, size in zip("xy", _PLOT, strict=True))
    points: list[tuple[int, int, float, float]] = [
        (number, at, to_x(x), to_y(y))
        for number, trace in enumerate(traces)
        for at, (x, y) in enumerate(zip(trace.x, trace.y, strict=True))
    ]
    texts = [list(trace.text) for trace in traces]
    places = [["top center"] * len(of_trace) for of_trace in texts]
    # A row for each point and, once it stands, each text: middle and half of its sizes.
    taken = np.zeros((2 * len(points), 4))
    count = len(points)
    taken[:count] = [(x, y, _MARKER, _MARKER) for _, _, x, y in points] or 0
    for number, at, x, y in points:
        if not texts[number][at]:
            continue
        half = (len(texts[number][at]) * _LETTER / 2, _LINE / 2)
        away_x, away_y = _MARKER + half[0] + 1, _MARKER + half[1] + 1
        tries = {
            "top center": (x, y + away_y),
            "bottom center": (x, y - away_y),
            "middle right": (x + away_x, y),
            "middle left": (x - away_x, y),
        }
        for place, middle in tries.items():
            apart = np.abs(taken[:count, :2] - middle) >= taken[:count, 2:] + half
            if apart.any(axis=1).all():
                places[number][at] = place
                taken[count] = (*middle, *half)
                count += 1
                break
        else:
            texts[number][at] = ""
    for trace, of_trace, at_place in zip(traces, texts, places, strict=True):
        trace.text, trace.textposition = of_trace, at_place


def _to_pixels(figure: go.Figure, axis: str, size: float) -> Callable[[float], float]:
    layout = figure.layout[f"{axis}axis"]
    scale = log10 if layout.type == "log" else float
    values = [
        scale(value) for trace in figure.data if trace.text is not None for value in trace[axis]
    ]
    low, high = layout.range or (min(values, default=0.0), max(values, default=1.0))
    return lambda value: (scale(value) - low) / ((high - low) or 1.0) * size
