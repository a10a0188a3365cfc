"""Whether a machine is quiet enough to be measured, before and during the measurement."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np

from bnn_lab import _native
from bnn_lab.errors import BnnLabError
from bnn_lab.measure.host import cpu_seconds_of_all
from bnn_lab.measure.timing import TimingTable, measure
from bnn_lab.measure.units import NotNegative

MOST_SPREAD = 0.15
LEAST_FREE = 0.35  # of a CPU: what other processes may take beyond the CPUs that are left over
_LOOK_SECONDS = 0.3
_PROBE = "noise probe"
_LOOP_MACS = 4e7  # some tenths of a millisecond in scalar code


class NoisyMachineError(BnnLabError):
    """Other work or a wandering clock speed would decide the figures."""


class Look(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What a fixed loop of register instructions saw of the machine.

    Attributes:
        spread: 90th percentile of the loop's time over its minimum, minus 1.
        others: CPUs that other processes kept busy.
        load_average_1min: of the system.
    """

    spread: float
    others: NotNegative
    load_average_1min: float


class Noise(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Whether a machine was quiet while it was measured.

    Attributes:
        before: just before.
        within: before, meanwhile and after.
        problems: what was wrong, a sentence each; none on a quiet machine.
        forced: whether the figures were to be reported all the same.
    """

    before: Look
    within: Look
    problems: list[str]
    forced: bool


class NoiseWatch:
    """Times a fixed loop of register instructions before, during and after a measurement.

    The loop touches no memory, so that on a quiet machine its time is constant. `spread` is how far
    its 90th percentile lies above its fastest run. `others` is the number of CPUs that other
    processes kept busy meanwhile. Both are noise; either too large makes the figures worthless.

    Args:
        num_threads: how many the measurement uses.
        force: measure anyway; the verdict still goes into the report.

    Attributes:
        probe: one short run of the loop, for `measure`: interleaved with what is timed, it tells
            what the machine did meanwhile.
    """

    def __init__(self, num_threads: int, *, force: bool = False) -> None:
        self._threads, self._force = num_threads, force
        self._samples: list[float] = []
        self._states: dict[str, Look] = {}
        macs = _native.peak(1, "scalar")
        self._size = max(1, int(_LOOP_MACS // macs))
        self.probe: Callable[[], object] = self._run_probe

    def before(self) -> None:
        """Look at the machine for a moment.

        Raises:
            NoisyMachineError: it is too noisy, and not `force`.
        """
        start = _Usage()
        self._states["before"] = self._state(self._look(), start)
        self._usage = _Usage()
        self._refuse("before")

    def after(self) -> Noise:
        """Judge the time since `before`.

        Raises:
            NoisyMachineError: it was too noisy, and not `force`.
        """
        self._samples += self._look()
        self._states["within"] = self._state(self._samples, self._usage)
        self._refuse("within")
        return Noise(**self._states, problems=self.problems(), forced=self._force)

    def problems(self) -> list[str]:
        """What is wrong with the machine, a sentence each."""
        return [p for when in self._states for p in self._problems(when)]

    def _problems(self, when: str) -> list[str]:
        state, cpus = self._states[when], _usable_cpus()
        moment = "before the run" if when == "before" else "during the run"
        found = []
        if state.spread > MOST_SPREAD:
            found.append(
                f"{moment} a fixed loop took up to {state.spread:.0%} longer than at its "
                f"fastest (allowed: {MOST_SPREAD:.0%})"
            )
        free = cpus - state.others
        if free + LEAST_FREE < min(self._threads, cpus):
            found.append(
                f"{moment} other processes kept {state.others:.1f} of {cpus} CPUs busy, and "
                f"{self._threads} thread(s) were to be measured"
            )
        return found

    def _refuse(self, when: str) -> None:
        problems = self._problems(when)
        if problems and not self._force:
            raise NoisyMachineError(
                "the machine is too noisy to measure: " + "; ".join(problems) + ". Fix: stop other "
                "work and try again, or --force to report figures that are marked as noisy"
            )

    def _look(self) -> list[float]:
        samples: list[float] = []
        end = time.perf_counter() + _LOOK_SECONDS
        while not samples or time.perf_counter() < end:
            samples.append(self._sample())
        return samples

    def _run_probe(self) -> None:
        self._samples.append(self._sample())

    def _sample(self) -> float:
        start = time.perf_counter()
        _native.peak(self._size, "scalar")
        return time.perf_counter() - start

    def _state(self, samples: list[float], since: _Usage) -> Look:
        values = np.array(samples)
        fastest = float(values.min())
        return Look(
            spread=float(np.percentile(values, 90)) / fastest - 1,
            others=since.cpus_of_others(),
            load_average_1min=os.getloadavg()[0],
        )


def measure_watched(
    calls: Mapping[str, Callable[[], object]], watch: NoiseWatch | None, **options: Any
) -> TimingTable:
    """`measure`, with a watch's loop among the calls but not in the table."""
    if watch is None:
        return measure(calls, **options)
    table = measure({**calls, _PROBE: watch.probe}, **options)
    return TimingTable(tuple(timing for timing in table.timings if timing.name != _PROBE))


class _Usage:
    """CPU time of this process and of all, from now on."""

    def __init__(self) -> None:
        self._wall, self._own, self._all = time.perf_counter(), time.process_time(), _all()

    def cpus_of_others(self) -> float:
        wall = max(time.perf_counter() - self._wall, 1e-9)
        now = _all()
        if now is None or self._all is None:  # not Linux: the load average counts this process too
            return max(0.0, os.getloadavg()[0] - 1)
        own = time.process_time() - self._own
        return max(0.0, (now - self._all - own) / wall)


def _all() -> float | None:
    return cpu_seconds_of_all()


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
