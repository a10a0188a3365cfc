"""(e) What do the first layer and the transitions between sections cost?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bnn_lab._pandas import to_frame
from bnn_lab.experiments.latency.base import (
    IMAGENET_NETWORKS,
    SMALL_NETWORKS,
    Run,
    contenders,
    either,
    spread,
)
from bnn_lab.profiling.model_profile import ProfileRow

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "What do the first layer and the transition blocks cost?"

STEM = "first layers"
TRANSITION = "transitions"
BLOCKS = "float ops within sections"
BINARY = "binary"
HEAD = "head"
_UNPACKING = {"LceDequantize"}
_RESAMPLING = ("CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D")
PARTS = (STEM, BINARY, BLOCKS, TRANSITION, HEAD)


def parts_of(rows: Sequence[ProfileRow]) -> list[str]:
    """Which part of a network each row of its profile belongs to.

    The first layers are what comes before any binary op, the head what comes after the last binary
    convolution. Float ops between two binary convolutions are a transition if the second one's
    output is smaller than the first one's, and so are float convolutions and pools of images, which
    a shortcut may run only after the smaller convolution.

    Args:
        rows: in the order in which they run.

    Returns:
        One of `PARTS` per row.
    """
    convs = [i for i, row in enumerate(rows) if "LceBconv2d" in row.kind.split(" + ")]
    # LceDequantize unpacks the weights of a layer whose input is float: no binary op follows it.
    binary = [i for i, r in enumerate(rows) if r.binary and set(r.kind.split(" + ")) != _UNPACKING]
    found = []
    for index, row in enumerate(rows):
        if index in binary:
            found.append(BINARY)
        elif not binary or index < binary[0]:
            found.append(STEM)
        elif not convs or index > convs[-1]:
            found.append(HEAD)
        else:
            before = max((i for i in convs if i < index), default=None)
            after = min(i for i in convs if i > index)
            # After the first layers no convolution has run yet: nothing shrinks within a section.
            shrinks = before is not None and _side(rows[after]) < _side(rows[before])
            resamples = row.kind in _RESAMPLING and _side(row) > 1
            found.append(TRANSITION if shrinks or resamples else BLOCKS)
    return found


def _side(row: ProfileRow) -> int:
    return row.output_shape[1] if len(row.output_shape) == 4 else 1


def measure(run: Run) -> pd.DataFrame:
    """A row per model and part: name, part, macs, and ms and share, each with *_low and *_high (of
    repeated profiles)."""
    names = SMALL_NETWORKS[:2] if run.quick else IMAGENET_NETWORKS
    files = run.binary_files(names)
    rows = []
    for name, found in run.profiles(files, rounds=2 if run.quick else 6).items():
        labels = parts_of(found[0].rows)
        for part in PARTS:
            of_part = [i for i, label in enumerate(labels) if label == part]
            ms = [sum(one.rows[i].ms for i in of_part) for one in found]
            shares = [of / one.sum_ms for of, one in zip(ms, found, strict=True)]
            rows.append(
                {
                    "name": name,
                    "part": part,
                    **spread("ms", ms),
                    **spread("share", shares),
                    "macs": sum(found[0].rows[i].macs or 0 for i in of_part),
                }
            )
    return to_frame(rows)


def finding(frame: pd.DataFrame, run: Run) -> str:
    """The cheapest and the most expensive first layers and transitions."""
    stem = frame[frame.part == STEM].set_index("name")
    between = frame[frame.part == TRANSITION].set_index("name")
    cheap, costly = stem.ms.idxmin(), stem.ms.idxmax()
    both = (stem + between).filter(like="share").assign(name=stem.index)
    share = both.share
    first, last = (
        {
            key: either(contenders(found.reset_index(drop=True), column, most=most).who, "networks")
            for key, found, column in (
                ("stem", stem.assign(who=stem.index), "ms"),
                ("between", between.assign(who=between.index), "ms"),
                ("both", both.assign(who=both.index), "share"),
            )
        }
        for most in (False, True)
    )
    return (
        f"First layers take {stem.ms.min():.2f} ms ({first['stem']}; {stem.macs[cheap] / 1e6:.0f} "
        f"million float MACs, {stem.share[cheap]:.0%} of the time) to {stem.ms.max():.2f} ms "
        f"({last['stem']}; {stem.macs[costly] / 1e6:.0f} million, {stem.share[costly]:.0%}). "
        f"Transitions take {between.ms.min():.2f} ms ({first['between']}) to "
        f"{between.ms.max():.2f} ms ({last['between']}). Together they are {share.min():.0%} "
        f"({first['both']}) to {share.max():.0%} ({last['both']}) of a network's time, though only "
        f"{_mac_share(frame):.1%} of all MACs.{run.left_out()}"
    )


def _mac_share(frame: pd.DataFrame) -> float:
    few = frame[frame.part.isin((STEM, TRANSITION))].macs.sum()
    return float(few / max(frame.macs.sum(), 1))
