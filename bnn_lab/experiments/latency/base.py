"""What all studies share: the result, the time budget and the models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab.bench.baselines import litert_call
from bnn_lab.bench.model_bench import time_once
from bnn_lab.bench.network_files import cached_files
from bnn_lab.errors import NoBinaryLayerError
from bnn_lab.measure.host import Host
from bnn_lab.measure.noise import MOST_TRIES, Noise, NoiseWatch, measure_watched
from bnn_lab.measure.timing import TimingTable, median_interval
from bnn_lab.measure.units import off_by
from bnn_lab.models.registry import networks
from bnn_lab.profiling.model_profile import Profile, profile
from bnn_lab.tflite.forms import BINARY

if TYPE_CHECKING:
    import pandas as pd

LEAST_ROUNDS = 7
MOST_ROUNDS = 31
PROFILES = 3  # of each model, so that what repeats is told from what does not
NAMED = 3  # at most, of those that an interval does not tell apart

IMAGENET_NETWORKS = tuple(entry.name for entry in networks(imagenet=True))
SMALL_NETWORKS = tuple(entry.name for entry in networks(published=False))


@dataclass(frozen=True)
class Study:
    """An answer.

    Attributes:
        name: name of the study.
        question: the one it answers.
        frame: `pandas.DataFrame` of the measurements.
        finding: one paragraph, its numbers computed from the frame.
        uncertainty: how far the ratios that it rests on may be off, as a share: the widest of their
            95 % intervals; None if it rests on none.
        noise: whether the machine was quiet.
        host: the machine.
        device: what to call the machine; "" takes the name of its CPU.
        time: when its file was written, UTC, ISO 8601; "" before.
    """

    name: str
    question: str
    frame: pd.DataFrame
    finding: str
    noise: Noise
    host: Host
    uncertainty: float | None = None
    device: str = ""
    time: str = ""


@dataclass
class Run:
    """How a study may measure.

    Attributes:
        seconds: budget of all timing; conversion comes on top.
        quick: few small cases, for tests and a first look.
        watch: looks at the machine's noise.
        progress: told what is being done.
        skipped: what was left out, and why; findings say it.
        uncertainty: how far the ratios asked for so far may be off, as a share: the widest.
    """

    seconds: float
    quick: bool
    watch: NoiseWatch | None = None
    progress: Callable[[str], None] = lambda text: None
    skipped: dict[str, str] = field(default_factory=dict)
    uncertainty: float | None = None

    def time(
        self,
        calls: Mapping[str, Callable[[], object]],
        share: float = 1.0,
        *,
        lead_in_seconds: float = 0.0,
        **options: Any,
    ) -> TimingTable:
        """Time calls interleaved, in as many rounds as fit this share of the budget.

        `options` are those of `measure`.
        """
        once = {name: time_once(call) for name, call in calls.items()}
        a_round = sum(
            max(seconds, 1e-3) + (max(seconds, lead_in_seconds) if lead_in_seconds else 0)
            for seconds in once.values()
        )
        most = 3 if self.quick else MOST_ROUNDS
        least = min(LEAST_ROUNDS, most)
        rounds = int(min(most, max(least, self.seconds * share / a_round)))
        options["lead_in_seconds"] = lead_in_seconds
        return measure_watched(calls, self.watch, rounds=rounds, **options)

    def ratio(self, table: TimingTable, column: str, name: str, over: str) -> dict[str, float]:
        """How many times faster `name` is, and its 95 % interval, as columns of a frame.

        Args:
            table: from `time`.
            column: what to call it; `column_low` and `column_high` are the ends.
            name: name of what the answer praises.
            over: name of what it is compared with.
        """
        return self.columns(column, table[over].seconds / table[name].seconds)

    def columns(self, column: str, per_round: NDArray[np.float64]) -> dict[str, float]:
        """The median of a ratio that each round gives, and its 95 % interval, as columns."""
        middle = float(np.median(per_round))
        low, high = median_interval(per_round)
        if middle > 0:
            self.uncertainty = max(off_by(middle, low, high), self.uncertainty or 0.0)
        return {column: middle, f"{column}_low": low, f"{column}_high": high}

    def left_out(self) -> str:
        """What was left out and why, to put after a finding; "" if nothing was."""
        return "".join(f" Left out: {name} ({why})." for name, why in self.skipped.items())

    def profiles(
        self,
        files: Mapping[str, bytes],
        rounds: int,
        *,
        fuse: bool | Mapping[str, bool] = True,
        clock: Callable[[], float] = perf_counter,
    ) -> dict[str, list[Profile]]:
        """Profiles of models, each several times in turn, while the machine was quiet.

        Args:
            files: name to contents.
            rounds: timing samples of each profile.
            fuse: see `profile`; for all, or for each by its name.
            clock: see `profile`.

        Returns:
            Name to at least one profile.

        Raises:
            NoisyMachineError: it was never quiet while one of them was profiled.
        """
        found: dict[str, list[Profile]] = {name: [] for name in files}
        disturbed: dict[str, list[Profile]] = {name: [] for name in files}
        wanted = 1 if self.quick else PROFILES
        for _ in range(wanted * (1 if self.watch is None else MOST_TRIES)):
            for name, content in files.items():
                if len(found[name]) < wanted:
                    self.progress(f"profiling {name}")
                    if self.watch is not None:
                        self.watch.probe()
                    chosen = fuse if isinstance(fuse, bool) else fuse[name]
                    one = profile(content, rounds=rounds, fuse=chosen, clock=clock)
                    quiet = self.watch is None or self.watch.round_is_quiet()
                    (found if quiet else disturbed)[name].append(one)
        for name in files:
            if self.watch is not None:
                self.watch.require(len(found[name]), name)
        return {name: found[name] or disturbed[name] for name in files}

    def binary_files(self, names: Iterable[str]) -> dict[str, bytes]:
        """Name to binary file; networks without a binary layer are noted in `skipped`."""
        found = {}
        for name in names:
            try:
                found[name] = cached_files(name, [BINARY], progress=self.progress)[BINARY]
            except NoBinaryLayerError:
                self.skipped[name] = "no layer of it can be binary"
        return found

    def models(self) -> tuple[str, ...]:
        """The networks that studies of all networks measure."""
        if self.quick:
            return SMALL_NETWORKS
        return (*(entry.name for entry in networks(published=True)), *SMALL_NETWORKS)

    def time_models(self, files: Mapping[str, bytes], **options: Any) -> TimingTable:
        """All models interleaved."""
        self.progress(f"timing {len(files)} models")
        return self.time({n: litert_call(f, **options) for n, f in files.items()})


def spread(column: str, values: Sequence[float]) -> dict[str, float]:
    """The median of repeated measurements, their least and greatest, as columns of a frame."""
    middle = float(np.median(values))
    return {column: middle, f"{column}_low": min(values), f"{column}_high": max(values)}


def known(row: Any, column: str, form: str = ".1f") -> str:
    """A figure with its interval, such as "15.2 (15.0 to 15.3)"; one figure if they read alike."""
    middle, low, high = (format(row[f"{column}{end}"], form) for end in ("", "_low", "_high"))
    return middle if low == middle == high else f"{middle} ({low} to {high})"


def contenders(frame: pd.DataFrame, column: str, *, most: bool) -> pd.DataFrame:
    """The row that is first in a column, and those that its interval does not tell from it.

    Args:
        frame: has `column`, `column_low` and `column_high`.
        column: name of it.
        most: the greatest is first, else the least.
    """
    if most:
        first = frame.loc[frame[column].idxmax()]
        return frame[frame[f"{column}_high"] >= first[f"{column}_low"]]
    first = frame.loc[frame[column].idxmin()]
    return frame[frame[f"{column}_low"] <= first[f"{column}_high"]]


def either(names: Iterable[str], what: str) -> str:
    """ "a", "a or b", "one of 5 networks": who it is, as far as the intervals tell."""
    found = list(names)
    return " or ".join(found) if len(found) <= NAMED else f"one of {len(found)} {what}"


def span(values: Any, digits: int = 1) -> str:
    """Smallest to largest, such as "15.2 to 21.0"."""
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


def listing(items: Iterable[str]) -> str:
    """ "a, b and c"."""
    found = list(items)
    if len(found) < 2:
        return "".join(found)
    return f"{', '.join(found[:-1])} and {found[-1]}"
