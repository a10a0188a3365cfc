"""Which rounds of a measurement the machine was quiet in: only these count."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import numpy as np

from bnn_lab import _native
from bnn_lab._words import counted
from bnn_lab.errors import BnnLabError
from bnn_lab.measure.host import cpu_seconds_of_all
from bnn_lab.measure.timing import TimingTable, measure
from bnn_lab.measure.units import Count, NotNegative

MOST_SPREAD = 0.15
LEAST_FREE = 0.35  # of a CPU: what other processes may take beyond the CPUs that are left over
MOST_TRIES = 4  # rounds that are run at most for each that should count
FEW_ROUNDS = 5  # with fewer, rounds are run on
_LAST_TRIES = 10
_LOOK_SECONDS = 0.5
_PROBE_EVERY = 2e-3  # seconds: more often, the loop would take more time than what is measured
_USAGE_EVERY = 0.2  # seconds: the system counts CPU time in hundredths
_LOOP_MACS = 4e7  # some tenths of a millisecond in scalar code


class NoisyMachineError(BnnLabError):
    """Other work or a wandering clock speed disturbed every single round."""


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
        forced: whether the figures were to be reported even if no round was quiet.
        rounds: rounds that were run.
        quiet_rounds: rounds that the machine was quiet in; where there were any, only they count.
    """

    before: Look
    within: Look
    problems: list[str]
    forced: bool
    rounds: Count = 0
    quiet_rounds: Count = 0


