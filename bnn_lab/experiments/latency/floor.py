"""(j) What remains if binary ops took no time, and why?

A network's profile, one thread, split by what its float ops are. Beside the parts that multiply
stands their rate over the best one that XNNPACK reaches here, on a 1x1 convolution whose weights
and images stay in the cache: a part near 1 cannot be had faster with the same sums by anyone.
The clock is the thread's own CPU time, which other work on the machine lengthens only through the
caches. Results must be the same bits, and a sum of floats has other bits in another order.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bnn_lab._pandas import to_frame
from bnn_lab.bench.baselines import litert_call
from bnn_lab.bench.runs import PUBLISHED
from bnn_lab.experiments.latency.base import SMALL_NETWORKS, Run, either, listing, span, spread
from bnn_lab.profiling.model_profile import Profile, ProfileRow
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.op_files import layer_file
from bnn_lab.tflite.ops import ModelOps

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "What would remain of a network if its binary ops took no time, and why?"

BINARY = "binary ops"
STEM = "stem's convolutions"
STEM_REST = "stem's other ops"
POINTWISE = "1x1 convolutions"
CONV = "other convolutions"
POOL = "pools"
COPIES = "joined, cut, padded"
ELEMENTS = "scales, sums, activations"
HEAD = "classifier"
PARTS = (BINARY, STEM, STEM_REST, POINTWISE, CONV, POOL, COPIES, ELEMENTS, HEAD)
_MULTIPLIES = (STEM, POINTWISE, CONV, HEAD)
# Why bnn_lab's delegate does not have it, the results being the same bits.
WHY = {
    BINARY: "bnn_lab's, with what they take in",
    STEM: "sums of floats: another order of additions gives other bits, and this one is XNNPACK's",
    STEM_REST: "they read what XNNPACK wrote: a larger image than fits the nearest caches",
    POINTWISE: "sums of floats, as in the stem",
    CONV: "sums of floats, as in the stem",
    POOL: "averages are sums of floats, as in the stem; of the others, some are bnn_lab's, which "
    "join and scale what they read, and read it once",
    COPIES: "a convolution of XNNPACK's reads the image as a whole",
    ELEMENTS: "they stand between ops of XNNPACK's, and would only change hands",
    HEAD: "sums of floats; its weights, some megabytes, come through the cache at each call",
}
_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
_PART_OF_KIND = {
    **dict.fromkeys(("MAX_POOL_2D", "AVERAGE_POOL_2D", "MEAN"), POOL),
    **dict.fromkeys(
        ("CONCATENATION", "SPLIT", "PAD", "RESHAPE", "TRANSPOSE", "SLICE", "STRIDED_SLICE"), COPIES
    ),
    **dict.fromkeys(("FULLY_CONNECTED", "SOFTMAX"), HEAD),
}
# Of which a core's nearest caches hold images and weights.
_FASTEST = LayerShape(kinds.CONV, 14, 14, 256, 256)


def parts_of(rows: Sequence[ProfileRow], pointwise: set[str]) -> list[str]:
    """Which part of a network each row of its profile belongs to.

    Args:
        rows: in the order in which they run.
        pointwise: names of the convolutions whose window is one pixel.

    Returns:
        One of `PARTS` per row. The stem is what comes before any binary op.
    """
    first = next((i for i, row in enumerate(rows) if row.binary), len(rows))
    found = []
    for index, row in enumerate(rows):
        taken = row.kind.split(" + ")
        # A pool of bnn_lab's is a pool, whatever it took in.
        kind = taken[-1] if _PART_OF_KIND.get(taken[-1]) == POOL else taken[0]
        convolves = kind in _CONVOLUTIONS
        if row.binary:
            found.append(BINARY)
        elif index < first:
            found.append(STEM if convolves else STEM_REST)
        elif convolves:
            found.append(POINTWISE if row.name in pointwise else CONV)
        else:
            found.append(_PART_OF_KIND.get(kind, ELEMENTS))
    return found


def pointwise_convs(content: bytes) -> set[str]:
    """Names of a file's float convolutions whose window is one pixel."""
    model = ModelOps(content)
    convs = [op for op in model.ops if op.kind == "CONV_2D"]
    return {op.name for op in convs if model.shape(op.inputs[1])[1:3] == (1, 1)}


def measure(run: Run) -> pd.DataFrame:
    """A row per published network and part: name, part, macs, ms and share (each with *_low and
    *_high, of repeated profiles), and of_best: of parts that multiply, their rate over the best
    that XNNPACK reaches here; NaN for the others."""
    files = run.binary_files(SMALL_NETWORKS[:2] if run.quick else PUBLISHED)
    run.progress("timing the fastest float convolution")
    # A sixth of the budget: what one thread may use, in the same minutes as the profiles.
    alone = run.time({"best": litert_call(layer_file(_FASTEST), delegate=False)}, share=1 / 6)
    best = _FASTEST.macs / alone["best"].minimum
    rows = []
    for name, found in run.profiles(files, 2 if run.quick else 10, clock=time.thread_time).items():
        rows += rows_of(name, found, pointwise_convs(files[name]), best)
    return to_frame(rows)


def rows_of(
    name: str, profiles: Sequence[Profile], pointwise: set[str], best: float
) -> list[dict[str, object]]:
    """The rows of one network.

    Args:
        name: of the network.
        profiles: of it, repeated.
        pointwise: see `parts_of`.
        best: multiply-accumulates per second of the fastest float convolution.
    """
    labels = parts_of(profiles[0].rows, pointwise)
    rows = []
    for part in PARTS:
        of_part = [i for i, label in enumerate(labels) if label == part]
        if not of_part:
            continue
        ms = [sum(one.rows[i].ms for i in of_part) for one in profiles]
        macs = sum(profiles[0].rows[i].macs or 0 for i in of_part)
        rows.append(
            {
                "name": name,
                "part": part,
                **spread("ms", ms),
                **spread("share", [a / b.sum_ms for a, b in zip(ms, profiles, strict=True)]),
                "macs": macs,
                "of_best": macs / (min(ms) / 1e3) / best if part in _MULTIPLIES else float("nan"),
            }
        )
    return rows


def finding(frame: pd.DataFrame, run: Run) -> str:
    """The floor of each network, its largest part, and how near that is to the CPU's best."""
    floor = frame[frame.part != BINARY]
    share = floor.groupby("name").share.sum()
    largest = floor.loc[floor.groupby("name").ms.idxmax()]
    counts = largest.part.value_counts()
    words = listing([f"the {part} in {count}" for part, count in counts.items()])
    stems = frame[frame.part == STEM]
    low, high = share.idxmin(), share.idxmax()
    return (
        f"Float ops take {share[low]:.0%} ({either([low], '')}) to {share[high]:.0%} "
        f"({either([high], '')}) of the time of {len(share)} networks, and their largest part is "
        f"{words}. The stems' convolutions run at {span(100 * stems.of_best, 0)} % of the best "
        f"rate that XNNPACK reaches here.{run.left_out()}"
    )
