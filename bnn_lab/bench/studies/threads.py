"""(f) What do more threads bring?"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from bnn_lab._pandas import to_frame
from bnn_lab.bench.model_bench import litert_invoke
from bnn_lab.bench.model_cache import cached_files
from bnn_lab.bench.models import BINARY, FLOAT, INT8
from bnn_lab.bench.studies.base import Run

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "What do more threads bring?"


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
    """A row per model, kind of file and number of threads: name, peer, threads, ms, speedup.

    `speedup` is over one thread, from the quotients within each round.
    """
    names = ("quicknet_cifar",) if run.quick else ("quicknet_small", "quicknet", "quicknet_large")
    counts = usable_counts()
    rows = []
    for name in names:
        files = cached_files(name, (BINARY, FLOAT, INT8), progress=run.progress)
        peers = {
            f"{kind} {count}": litert_invoke(content, count)
            for kind, content in files.items()
            for count in counts
        }
        run.progress(f"timing {name}")
        table = run.time(peers, share=1 / len(names))
        for kind in files:
            for count in counts:
                rows.append(
                    {
                        "name": name,
                        "peer": kind,
                        "threads": count,
                        "ms": table[f"{kind} {count}"].median * 1e3,
                        "speedup": table.speedup(f"{kind} {count}", over=f"{kind} 1"),
                    }
                )
    return to_frame(rows)


def finding(frame: pd.DataFrame, run: Run) -> str:
    """Speed-up of each kind of file at the most threads, and the part that does not parallelize."""
    most = frame.threads.max()
    if most == 1:
        return "This machine gives one CPU to the process, so there is nothing to compare."
    top = frame[frame.threads == most]
    parts = []
    for peer, found in top.groupby("peer", sort=False):
        low, high = found.speedup.min(), found.speedup.max()
        parts.append(f"{peer} files run {low:.2f} to {high:.2f} times as fast")
    binary = top[top.peer == BINARY]
    # Amdahl: 1/speedup = serial + (1 - serial)/threads
    serial = ((1 / binary.speedup - 1 / most) / (1 - 1 / most)).clip(0, 1)
    ahead = frame.pivot_table(index=["name", "threads"], columns="peer", values="ms")
    ratio = (ahead[FLOAT] / ahead[BINARY]).unstack()
    return (
        f"With {most} threads instead of one, {'; '.join(parts)}. By Amdahl's law "
        f"{serial.min():.0%} to {serial.max():.0%} of the binary networks' time does not profit. "
        f"Over float files binary ones are {ratio[1].min():.1f} to {ratio[1].max():.1f} times "
        f"faster on one thread and {ratio[most].min():.1f} to {ratio[most].max():.1f} on {most}."
    )
