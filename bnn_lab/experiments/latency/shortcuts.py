"""(d) What do full-precision shortcuts cost? Without them convolutions may write bits at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnn_lab._pandas import to_frame
from bnn_lab.bench.baselines import litert_call
from bnn_lab.experiments.latency.base import Run
from bnn_lab.models.registry import networks
from bnn_lab.tflite.ops import ModelOps

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "What do full-precision shortcuts cost, fused and unfused?"

PAIRS = {entry.variant_of: entry.name for entry in networks(variants=True)}


def measure(run: Run) -> pd.DataFrame:
    """A row per network, with and without shortcuts, fused and not.

    Columns: name, shortcuts, fused, ms, ops, cost (time with shortcuts over without, minus 1, from
    the quotients within each round; the same in both rows of a pair).
    """
    pairs = dict(list(PAIRS.items())[:1]) if run.quick else PAIRS
    rows = []
    for name, plain in pairs.items():
        files = run.binary_files([name, plain])
        calls = {
            f"{key} {fuse}": litert_call(files[key], fuse=fuse)
            for key in files
            for fuse in (True, False)
        }
        run.progress(f"timing {name}")
        table = run.time(calls, share=1 / len(pairs))
        for fuse in (True, False):
            cost = table.speedup(f"{plain} {fuse}", over=f"{name} {fuse}") - 1
            for key in files:
                rows.append(
                    {
                        "name": name,
                        "shortcuts": key == name,
                        "fused": fuse,
                        "ms": table[f"{key} {fuse}"].median * 1e3,
                        "ops": len(ModelOps(files[key]).ops),
                        "cost": cost,
                    }
                )
    return to_frame(rows)


def finding(frame: pd.DataFrame, run: Run) -> str:
    """The cost in each network, and what fusion saves."""
    sentences = []
    for name, found in frame.groupby("name", sort=False):
        cost = found[found.shortcuts].set_index("fused").cost
        times = found.set_index(["shortcuts", "fused"]).ms
        sentences.append(
            f"In {name} shortcuts add {cost[False]:+.0%} to the time unfused ("
            f"{times[False, False]:.2f} to {times[True, False]:.2f} ms) and {cost[True]:+.0%} "
            f"fused ({times[False, True]:.2f} to {times[True, True]:.2f} ms)."
        )
    costs = frame[frame.shortcuts].groupby("fused").cost.mean()
    less = "less" if costs[True] < costs[False] else "no less"
    return (
        "Without shortcuts a convolution's floats have one reader, the next sign, and need not be "
        f"written. {' '.join(sentences)} Run inside the convolution's pass, the additions cost "
        f"{less} than as ops of their own: on average {costs[True]:+.0%} instead of "
        f"{costs[False]:+.0%}."
    )
