"""From strokes of a pen to grey values: the twin of bnn_lab/widgets/js/core/strokes.js.

Both make the same operations in the same order, so they agree in every pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from bnn_lab.errors import InputError

_FINE = 28  # pixels of the drawing, as MNIST's
_BOX = 20  # pixels that the longer side of a digit covers, as in MNIST
_PEN = 1.25  # radius of the pen in those pixels
_LARGEST = 0.25  # pixels that a unit of the paper becomes at most, so that a dot stays one


def draw_strokes(strokes: Sequence[Sequence[float]]) -> NDArray[np.uint8]:
    """The image that strokes leave, as large and as central as MNIST's digits.

    Args:
        strokes: each x0, y0, x1, y1, ... on paper of 280 × 280.

    Returns:
        0 (paper) to 255 (ink), (28, 28).

    Raises:
        InputError: a stroke has an odd count of numbers, or one that is not finite.
    """
    lines = [np.asarray(stroke, np.float64) for stroke in strokes if len(stroke)]
    for line in lines:
        if line.ndim != 1 or len(line) % 2 or not np.isfinite(line).all():
            raise InputError("draw_strokes: a stroke must be x0, y0, x1, y1, ..., all finite.")
    grey = np.zeros((_FINE, _FINE))
    if not lines:
        return grey.astype(np.uint8)
    points = np.concatenate([line.reshape(-1, 2) for line in lines])
    low, high = points.min(0), points.max(0)
    size = (high - low).max()
    scale = min(_LARGEST, (_BOX - 2 * _PEN) / size if size > 0 else _LARGEST)
    corner = _FINE / 2 - ((low + high) / 2) * scale
    for line in lines:
        moved = line.reshape(-1, 2) * scale + corner
        if len(moved) == 1:
            moved = np.concatenate([moved, moved])
        for start, end in pairwise(moved):
            grey = np.maximum(grey, _ink(start, end))
    return _centred(grey).astype(np.uint8)


def _ink(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
    """A line of the pen, darkest where it is near."""
    (ax, ay), (dx, dy) = start, end - start
    length = dx * dx + dy * dy
    px = np.arange(_FINE)[None, :] + 0.5 - ax
    py = np.arange(_FINE)[:, None] + 0.5 - ay
    along = px * dx + py * dy
    share = np.clip(along / length, 0, 1) if length > 0 else np.zeros_like(along)
    ex, ey = px - share * dx, py - share * dy
    dark = np.floor((_PEN + 0.5 - np.sqrt(ex * ex + ey * ey)) * 255 + 0.5)
    return np.clip(dark, 0, 255)


def _centred(grey: NDArray[np.float64]) -> NDArray[np.float64]:
    """With its centre of mass in the middle, to a whole pixel."""
    places = np.arange(_FINE)
    total = grey.sum()
    if not total:
        return grey
    right = int(np.floor((_FINE - 1) / 2 - (grey * places[None, :]).sum() / total + 0.5))
    down = int(np.floor((_FINE - 1) / 2 - (grey * places[:, None]).sum() / total + 0.5))
    moved = np.zeros_like(grey)
    rows = slice(max(down, 0), _FINE + min(down, 0))
    columns = slice(max(right, 0), _FINE + min(right, 0))
    from_rows = slice(max(-down, 0), _FINE + min(-down, 0))
    from_columns = slice(max(-right, 0), _FINE + min(-right, 0))
    moved[rows, columns] = grey[from_rows, from_columns]
    return moved
