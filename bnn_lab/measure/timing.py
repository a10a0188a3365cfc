"""Interleaved timing: all peers share the same moments, so drift hits them alike."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab.errors import InputError

Clock = Callable[[], float]


@dataclass(frozen=True)
class Timing:
    """Times of one peer.

    Attributes:
        name: of the peer.
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

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, ready for JSON."""
        return {
            "name": self.name,
            "min_s": self.minimum,
            "median_s": self.median,
            "p90_s": self.p90,
            "rounds": len(self.seconds),
            "calls_per_round": self.calls,
        }


@dataclass(frozen=True)
class TimingTable:
    """Times of several peers, measured in the same rounds.

    Attributes:
        timings: one per peer, in the order they were given.
    """

    timings: tuple[Timing, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the peers."""
        return tuple(timing.name for timing in self.timings)

    def __getitem__(self, name: str) -> Timing:
        for timing in self.timings:
            if timing.name == name:
                return timing
        raise InputError(f"no peer named {name!r}; measured were {', '.join(self.names)}.")

    def speedup(self, name: str, over: str) -> float:
        """How many times faster one peer is than another.

        It is the median of the quotients within each round, so a slow phase of the machine, which
        hits both, cancels.

        Args:
            name: the peer that the answer praises.
            over: the peer it is compared with.

        Returns:
            Time of `over` divided by time of `name`; above 1, `name` is faster.

        Raises:
            InputError: there is no such peer.
        """
        return float(np.median(self[over].seconds / self[name].seconds))

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, ready for JSON."""
        return {"peers": [timing.as_dict() for timing in self.timings]}


def measure(
    peers: Mapping[str, Callable[[], object]],
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

    After the warm-up, each round runs every peer once, in a fresh random order, so that no peer
    always follows the same other one. A peer shorter than `round_seconds` runs several times in a
    row, and the clock is read around all of them. Garbage collection pauses meanwhile.

    Args:
        peers: name to callable without arguments.
        rounds: how many samples of each peer, at least 1.
        warmup: calls of each peer before anything counts, at least 1: they fill caches and tell
            how many calls a round needs.
        round_seconds: least time a peer should run in a round, seconds.
        lead_in_seconds: how long a peer runs before each sample, untimed, at least one call if
            above 0. Peers with threads need it: the first calls after another peer mainly wake
            threads that went to sleep.
        before_round: called before each round, for what should be known of the moment.
        seed: of the order of the peers.
        clock: returns seconds; for tests.

    Returns:
        The times of all peers.

    Raises:
        InputError: there are no peers or a number is out of range.
    """
    if not peers:
        raise InputError("measure: there is nothing to time; pass at least one named callable.")
    if rounds < 1 or warmup < 1 or round_seconds < 0 or lead_in_seconds < 0:
        raise InputError(
            f"measure({rounds=}, {warmup=}, {round_seconds=}, {lead_in_seconds=}): rounds and "
            "warmup must be at least 1, the others at least 0."
        )
    calls = {
        name: _calls_needed(call, warmup, round_seconds, clock) for name, call in peers.items()
    }
    samples: dict[str, list[float]] = {name: [] for name in peers}
    order = list(peers)
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
                    _lead_in(peers[name], lead_in_seconds, clock)
                samples[name].append(_time_calls(peers[name], calls[name], clock))
    finally:
        if collecting:
            gc.enable()
    return TimingTable(
        tuple(Timing(name, np.array(samples[name], np.float64), calls[name]) for name in peers)
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
