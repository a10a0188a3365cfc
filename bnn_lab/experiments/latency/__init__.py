"""Studies: each answers one question about speed by measuring, here and now.

from bnn_lab.experiments.latency import run_study

study = run_study("speedup")
study.frame, study.finding; bnn_lab.figures.draw(study)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from bnn_lab.bench.labels import check_label, default_label
from bnn_lab.errors import InputError
from bnn_lab.experiments.latency import (
    accuracy,
    breakdown,
    floor,
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

__all__ = ["STUDIES", "Entry", "Run", "Study", "entry_of", "run_study"]


@dataclass(frozen=True)
class Entry:
    """One study.

    Attributes:
        question: the one it answers.
        measure: a `Run` to the frame of measurements.
        finding: frame and `Run` to a paragraph.
        columns: of the frame, what a figure needs: name to `str`, `bool` or `float`, which stands
            for every number.
    """

    question: str
    measure: Callable[[Run], Any]
    finding: Callable[[Any, Run], str]
    columns: Mapping[str, type]


def _entry(module: ModuleType, numbers: str, *, text: str = "", flags: str = "") -> Entry:
    columns = {
        name: kind
        for kind, names in ((str, text), (bool, flags), (float, numbers))
        for name in names.split()
    }
    return Entry(module.QUESTION, module.measure, module.finding, columns)


STUDIES: dict[str, Entry] = {
    "speedup": _entry(
        speedup,
        "kernel size channels macs binary_ms float_ms int8_ms over_float over_int8",
        flags="paper",
    ),
    "macs": _entry(macs, "macs binary_macs ms macs_ratio", text="name"),
    "breakdown": _entry(breakdown, "ms share", text="name category", flags="fused"),
    "shortcuts": _entry(shortcuts, "ms cost", text="name", flags="shortcuts fused"),
    "stem": _entry(stem, "ms share", text="name part"),
    "floor": _entry(floor, "ms share", text="name part"),
    "overhead": _entry(overhead, "ms float_floor_ms kernel_ms beyond_floor_ms", text="name"),
    "threads": _entry(threads, "threads ms speedup", text="name kind"),
    "accuracy": _entry(accuracy, "ms top1", text="name source"),
    "ternary": _entry(ternary, "samples ms gb_per_s speedup over_bound", text="name"),
    "ways": _entry(ways, "ms kilobytes", text="case engine way"),
    "padding": _entry(padding, "ms cost", text="case padding"),
    "generation": _entry(
        generation, "width depth ms characters_per_s file_bytes speedup", text="form"
    ),
}


def entry_of(name: str) -> Entry:
    """A study by its name.

    Args:
        name: a key of `STUDIES`.

    Raises:
        InputError: there is no such study.
    """
    if name not in STUDIES:
        raise InputError(f"there is no study {name!r}. Fix: use one of {', '.join(STUDIES)}.")
    return STUDIES[name]


def run_study(
    name: str,
    *,
    seconds: float = 120.0,
    quick: bool = False,
    force: bool = False,
    progress: Callable[[str], None] = lambda text: None,
    noisy: Callable[[str | None], None] = lambda problem: None,
    label: str | None = None,
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
        label: what to call this device; None makes it of host and CPU.

    Returns:
        The answer.

    Raises:
        InputError: there is no such study, no time, or the label cannot be one.
        NoisyMachineError: no round of some measurement was quiet, and not `force`.
        EmulatedError: this CPU is emulated.
        BnnLabError: pandas, or TensorFlow for networks, is not installed.
    """
    entry = entry_of(name)
    if seconds <= 0:
        raise InputError(f"run_study: seconds must be above 0, not {seconds}.")
    host = real_host("run_study")
    device = default_label(host.cpu) if label is None else check_label(label)
    watch = NoiseWatch(max(threads.usable_counts()) if name == "threads" else 1, force=force)
    noisy(watch.before())
    run = Run(seconds=seconds, quick=quick, watch=watch, progress=progress)
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
        device=device,
    )
