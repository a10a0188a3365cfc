"""(f) What do more threads bring?

Threads exchange results through the cache. Whether two cores share one decides what a second thread
brings, and on a virtual machine that may change while a process runs: on one host a cache line took
29 ns from core to core at times and 146 ns at others. So the study looks before and after each
round.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bnn_lab import _native
from bnn_lab._pandas import to_frame
from bnn_lab.bench.baselines import litert_call
from bnn_lab.bench.model_bench import LEAD_IN
from bnn_lab.bench.network_files import cached_files
from bnn_lab.bench.runs import SUITE
from bnn_lab.experiments.latency.base import SMALL_NETWORKS, Run, span
from bnn_lab.measure.timing import TimingTable
from bnn_lab.tflite.forms import BINARY, FLOAT32, KINDS

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "What do more threads bring?"
_APART = 2.0  # times as far: then the rounds are told apart


def thread_counts(cpus: int) -> list[int]:
    """1, 2, 4 ... up to the number of CPUs, which is the last."""
    counts = [1]
    while counts[-1] * 2 < cpus:
        counts.append(counts[-1] * 2)
    return counts if cpus == 1 else [*counts, cpus]


def usable_counts() -> list[int]:
    """`thread_counts` of the CPUs that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return thread_counts(len(affinity(0)) if affinity else os.cpu_count() or 1)


def measure(run: Run) -> pd.DataFrame:
    """A row per model, kind of file and number of threads.

    Columns: name, kind, threads, ms, speedup, speedup_low, speedup_high, core_ns, far_core_ns,
    near_speedup, far_speedup, over_float, over_float_low and over_float_high: how many times
    faster the file is than the float one on as many threads.
    `speedup` is over one thread, from the quotients within each round. `core_ns` is how long a
    cache line takes between two cores, the least of all rounds, NaN on a single CPU. If it was
    `_APART` times as long or more in some rounds, `far_core_ns` is their median and the last two
    columns are the speed-ups of the other rounds and of these; else all three are NaN.
    """
    names = SMALL_NETWORKS[:1] if run.quick else SUITE
    counts = usable_counts()
    rows = []
    for name in names:
        files = cached_files(name, KINDS, progress=run.progress)
        calls = {
            f"{kind} {count}": litert_call(content, num_threads=count)
            for kind, content in files.items()
            for count in counts
        }
        run.progress(f"timing {name}")
        looks: list[float] = []
        table = run.time(
            calls,
            share=1 / len(names),
            lead_in_seconds=LEAD_IN,
            before_round=lambda looks=looks: looks.append(_native.core_latency_ns()),
        )
        looks.append(_native.core_latency_ns())
        distance = table.of_counted(core_distances(looks))
        for kind in files:
            for count in counts:
                rows.append(
                    {
                        "name": name,
                        "kind": kind,
                        "threads": count,
                        "ms": table[f"{kind} {count}"].median * 1e3,
                        **run.ratio(table, "speedup", f"{kind} {count}", f"{kind} 1"),
                        **run.ratio(table, "over_float", f"{kind} {count}", f"{FLOAT32} {count}"),
                        **distant(table, f"{kind} {count}", f"{kind} 1", distance),
                    }
                )
    return to_frame(rows)


def core_distances(looks: list[float]) -> NDArray[np.float64]:
    """The longer of the looks before and after each round.

    Args:
        looks: ns, one before each round and one after the last; 0 if unknown.

    Returns:
        ns, float64 (rounds,).
    """
    found = np.array(looks, np.float64)
    return np.maximum(found[:-1], found[1:])


def distant(
    table: TimingTable, name: str, over: str, distance: NDArray[np.float64]
) -> dict[str, float]:
    """The columns of `measure` from `core_ns` on; `distance`: ns of each round, 0 if unknown."""
    quotients = table[over].seconds / table[name].seconds
    known = bool(distance.size) and distance.min() > 0
    core = float(distance.min()) if known else np.nan
    far = distance >= _APART * core if known else np.zeros(len(quotients), bool)
    split = bool(far.any())  # the nearest round is never far
    return {
        "core_ns": core,
        "far_core_ns": float(np.median(distance[far])) if split else np.nan,
        "near_speedup": float(np.median(quotients[~far])) if split else np.nan,
        "far_speedup": float(np.median(quotients[far])) if split else np.nan,
    }


def finding(frame: pd.DataFrame, run: Run) -> str:
    """Speed-up of each kind of file at the most threads, and the part that does not parallelize."""
    most = frame.threads.max()
    if most == 1:
        return "This machine gives one CPU to the process, so there is nothing to compare."
    top = frame[frame.threads == most]
    parts = []
    for kind, found in top.groupby("kind", sort=False):
        gain = (found.speedup_low > 1).sum()
        text = f"{kind} files run {span(found.speedup, 2)} times as fast"
        parts.append(text if gain == len(found) else f"{text} (measurably faster: {gain})")
    binary = top[top.kind == BINARY]
    # Amdahl: 1/speedup = serial + (1 - serial)/threads
    serial = ((1 / binary.speedup - 1 / most) / (1 - 1 / most)).clip(0, 1)
    ratio = frame[frame.kind == BINARY].pivot_table(
        index="name", columns="threads", values="over_float"
    )
    text = (
        f"With {most} threads instead of one, {'; '.join(parts)}. By Amdahl's law "
        f"{serial.min():.0%} to {serial.max():.0%} of the binary networks' time does not profit. "
        f"Over float files binary ones are {ratio[1].min():.1f} to {ratio[1].max():.1f} times "
        f"faster on one thread and {ratio[most].min():.1f} to {ratio[most].max():.1f} on {most}."
    )
    return text + _on_distance(binary)


def _on_distance(binary: pd.DataFrame) -> str:
    if binary.core_ns.isna().all():
        return ""
    text = f" A cache line takes {binary.core_ns.min():.0f} ns from one core to another"
    split = binary[binary.far_speedup.notna()]
    if split.empty:
        return text + "."
    return (
        f"{text}, but {split.far_core_ns.median():.0f} ns in some rounds, as between cores that "
        f"share no cache: there binary files run {span(split.far_speedup, 2)} times as fast, and "
        f"{span(split.near_speedup, 2)} in the other rounds."
    )
