"""(a) How much faster than float and int8 is a binary convolution? (arXiv:2011.09398)"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnn_lab._pandas import to_frame
from bnn_lab.bench.baselines import litert_call
from bnn_lab.bench.kernels import PAPER_CONVS
from bnn_lab.experiments.latency.base import Run, contenders, either, span
from bnn_lab.measure.noise import NoisyMachineError
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.forms import INT8
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.op_files import layer_file

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "How many times faster is a binary convolution than float32 and int8?"
PAPER_RANGE = (8.5, 18.5)  # LCE paper, abstract: over float on Pixel 1 phones, of all it timed

_CHANNELS = (32, 64, 128, 256, 512, 1024)
_SIZES = (7, 14, 28, 56)
_KERNELS = (1, 3, 5)
_MOST_MACS = 4.7e8  # what 3x3 on 56 pixels and 128 channels has; more would eat the budget


def grid(quick: bool) -> list[tuple[bool, int, int, int]]:
    """(from the paper, kernel, size, channels) of each convolution."""
    paper = [(True, c.kernel, c.size, c.channels_in) for c in PAPER_CONVS]
    if quick:
        return [*paper[-1:], (False, 1, 7, 32), (False, 3, 7, 64)]
    known = {case[1:] for case in paper}
    rest = [
        (False, kernel, size, channels)
        for kernel in _KERNELS
        for size in _SIZES
        for channels in _CHANNELS
        if (kernel, size, channels) not in known and (size * channels * kernel) ** 2 <= _MOST_MACS
    ]
    return paper + rest


def measure(run: Run) -> pd.DataFrame:
    """A row per convolution: paper, kernel, size, channels, macs, *_ms, and over_float and
    over_int8, each with *_low and *_high.

    Each is one op inside LiteRT, one thread; the binary one reads bits and writes floats.
    """
    cases, rows = grid(run.quick), []
    refusal: NoisyMachineError | None = None
    for paper, kernel, size, channels in cases:
        run.progress(f"{kernel}x{kernel}, {size} pixels, {channels} channels")
        sizes = (size, size, channels, channels, (kernel, kernel))
        binary, conv = LayerShape(kinds.BINARY_CONV, *sizes), LayerShape(kinds.CONV, *sizes)
        calls = {
            "binary": litert_call(layer_file(binary)),
            "float": litert_call(layer_file(conv)),
            "int8": litert_call(layer_file(conv, INT8)),
        }
        try:
            table = run.time(calls, share=1 / len(cases))
        except NoisyMachineError as error:
            run.skipped[f"{kernel}x{kernel}, {size} pixels, {channels} channels"] = "too noisy"
            refusal = error
            continue
        rows.append(
            {
                "paper": paper,
                "kernel": kernel,
                "size": size,
                "channels": channels,
                "macs": conv.macs,
                **{f"{name}_ms": table[name].median * 1e3 for name in calls},
                **run.ratio(table, "over_float", "binary", "float"),
                **run.ratio(table, "over_int8", "binary", "int8"),
            }
        )
    if refusal is not None and not any(row["paper"] for row in rows):
        raise refusal
    return to_frame(rows)


def finding(frame: pd.DataFrame, run: Run) -> str:
    """The ranges, and where binary gains least and most."""
    paper = frame[frame.paper]
    least, most = (
        either(map(_name, _rows(contenders(frame, "over_float", most=end))), "convolutions")
        for end in (False, True)
    )
    narrow, wide = frame.channels.min(), frame.channels.max()
    low, high = PAPER_RANGE
    inside = ((frame.over_float_low >= low) & (frame.over_float_high <= high)).sum()
    above = (frame.over_float_low > high).sum()
    below = (frame.over_float_high < low).sum()
    open_ = len(frame) - inside - above - below
    return (
        f"On the paper's {len(paper)} convolutions binary is {span(paper.over_float)} times faster "
        f"than float32 and {span(paper.over_int8)} times faster than int8, on one thread. Over all "
        f"{len(frame)} convolutions it is {span(frame.over_float)} times faster than float32, the "
        f"median is {frame.over_float.median():.1f} (for its convolutions the paper's abstract "
        f"reports {PAPER_RANGE[0]} to {PAPER_RANGE[1]} on Pixel 1 phones: {inside} of ours lie in "
        f"that range, {above} above and {below} below"
        f"{f', of {open_} the intervals do not tell' if open_ else ''}); over int8 "
        f"{span(frame.over_int8)}, median {frame.over_int8.median():.1f}. Least is gained at "
        f"{least}, most at {most}. With {narrow} channels the median over float32 is "
        f"{frame[frame.channels == narrow].over_float.median():.1f}, with {wide} channels "
        f"{frame[frame.channels == wide].over_float.median():.1f}." + run.left_out()
    )


def _rows(frame: pd.DataFrame) -> list[pd.Series]:
    return [row for _, row in frame.iterrows()]


def _name(row: pd.Series) -> str:
    return f"{row.kernel}x{row.kernel} on {row['size']} pixels and {row.channels} channels"
