"""Interleaved timing: what is compared shares the same moments, so drift hits all alike."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from bnn_lab.errors import InputError
from bnn_lab.measure.units import AtLeastOne, Positive

Clock = Callable[[], float]


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
        timings: in the order in which the calls were given.
    """

    timings: tuple[Timing, ...]

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
        return float(np.median(self[over].seconds / self[name].seconds))

    def speedups(self, name: str) -> dict[str, float]:
        """How many times faster one is than each of the others, by their names."""
        return {other: self.speedup(name, over=other) for other in self.names if other != name}

    def times(self) -> list[Times]:
        """The figures for a report."""
        return [timing.times() for timing in self.timings]


def measure(
    calls: Mapping[str, Callable[[], object]],
    *,
    rounds: int = 30,
    warmup: int = 3,
    round_seconds: float = 1e-3,
    lead_in_seconds: float = 0.0,
    before_round: Callable[[], object] | None = None,
    seed: int = 0,
    clock: Clock = time.perf_counter,
) -> TimingTable:
    """Time callables side by side.

    After the warm-up, each round runs every one once, in a fresh random order, so that none always
    follows the same other one. A call shorter than `round_seconds` runs several times in a row, and
    the clock is read around all of them. Garbage collection pauses meanwhile.

    Args:
        calls: name to callable without arguments.
        rounds: how many samples of each, at least 1.
        warmup: calls of each before anything counts, at least 1: they fill caches and tell
            how many calls a round needs.
        round_seconds: least time that each should run in a round, seconds.
        lead_in_seconds: how long each runs before its sample, untimed, at least one call if
            above 0. What has threads needs it: the first calls after something else mainly wake
            threads that went to sleep.
        before_round: called before each round, for what should be known of the moment.
        seed: seed of the random order.
        clock: returns seconds; for tests.

    Returns:
        The times of all.

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
    counts = {
        name: _calls_needed(call, warmup, round_seconds, clock) for name, call in calls.items()
    }
    samples: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    shuffler = random.Random(seed)
    collecting = gc.isenabled()
    gc.disable()
    try:
        for _ in range(rounds):
            shuffler.shuffle(order)
            if before_round is not None:
                before_round()
            for name in order:
                if lead_in_seconds > 0:
                    _lead_in(calls[name], lead_in_seconds, clock)
                samples[name].append(_time_calls(calls[name], counts[name], clock))
    finally:
        if collecting:
            gc.enable()
    return TimingTable(
        tuple(Timing(name, np.array(samples[name], np.float64), counts[name]) for name in calls)
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
