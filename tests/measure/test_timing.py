from __future__ import annotations

import gc
import itertools

import msgspec
import numpy as np
import pytest

from bnn_lab.errors import InputError
from bnn_lab.measure.timing import SAMPLE_TRIES, measure, median_interval


class FakeClock:
    """Time passes only when a call says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[str] = []

    def __call__(self) -> float:
        return self.now

    def call(self, name: str, *durations: float):
        """A function whose calls take these seconds, the last one for every later call."""
        left = list(durations)

        def call() -> None:
            self.log.append(name)
            self.now += left.pop(0) if len(left) > 1 else left[0]

        return call


def test_minimum_median_and_p90_of_known_times() -> None:
    clock = FakeClock()
    # One warm-up call, then eleven rounds of 1..11 s.
    calls = {"a": clock.call("a", 100, *range(1, 12))}
    timing = measure(calls, rounds=11, warmup=1, clock=clock)["a"]
    np.testing.assert_array_equal(timing.seconds, np.arange(1, 12))
    assert (timing.minimum, timing.median, timing.p90) == (1, 6, 10)
    assert timing.calls == 1


def test_everything_runs_once_a_round_in_changing_seeded_order() -> None:
    def orders(seed: int) -> list[tuple[str, ...]]:
        clock = FakeClock()
        calls = {name: clock.call(name, 1.0) for name in "abc"}
        measure(calls, rounds=12, warmup=2, seed=seed, clock=clock)
        assert clock.log[:6] == ["a", "a", "b", "b", "c", "c"]
        rest = clock.log[6:]
        return [tuple(rest[i : i + 3]) for i in range(0, 36, 3)]

    first = orders(0)
    assert all(sorted(order) == ["a", "b", "c"] for order in first)
    assert len(set(first)) > 2
    assert first == orders(0) != orders(1)


def test_short_calls_are_repeated_within_a_round() -> None:
    clock = FakeClock()
    calls = {"short": clock.call("short", 2**-14), "long": clock.call("long", 1.0)}
    table = measure(calls, rounds=4, warmup=3, round_seconds=2**-10, clock=clock)
    assert table["short"].calls == 16
    assert table["long"].calls == 1
    assert clock.log.count("short") == 3 + 4 * 16
    np.testing.assert_allclose(table["short"].seconds, 2**-14)


def test_a_slow_first_call_does_not_shorten_the_rounds() -> None:
    clock = FakeClock()
    table = measure({"a": clock.call("a", 5.0, 0.25)}, round_seconds=1.0, warmup=2, clock=clock)
    assert table["a"].calls == 4
    assert table["a"].median == 0.25


def test_a_clock_that_stands_still_ends() -> None:
    table = measure({"a": lambda: None}, rounds=2, round_seconds=2.0**-16, clock=lambda: 0.0)
    assert table["a"].calls == 128


def test_speedup_is_taken_within_rounds() -> None:
    clock = FakeClock()
    # The machine is four times slower in the second half: the medians mix both, the quotients not.
    calls = {"fast": clock.call("fast", 9, 1, 1, 4, 4), "slow": clock.call("slow", 9, 3, 3, 12, 12)}
    table = measure(calls, rounds=4, warmup=1, clock=clock)
    assert table.speedup("fast", over="slow") == 3
    assert table.speedup("slow", over="fast") == pytest.approx(1 / 3)


def test_figures_of_a_report() -> None:
    clock = FakeClock()
    table = measure({"a": clock.call("a", 2.0), "b": clock.call("b", 1.0)}, rounds=5, clock=clock)
    first, second = msgspec.to_builtins(table.times())
    assert second["name"] == "b"
    assert first == {
        "name": "a",
        "min_s": 2.0,
        "median_s": 2.0,
        "p90_s": 2.0,
        "rounds": 5,
        "calls_per_round": 1,
    }
    assert table.speedups("b") == {"a": 2.0}


def test_garbage_collection_is_off_inside_and_back_afterwards() -> None:
    seen: list[bool] = []
    measure({"a": lambda: seen.append(gc.isenabled())}, rounds=2, warmup=1, round_seconds=0)
    assert seen == [True, False, False]
    assert gc.isenabled()

    calls = iter([None])

    def fails_in_the_first_round() -> None:
        next(calls)

    with pytest.raises(StopIteration):
        measure({"a": fails_in_the_first_round}, warmup=1, round_seconds=0)
    assert gc.isenabled()


def test_a_real_clock_gives_positive_times() -> None:
    timing = measure({"sum": lambda: sum(range(100))}, rounds=3)["sum"]
    assert np.all(timing.seconds > 0)
    assert timing.minimum <= timing.median <= timing.p90


def test_errors() -> None:
    with pytest.raises(InputError, match="nothing to time"):
        measure({})
    for options in (
        {"rounds": 0},
        {"warmup": 0},
        {"round_seconds": -1.0},
        {"lead_in_seconds": -1.0},
    ):
        with pytest.raises(InputError, match=next(iter(options))):
            measure({"a": lambda: None}, **options)
    table = measure({"a": lambda: None}, rounds=1)
    with pytest.raises(InputError, match="nothing named 'b' was timed"):
        table["b"]


def test_a_lead_in_is_not_timed() -> None:
    clock = FakeClock()
    # Warm-up, then in each round: calls until 4 s have passed, and a timed one.
    durations = [9.0, *(3.0, 2.0, 1.0), *(5.0, 1.5)]
    calls = {"a": clock.call("a", *durations)}
    table = measure(calls, rounds=2, warmup=1, lead_in_seconds=4.0, clock=clock)
    np.testing.assert_array_equal(table["a"].seconds, [1.0, 1.5])


def test_what_is_called_before_each_round() -> None:
    clock = FakeClock()
    calls = {"a": clock.call("a", 2.0)}
    looks: list[int] = []
    measure(
        calls, rounds=3, warmup=1, clock=clock, before_round=lambda: looks.append(len(clock.log))
    )
    assert looks == [1, 2, 3]


def test_a_sample_that_lost_the_cpu_is_taken_again() -> None:
    clock = FakeClock()
    lost = iter([0, 1, 1, 1, *[0] * 2])  # before and after each sample
    table = measure(
        {"a": clock.call("a", 2.0**-8)},
        rounds=2,
        warmup=1,
        clock=clock,
        interruptions=lambda: next(lost),
    )
    assert len(clock.log) == 1 + 3 and table.counted.tolist() == [True, True]


def test_a_round_that_loses_the_cpu_each_time_does_not_count() -> None:
    clock = FakeClock()
    always = itertools.count()
    tried: list[tuple[int, int]] = []
    table = measure(
        {"a": clock.call("a", 2.0**-8)},
        rounds=2,
        warmup=1,
        clock=clock,
        interruptions=lambda: next(always),
        go_on=lambda counted, run: tried.append((counted, run)) or run < 3,
    )
    assert table.counted.tolist() == [False] * 3 and tried == [(0, 2), (0, 3)]
    assert len(clock.log) == 1 + 3 * SAMPLE_TRIES
    assert len(table["a"].seconds) == 3  # nothing else is known


def test_interval_of_a_median() -> None:
    assert median_interval(np.array([3.0])) == (3.0, 3.0)
    assert median_interval(np.arange(5.0)) == (0.0, 4.0)
    assert median_interval(np.arange(9.0)) == (1.0, 7.0)
    low, high = median_interval(np.arange(10_001.0))
    assert 4890 < low < 4910 and 5090 < high < 5110
    generator = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        low, high = median_interval(generator.lognormal(size=25))
        inside += low <= 1 <= high
    assert 0.93 < inside / 400 < 0.99
