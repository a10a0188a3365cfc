"""Interleaved timing: what is compared shares the same moments, so drift hits all alike."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from math import lgamma, log
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bnn_lab.errors import InputError
from bnn_lab.measure.units import AtLeastOne, Positive

Clock = Callable[[], float]
SAMPLE_TRIES = 5
_INTERRUPTION_EVERY = 0.05  # seconds: what the system does beside an idle machine's only process


class Times(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Seconds that one call takes, as a report has them.

    Attributes:
        name: name of what ran.
        min_s: fastest round, seconds per call.
        median_s: median round, seconds per call.
        p90_s: 90th percentile of the rounds, seconds per call.
        rounds: samples.
        calls_per_round: calls that one sample is the mean of.
    """

    name: str
    min_s: Positive
    median_s: Positive
    p90_s: Positive
    rounds: AtLeastOne
    calls_per_round: AtLeastOne


@dataclass(frozen=True)
class Timing:
    """Seconds of one of several things that were timed side by side.

    Attributes:
        name: name of what ran.
        seconds: mean seconds per call in each round, float64 (rounds,).
        calls: calls in each round; more than one for calls too short for the clock.
    """

    name: str
    seconds: NDArray[np.float64]
    calls: int

    @property
    def minimum(self) -> float:
        """Fastest round, seconds per call."""
        return float(self.seconds.min())

    @property
    def median(self) -> float:
        """Median round, seconds per call."""
        return float(np.median(self.seconds))

    @property
    def p90(self) -> float:
        """90th percentile of the rounds, seconds per call."""
        return float(np.percentile(self.seconds, 90))

    def times(self) -> Times:
        """The figures for a report."""
        return Times(
            name=self.name,
            min_s=self.minimum,
            median_s=self.median,
            p90_s=self.p90,
            rounds=len(self.seconds),
            calls_per_round=self.calls,
        )


@dataclass(frozen=True)
class TimingTable:
    """Times that were measured in the same rounds.

    Attributes:
        timings: in the order in which the calls were given; of the rounds that count.
        counted: whether each round that was run counts, bool (rounds,); empty if all do.
    """

    timings: tuple[Timing, ...]
    counted: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of what ran."""
        return tuple(timing.name for timing in self.timings)

    def __getitem__(self, name: str) -> Timing:
        for timing in self.timings:
            if timing.name == name:
                return timing
        raise InputError(f"nothing named {name!r} was timed; there are {', '.join(self.names)}.")

    def speedup(self, name: str, over: str) -> float:
        """How many times faster one is than another.

        It is the median of the quotients within each round, so a slow phase of the machine, which
        hits both, cancels.

        Args:
            name: name of what the answer praises.
            over: name of what it is compared with.

        Returns:
            Time of `over` divided by time of `name`; above 1, `name` is faster.

        Raises:
            InputError: there is no such name.
        """
        return float(np.median(self._quotients(name, over)))

    def interval(self, name: str, over: str) -> tuple[float, float]:
        """Where `speedup` lies with a probability of 95 %: its lower and upper end.

        Raises:
            InputError: there is no such name.
        """
        return median_interval(self._quotients(name, over))

    def of_counted(self, per_round: NDArray[Any]) -> NDArray[Any]:
        """Of what was noted in each round, along the first axis, what belongs to the samples."""
        return per_round[self.counted] if self.counted.any() else per_round

    def only(self, names: Iterable[str]) -> TimingTable:
        """The same without the other calls."""
        kept = set(names)
        return replace(self, timings=tuple(t for t in self.timings if t.name in kept))

    def _quotients(self, name: str, over: str) -> NDArray[np.float64]:
        return self[over].seconds / self[name].seconds

    def speedups(self, name: str) -> dict[str, float]:
        """How many times faster one is than each of the others, by their names."""
        return {other: self.speedup(name, over=other) for other in self.names if other != name}

    def intervals(self, name: str) -> dict[str, tuple[float, float]]:
        """The `interval` of each of `speedups`, by the others' names."""
        return {other: self.interval(name, over=other) for other in self.names if other != name}

    def times(self) -> list[Times]:
        """The figures for a report."""
        return [timing.times() for timing in self.timings]


