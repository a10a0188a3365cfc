"""(j) What does padding with zeros cost? A bit cannot be 0, so zero-padding is a correction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bnn_lab import kernels, reference
from bnn_lab._pandas import to_frame
from bnn_lab.bench.kernels import PAPER_CONVS, ConvCase, kernel_call
from bnn_lab.experiments.latency.base import Run, contenders, either, span

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "What does padding with zeros cost, where padding with ones is free?"

ONES, ZEROS, NONE = "ones", "zeros", "none"
_OPTIONS: dict[str, dict[str, Any]] = {
    ONES: {"padding": "same", "pad_values": 1},
    ZEROS: {"padding": "same", "pad_values": 0},
    NONE: {"padding": "valid"},
}
# Small images are nearly all border.
_CASES = (*PAPER_CONVS, ConvCase(4, 256, 256))


def measure(run: Run) -> pd.DataFrame:
    """A row per convolution and padding.

    Columns: case, padding (``ones``, ``zeros``, or ``none``: the window stays inside), ms (best
    round), border (share of the output pixels whose window hangs over), cost, cost_low, cost_high
    (time with zeros over time with ones, from the quotients within each round; the same in all rows
    of a case).
    """
    rows = []
    for case in _CASES[2:4] if run.quick else _CASES:
        rng = np.random.default_rng(0)
        shape = (case.channels_out, case.kernel, case.kernel, case.channels_in)
        image = reference.pack_bits(rng.random((1, case.size, case.size, case.channels_in)) < 0.5)
        filters = reference.pack_bits(rng.random(shape) < 0.5)
        calls = {
            name: kernel_call(
                kernels.BConv2D(filters, channels_in=case.channels_in, **options), image
            )
            for name, options in _OPTIONS.items()
        }
        run.progress(f"timing {case.name}")
        table = run.time(calls, share=1 / len(_CASES))
        cost = run.ratio(table, "cost", ONES, ZEROS)
        inner = max(0, case.size - case.kernel + 1) ** 2
        for name in calls:
            rows.append(
                {
                    "case": case.name,
                    "padding": name,
                    "ms": table[name].minimum * 1e3,
                    "border": 1 - inner / case.size**2,
                    **cost,
                }
            )
    return to_frame(rows)


def finding(frame: pd.DataFrame, run: Run) -> str:
    """The cost, and where it is largest."""
    costs = frame[frame.padding == ZEROS]
    told = costs[costs.cost_low > 1]
    same = len(costs) - len(told)
    if len(told):
        first = contenders(told, "cost", most=True)
        text = (
            f"Zero-padding takes {span(told.cost, 2)} times as long as one-padding on {len(told)} "
            f"of {len(costs)} convolutions, most at {either(first.case, 'of them')}, where "
            f"{100 * first.border.max():.0f} % of the pixels lie at the border."
        )
        text += f" On the other {same} no difference was measured." if same else ""
    else:
        text = (
            f"On none of {len(costs)} convolutions did zero-padding take measurably longer than "
            "one-padding."
        )
    return (
        f"{text} One-padding does the same work at every pixel; zero-padding adds a constant to "
        "the results at the border."
    )
