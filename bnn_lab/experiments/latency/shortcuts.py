"""(d) What do full-precision shortcuts cost? Without them convolutions may write bits at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bnn_lab._pandas import to_frame
from bnn_lab.bench.baselines import litert_call
from bnn_lab.experiments.latency.base import Run, known
from bnn_lab.models.registry import networks
from bnn_lab.tflite.ops import ModelOps

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "What do full-precision shortcuts cost, fused and unfused?"

PAIRS = {entry.variant_of: entry.name for entry in networks(variants=True)}


def measure(run: Run) -> pd.DataFrame:
    """A row per network, with and without shortcuts, fused and not.

    Columns: name, shortcuts, fused, ms, ops, and cost, cost_low, cost_high: time with shortcuts
    over without, from the quotients within each round; the same in both rows of a pair.
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
            cost = run.ratio(table, "cost", f"{plain} {fuse}", f"{name} {fuse}")
            for key in files:
                rows.append(
                    {
                        "name": name,
                        "shortcuts": key == name,
                        "fused": fuse,
                        "ms": table[f"{key} {fuse}"].median * 1e3,
                        "ops": len(ModelOps(files[key]).ops),
                        **cost,
                    }
                )
    return to_frame(rows)


def finding(frame: pd.DataFrame, run: Run) -> str:
    """The cost in each network, and what fusion saves."""
    sentences, less = [], 0
    names = list(dict.fromkeys(frame["name"]))
    for name, found in frame.groupby("name", sort=False):
        cost = found[found.shortcuts].set_index("fused")
        times = found.set_index(["shortcuts", "fused"]).ms
        less += bool(cost.cost_high[True] < cost.cost_low[False])
        sentences.append(
            f"In {name} it takes {known(cost.loc[False], 'cost', '.2f')} times as long with "
            f"shortcuts, unfused ({times[False, False]:.2f} to {times[True, False]:.2f} ms), and "
            f"{known(cost.loc[True], 'cost', '.2f')} times fused ({times[False, True]:.2f} to "
            f"{times[True, True]:.2f} ms)."
        )
    fused = "Run inside the convolution's pass, the additions cost"
    if less == len(names):
        last = f"{fused} less than as ops of their own{' in each network' * (less > 1)}."
    elif less:
        last = f"{fused} less than as ops of their own in {less} of {len(names)} networks; in the "
        last += "others no difference was measured."
    else:
        last = f"{fused} not measurably less than as ops of their own."
    return (
        "Without shortcuts a convolution's floats have one reader, the next sign, and need not be "
        f"written. {' '.join(sentences)} {last}{run.left_out()}"
    )