def median_interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """Where the median of what these are samples of lies, with a probability of 95 %.

    The ends are samples, chosen by the binomial distribution: how many of n samples lie below the
    median does not depend on how they are distributed. Fewer than six samples cannot give 95 %;
    then the ends are the least and the greatest.

    Args:
        values: at least one sample, float64 (n,).

    Returns:
        Lower and upper end.
    """
    ordered = np.sort(values)
    # Of n samples k or fewer lie below the median with the probability of this sum.
    n = len(ordered)
    logs = [lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) for k in range(n // 2)]
    tails = np.cumsum(np.exp(np.array(logs) - n * log(2)))
    outside = max(0, int(np.searchsorted(tails, 0.025, side="right")) - 1)
    return float(ordered[outside]), float(ordered[-1 - outside])


def measure(
    calls: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 30,
    warmup: int = 3,
    round_seconds: float = 1e-3,
    lead_in_seconds: float = 0.0,
    before_round: Callable[[], object] | None = None,
    between: Callable[[], object] | None = None,
    counts: Callable[[], bool] | None = None,
    go_on: Callable[[int, int], bool] | None = None,
    interruptions: Callable[[], int] | None = None,
    seed: int = 0,
    clock: Clock = time.perf_counter,
) -> TimingTable:
    """Time callables side by side.

    After the warm-up, each round runs every one once, in a fresh random order, so that none always
    follows the same other one. A call shorter than `round_seconds` runs several times in a row, and
    the clock is read around all of them. Garbage collection pauses meanwhile.

    Args:
        calls: name to callable without arguments.
        rounds: how many samples of each that count, at least 1.
        warmup: calls of each before anything counts, at least 1: they fill caches and tell
            how many calls a round needs.
        round_seconds: least time that each should run in a round, seconds.
        lead_in_seconds: how long each runs before its sample, untimed, at least one call if
            above 0. What has threads needs it: the first calls after something else mainly wake
            threads that went to sleep.
        before_round: called before each round, for what should be known of the moment.
        between: called before each sample and after the last one of a round, untimed.
        counts: asked after each round whether it counts; None takes them all.
        go_on: asked with how many rounds counted and how many were run, whether to try for more
            that count; None runs `rounds` in all.
        interruptions: how often the system gave this thread's CPU to others so far. A sample that
            lost it is taken again, up to `SAMPLE_TRIES` times; then its round does not count.
        seed: seed of the random order.
        clock: returns seconds; for tests.

    Returns:
        The times of all; if no round counts, of all rounds, and none is marked as counting.

    Raises:
        InputError: there are no calls or a number is out of range.
    """
    if not calls:
        raise InputError("measure: there is nothing to time; pass at least one named callable.")
    if rounds < 1 or warmup < 1 or round_seconds < 0 or lead_in_seconds < 0:
        raise InputError(
            f"measure({rounds=}, {warmup=}, {round_seconds=}, {lead_in_seconds=}): rounds and "
            "warmup must be at least 1, the others at least 0."
        )
    needed = {
        name: _calls_needed(call, warmup, round_seconds, clock) for name, call in calls.items()
    }
    samples: dict[str, list[float]] = {name: [] for name in calls}
    kept: list[bool] = []

    def take(name: str) -> tuple[float, bool]:
        """A sample, and whether it kept the CPU."""
        if between is not None:
            between()
        if lead_in_seconds > 0:
            _lead_in(calls[name], lead_in_seconds, clock)
        before = interruptions() if interruptions is not None else 0
        seconds = _time_calls(calls[name], needed[name], clock)
        lost = 0 if interruptions is None else interruptions() - before
        # Not the sample's own time: what took the CPU has made it longer.
        usual = min([seconds, *samples[name]]) * needed[name]
        return seconds, lost <= usual / _INTERRUPTION_EVERY

    order = list(calls)
    shuffler = random.Random(seed)
    collecting = gc.isenabled()
    gc.disable()
    try:
        while len(kept) < rounds or (
            go_on is not None and sum(kept) < rounds and go_on(sum(kept), len(kept))
        ):
            shuffler.shuffle(order)
            if before_round is not None:
                before_round()
            whole = True
            for name in order:
                for _ in range(SAMPLE_TRIES):
                    seconds, undisturbed = take(name)
                    if undisturbed:
                        break
                samples[name].append(seconds)
                whole &= undisturbed
            if between is not None:
                between()
            kept.append((counts is None or counts()) and whole)
    finally:
        if collecting:
            gc.enable()
    counted = np.array(kept)
    rows = counted if counted.any() else np.ones(len(kept), np.bool_)
    return TimingTable(
        tuple(
            Timing(name, np.array(samples[name], np.float64)[rows], needed[name]) for name in calls
        ),
        counted,
    )


def _time_calls(call: Callable[[], object], count: int, clock: Clock) -> float:
    """Mean seconds of `count` calls in a row."""
    repeats = range(count)
    start = clock()
    for _ in repeats:
        call()
    return (clock() - start) / count


def _lead_in(call: Callable[[], object], seconds: float, clock: Clock) -> None:
    start = clock()
    call()
    while clock() - start < seconds:
        call()


def _calls_needed(
    call: Callable[[], object], warmup: int, round_seconds: float, clock: Clock
) -> int:
    # The fastest call counts: the first ones are slow, and too many calls cost only time.
    fastest = min(_time_calls(call, 1, clock) for _ in range(warmup))
    if fastest >= round_seconds:
        return 1
    resolution = 2.0**-23  # a clock that saw no time pass must not ask for endless calls
    return int(np.ceil(round_seconds / max(fastest, resolution)))
