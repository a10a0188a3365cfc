"""CPU seconds of each training experiment, measured by running its command.

``python -m bnn_lab.experiments.training.seconds`` runs them all; names after it choose some. What
it finds is stored and shown by ``bnn-lab experiment``.
"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from bnn_lab._files import write_whole
from bnn_lab.errors import BnnLabError
from bnn_lab.experiments.training.catalogue import EXPERIMENTS

RECORDED = Path(__file__).parent / "data" / "seconds.csv"


@cache
def recorded_seconds() -> dict[str, float]:
    """Experiment to CPU seconds with its default settings, Python's start included, as stored."""
    if not RECORDED.exists():
        return {}
    with RECORDED.open(newline="", encoding="utf-8") as file:
        return {row["experiment"]: float(row["cpu_seconds"]) for row in csv.DictReader(file)}


def measure_seconds(name: str) -> float:
    """Run ``bnn-lab experiment NAME`` in a process of its own.

    Args:
        name: a key of `EXPERIMENTS`.

    Returns:
        CPU seconds of all its threads and child processes; somewhat more where others use the
        machine too.

    Raises:
        BnnLabError: the command failed; its last lines are in the message.
    """
    with tempfile.TemporaryDirectory() as folder, _children() as spent:
        command = [sys.executable, "-m", "bnn_lab.cli", "experiment", name]
        done = subprocess.run(
            [*command, "--folder", folder], capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise BnnLabError(f"{' '.join(command)} failed: {done.stderr[-2000:]}")
    return spent[0]


@contextmanager
def _children() -> Iterator[list[float]]:
    """CPU seconds of child processes that end inside, in a list of one."""
    spent = [0.0]
    before = os.times()
    yield spent
    after = os.times()
    spent[0] = (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )


def main(names: list[str]) -> None:
    """Measure, and store after each one."""
    for name in names or list(EXPERIMENTS):
        found = measure_seconds(name)
        print(f"{name}: {found:.0f} CPU s", flush=True)
        recorded_seconds.cache_clear()
        seconds = {**recorded_seconds(), name: round(found)}
        rows = [f"{key},{seconds[key]:g}\n" for key in EXPERIMENTS if key in seconds]
        write_whole(RECORDED, "experiment,cpu_seconds\n" + "".join(rows))


if __name__ == "__main__":
    main(sys.argv[1:])
