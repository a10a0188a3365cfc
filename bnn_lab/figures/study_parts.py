"""What figures of studies share: devices, axes, intervals."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING, Any

import numpy as np

from bnn_lab.figures import theme
from bnn_lab.tflite.forms import BINARY, FLOAT32, INT8

if TYPE_CHECKING:
    import pandas as pd

DEVICE = "device"
LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top"}
FORM_COLOURS = {FLOAT32: theme.VERMILION, INT8: theme.GREEN, BINARY: theme.BLUE}
MARGIN = {"l": 10, "r": 20, "t": 50, "b": 60}
SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star", "hexagon", "cross", "x")
# Four colours, then the same with a pattern: more colours would not stay apart for everyone.
PATTERNS = ("", "", "", "", "/", "x", ".", "\\", "+")
FORM_COLOURS = {FLOAT32: theme.VERMILION, INT8: theme.GREEN, BINARY: theme.BLUE}


def of_devices(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with a column `device`."""
    return frame if DEVICE in frame else frame.assign(**{DEVICE: "this device"})


def devices(frame: pd.DataFrame) -> list[str]:
    """Names of the devices of a frame, in their order."""
    return [str(name) for name in dict.fromkeys(of_devices(frame)[DEVICE])]


def log_axis(values: Any) -> dict[str, Any]:
    """A logarithmic axis around these values."""
    found = np.asarray([value for value in values if value > 0], float)
    if not len(found):
        return {"type": "log", "dtick": 1, "range": [0, 1]}
    low, high = float(found.min()) / 1.5, float(found.max()) * 1.7
    wide = high / low > 300
    ticks = {"dtick": 1} if wide else {"dtick": "D2", "minorloglabels": "complete"}
    return {"type": "log", **ticks, "range": [log10(low), log10(high)]}


def interval(frame: pd.DataFrame, column: str) -> dict[str, Any]:
    """Error bars of a column's 95 % interval; invisible where it has none."""
    known = f"{column}_low" in frame
    low = frame[f"{column}_low"] if known else frame[column]
    high = frame[f"{column}_high"] if known else frame[column]
    return {
        "type": "data",
        "visible": known,
        "symmetric": False,
        "array": (high - frame[column]).tolist(),
        "arrayminus": (frame[column] - low).tolist(),
        "thickness": 1,
        "width": 3,
    }