class NoiseWatch:
    """Times a fixed loop of register instructions beside whatever is measured.

    The loop touches no memory, so that on a quiet machine its time is constant. A round of a
    measurement is quiet if no run of the loop in it took `MOST_SPREAD` longer than its fastest
    tenth of all, and if the system took the CPU away in no sample (where it tells). With several
    threads, other processes must also leave as many CPUs. Other rounds are run again.

    Args:
        num_threads: how many the measurement uses.
        force: report figures even if no round is quiet; the verdict still goes into the report.
    """

    def __init__(self, num_threads: int, *, force: bool = False) -> None:
        self._threads, self._force = num_threads, force
        self._samples: list[float] = []
        self._round: list[float] = []
        self._states: dict[str, Look] = {}
        self._rounds = self._quiet_rounds = 0
        self._probed_at = 0.0
        macs = _native.peak(1, "scalar")
        self._size = max(1, int(_LOOP_MACS // macs))
        self._usage, self._recent, self._others = _Usage(), _Usage(), 0.0

    def before(self) -> str | None:
        """Look at the machine for a moment.

        Returns:
            What is wrong with it, in words; None if it is quiet.
        """
        start = _Usage()
        samples = self._look()
        self._samples += samples
        self._states["before"] = self._state(samples, start)
        self._others = self._states["before"].others
        self._usage, self._recent = _Usage(), _Usage()
        return "; ".join(self._problems("before")) or None

    def after(self) -> Noise:
        """The verdict on the time since `before`."""
        if "before" not in self._states:
            self.before()
        self._samples += self._look()
        self._states["within"] = self._state(self._samples, self._usage)
        return Noise(
            before=self._states["before"],
            within=self._states["within"],
            problems=self.problems(),
            forced=self._force,
            rounds=self._rounds,
            quiet_rounds=self._quiet_rounds,
        )

    def problems(self) -> list[str]:
        """What was wrong with the machine, a sentence each; none if all rounds were quiet."""
        noisy = self._rounds - self._quiet_rounds
        if self._rounds and not noisy:
            return []
        found = [p for when in self._states for p in self._problems(when)]
        if noisy and self._quiet_rounds:
            found.append(
                f"{noisy} of {self._rounds} rounds were disturbed and do not count; the figures "
                "are of the others"
            )
        elif noisy:
            found.append(f"all {noisy} rounds were disturbed")
        return found

    def probe(self) -> None:
        """Run the loop once, unless it ran a moment ago."""
        if time.perf_counter() - self._probed_at >= _PROBE_EVERY:
            self._take()

    def round_is_quiet(self) -> bool:
        """Whether the round that ends now was quiet; the next one begins."""
        if not self._round:
            self._take()
        slowest = max(self._round)
        self._round = []
        # What the system counts is too coarse for a short round: then the last figure holds on.
        if self._recent.seconds() >= _USAGE_EVERY:
            self._others, self._recent = self._recent.cpus_of_others(), _Usage()
        # A rare moment of a faster clock is not what the others are held against.
        usual = float(np.percentile(self._samples, 10))
        # The loop sees what its own CPU does, which is all that one thread needs to know.
        alone = self._threads == 1 or self._leaves(self._others)
        quiet = slowest <= (1 + MOST_SPREAD) * usual and alone
        self._rounds += 1
        self._quiet_rounds += quiet
        return quiet

    def require(self, quiet: int, what: str) -> None:
        """Refuse figures of which no round was quiet.

        Args:
            quiet: quiet rounds.
            what: what was measured, for the message.

        Raises:
            NoisyMachineError: there was none, and not `force`.
        """
        if quiet or self._force:
            return
        state = self._state(self._samples, self._usage)
        raise NoisyMachineError(
            f"the machine is too noisy to measure {what}: in each round other work took the CPU "
            f"or a fixed loop took over {MOST_SPREAD:.0%} longer than at its fastest (up to "
            f"{state.spread:.0%}). Other processes kept {state.others:.1f} of {_usable_cpus()} "
            "CPUs busy. Fix: stop "
            "other work and try again, or --force to report figures that are marked as noisy"
        )

    def _problems(self, when: str) -> list[str]:
        state, cpus = self._states[when], _usable_cpus()
        moment = "before the run" if when == "before" else "during the run"
        found = []
        if state.spread > MOST_SPREAD:
            found.append(
                f"{moment} a fixed loop took up to {state.spread:.0%} longer than at its "
                f"fastest (quiet: up to {MOST_SPREAD:.0%})"
            )
        if not self._leaves(state.others):
            found.append(
                f"{moment} other processes kept {state.others:.1f} of {cpus} CPUs busy, and "
                f"the measurement uses {counted(self._threads, 'thread')}"
            )
        return found

    def _leaves(self, others: float) -> bool:
        """Whether other processes leave as many CPUs as are measured."""
        cpus = _usable_cpus()
        return cpus - others + LEAST_FREE >= min(self._threads, cpus)

    def _look(self) -> list[float]:
        samples: list[float] = []
        end = time.perf_counter() + _LOOK_SECONDS
        while not samples or time.perf_counter() < end:
            samples.append(self._sample())
        return samples

    def _take(self) -> None:
        # The loop's first run after other code takes some 15 % longer, whatever the machine does.
        self._loop()
        found = self._sample()
        self._samples.append(found)
        self._round.append(found)
        self._probed_at = time.perf_counter()

    def _sample(self) -> float:
        start = time.perf_counter()
        self._loop()
        return time.perf_counter() - start

    def _loop(self) -> None:
        _native.peak(self._size, "scalar")

    def _state(self, samples: list[float], since: _Usage) -> Look:
        values = np.array(samples)
        fastest = float(values.min())
        return Look(
            spread=float(np.percentile(values, 90)) / fastest - 1,
            others=since.cpus_of_others(),
            load_average_1min=os.getloadavg()[0],
        )


def measure_watched(
    calls: Mapping[str, Callable[[], object]],
    watch: NoiseWatch | None,
    *,
    rounds: int = 30,
    **options: Any,
) -> TimingTable:
    """`measure`, of which only rounds count that the watch found quiet.

    Args:
        calls: name to callable without arguments.
        watch: None takes every round.
        rounds: how many should count; up to `MOST_TRIES` times as many are run, and more where
            hardly any counts.
        **options: of `measure`.

    Returns:
        The times in quiet rounds; where the watch is forced and found none, in all of them.

    Raises:
        NoisyMachineError: no round was quiet, and the watch is not forced.
        InputError: see `measure`.
    """
    if watch is None:
        return measure(calls, rounds=rounds, **options)
    table = measure(
        calls,
        rounds=rounds,
        between=watch.probe,
        counts=watch.round_is_quiet,
        interruptions=interruptions,
        go_on=lambda counted, tried: _go_on(counted, tried, rounds),
        **options,
    )
    watch.require(int(table.counted.sum()), next(iter(calls)))
    return table


def _go_on(counted: int, tried: int, rounds: int) -> bool:
    few = counted < min(FEW_ROUNDS, rounds)
    return tried < (_LAST_TRIES if few else MOST_TRIES) * rounds


class _Usage:
    """CPU time of this process and of all, from now on."""

    def __init__(self) -> None:
        self._wall, self._own, self._all = time.perf_counter(), time.process_time(), _all()

    def seconds(self) -> float:
        return time.perf_counter() - self._wall

    def cpus_of_others(self) -> float:
        wall = max(self.seconds(), 1e-9)
        now = _all()
        if now is None or self._all is None:  # not Linux: the load average counts this process too
            return max(0.0, os.getloadavg()[0] - 1)
        own = time.process_time() - self._own
        return max(0.0, (now - self._all - own) / wall)


def _all() -> float | None:
    return cpu_seconds_of_all()


def interruptions() -> int:
    """How often the system gave this thread's CPU to others; 0 where it does not tell."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    whose = getattr(resource, "RUSAGE_THREAD", None)
    return 0 if whose is None else resource.getrusage(whose).ru_nivcsw


def _usable_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
