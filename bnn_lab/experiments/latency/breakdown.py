"""(c) Where does the time go? Stacked per architecture (arXiv:2011.09398)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from bnn_lab._pandas import to_frame
from bnn_lab.experiments.latency.base import Run, contenders, either, spread
from bnn_lab.profiling.model_profile import Profile, ProfileRow

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "Where does the time of each network go?"

BINARY = "binary convolution (with what is fused)"
PACKING = "bitpacking"
FLOAT_CONV = "float convolution"
POOLING = "pooling"
ELEMENTWISE = "element-wise, concatenation"
DENSE = "dense, softmax"
OTHER = "other"
CATEGORIES = (BINARY, PACKING, FLOAT_CONV, POOLING, ELEMENTWISE, DENSE, OTHER)

_WAYS = {"fused": True, "each op on its own": False}
_OF_KIND = {
    "LceBconv2d": BINARY,
    "BnnLabDepthwise2d": BINARY,
    "BnnLabTranspose2d": BINARY,
    "LceQuantize": PACKING,
    "LceDequantize": PACKING,
    "LceBMaxPool2d": POOLING,
    "CONV_2D": FLOAT_CONV,
    "DEPTHWISE_CONV_2D": FLOAT_CONV,
    "MAX_POOL_2D": POOLING,
    "AVERAGE_POOL_2D": POOLING,
    "MEAN": POOLING,
    "FULLY_CONNECTED": DENSE,
    "BnnLabTernaryDense": DENSE,
    "SOFTMAX": DENSE,
    "ADD": ELEMENTWISE,
    "SUB": ELEMENTWISE,
    "MUL": ELEMENTWISE,
    "RELU": ELEMENTWISE,
    "PRELU": ELEMENTWISE,
    "LOGISTIC": ELEMENTWISE,
    "CONCATENATION": ELEMENTWISE,
    "PAD": ELEMENTWISE,
    "SPLIT": ELEMENTWISE,
}


def category(row: ProfileRow) -> str:
    """What a row of a profile counts as: fused ops as the binary convolution they run in."""
    parts = row.kind.split(" + ")
    return BINARY if "LceBconv2d" in parts else _OF_KIND.get(parts[0], OTHER)


def measure(run: Run) -> pd.DataFrame:
    """A row per model, fused or not, and category: name, fused, category, ms, share (of the model's
    time), share_low, share_high (of repeated profiles).

    Times are the thread's CPU time, so that what is interrupted is no longer than the rest.
    """
    files = run.binary_files(run.models())
    found = run.profiles(  # fused and not in turn
        {f"{name}, {way}": files[name] for name in files for way in _WAYS},
        2 if run.quick else 10,
        fuse={f"{name}, {way}": fused for name in files for way, fused in _WAYS.items()},
        clock=time.thread_time,
    )
    return to_frame(
        [
            row
            for way, fused in _WAYS.items()
            for name in files
            for row in categories_of(name, found[f"{name}, {way}"], fused)
        ]
    )


def categories_of(name: str, profiles: Sequence[Profile], fused: bool) -> list[dict[str, Any]]:
    """The rows of one model.

    Args:
        name: of the model.
        profiles: of it, repeated.
        fused: whether ops ran fused.
    """
    rows = []
    for key in CATEGORIES:
        ms = [sum(r.ms for r in one.rows if category(r) == key) for one in profiles]
        shares = [part / one.sum_ms for part, one in zip(ms, profiles, strict=True)]
        part = {"name": name, "fused": fused, "category": key, "ms": float(np.median(ms))}
        rows.append(part | spread("share", shares))
    return rows


def finding(frame: pd.DataFrame, run: Run) -> str:
    """Share of the binary convolutions, and what else is large, with ops fused."""
    frame = frame[frame.fused]
    parts = frame[frame.category == BINARY]
    binary = parts.set_index("name").share
    least = either(contenders(parts, "share", most=False)["name"], "networks")
    most = either(contenders(parts, "share", most=True)["name"], "networks")
    rest = frame[frame.category != BINARY]
    largest = []
    for name, found in rest.groupby("name"):
        first = contenders(found, "share", most=True).sort_values("share", ascending=False)
        largest.append((first.share.iloc[0], f"{name}: {either(first.category, 'kinds of op')}"))
    others = "; ".join(f"{who} {share:.0%}" for share, who in sorted(largest, reverse=True))
    mean = frame.groupby("category").share.mean()
    return (
        f"Binary convolutions, with what is fused into them, take {binary.min():.0%} "
        f"({least}) to {binary.max():.0%} ({most}) of the time of "
        f"{len(binary)} models, on average {mean[BINARY]:.0%}; float convolutions take "
        f"{mean[FLOAT_CONV]:.0%} on average, element-wise ops {mean[ELEMENTWISE]:.0%}, pooling "
        f"{mean[POOLING]:.0%}, bitpacking {mean[PACKING]:.0%}. The largest part beside the binary "
        f"convolutions is, in each model: {others}.{run.left_out()}"
    )
