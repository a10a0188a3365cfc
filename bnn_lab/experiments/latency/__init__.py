"""Studies: each answers one question about speed by measuring, here and now.

from bnn_lab.experiments.latency import run_study

study = run_study("speedup")
study.frame, study.finding; bnn_lab.figures.draw(study)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from bnn_lab.errors import InputError
from bnn_lab.experiments.latency import (
    accuracy,
    breakdown,
    generation,
    macs,
    overhead,
    padding,
    shortcuts,
    speedup,
    stem,
    ternary,
    threads,
    ways,
)
from bnn_lab.experiments.latency.base import Run, Study
from bnn_lab.measure.host import real_host
from bnn_lab.measure.noise import NoiseWatch

__all__ = ["STUDIES", "Entry", "Run", "Study", "run_study"]


@dataclass(frozen=True)
class Entry:
    """One study.

    Attributes:
        question: the one it answers.
        measure: a `Run` to the frame of measurements.
        finding: frame and `Run` to a paragraph.
    """

    question: str
    measure: Callable[[Run], Any]
    finding: Callable[[Any, Run], str]


def _entry(module: ModuleType) -> Entry:
    return Entry(module.QUESTION, module.measure, module.finding)


STUDIES: dict[str, Entry] = {
    "speedup": _entry(speedup),
    "macs": _entry(macs),
    "breakdown": _entry(breakdown),
    "shortcuts": _entry(shortcuts),
    "stem": _entry(stem),
    "overhead": _entry(overhead),
    "threads": _entry(threads),
    "accuracy": _entry(accuracy),
    "ternary": _entry(ternary),
    "ways": _entry(ways),
    "padding": _entry(padding),
    "generation": _entry(generation),
}


def run_study(
    name: str,
    *,
    seconds: float = 120.0,
    quick: bool = False,
    force: bool = False,
    progress: Callable[[str], None] = lambda text: None,
    noisy: Callable[[str | None], None] = lambda problem: None,
) -> Study:
    """Measure and answer.

    Args:
        name: a key of `STUDIES`.
        seconds: time budget of the measurement. Models that are not in the cache are converted
            first, which takes up to three minutes for all of them.
        quick: few small cases, in seconds; the answer is then not worth much.
        force: answer even if no round was quiet.
        progress: told what is being done.
        noisy: told before the measurement what it will suffer from, None if from nothing.

    Returns:
        The answer.

    Raises:
        InputError: there is no such study, or no time.
        NoisyMachineError: no round of some measurement was quiet, and not `force`.
        EmulatedError: this CPU is emulated.
        BnnLabError: pandas, or TensorFlow for networks, is not installed.
    """
    if name not in STUDIES:
        raise InputError(f"there is no study {name!r}; known are {', '.join(STUDIES)}.")
    if seconds <= 0:
        raise InputError(f"run_study: seconds must be above 0, not {seconds}.")
    host = real_host("run_study")
    watch = NoiseWatch(max(threads.usable_counts()) if name == "threads" else 1, force=force)
    noisy(watch.before())
    run = Run(seconds=seconds, quick=quick, watch=watch, progress=progress)
    entry = STUDIES[name]
    frame = entry.measure(run)
    noise = watch.after()
    return Study(
        name=name,
        question=entry.question,
        frame=frame,
        finding=entry.finding(frame, run),
        uncertainty=run.uncertainty,
        noise=noise,
        host=host,
    )
