"""What all studies share: the result, the time budget and the models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bnn_lab.bench.baselines import litert_call
from bnn_lab.bench.model_bench import time_once
from bnn_lab.bench.network_files import cached_files
from bnn_lab.errors import NoBinaryLayerError
from bnn_lab.measure.host import Host
from bnn_lab.measure.noise import Noise, NoiseWatch, measure_watched
from bnn_lab.measure.timing import TimingTable
from bnn_lab.models.registry import networks
from bnn_lab.tflite.forms import BINARY

if TYPE_CHECKING:
    import pandas as pd

LEAST_ROUNDS = 7
MOST_ROUNDS = 31

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
        noise: whether the machine was quiet.
        host: the machine.
    """

    name: str
    question: str
    frame: pd.DataFrame
    finding: str
    noise: Noise
    host: Host


@dataclass
class Run:
    """How a study may measure.

    Attributes:
        seconds: budget of all timing; conversion comes on top.
        quick: few small cases, for tests and a first look.
        watch: looks at the machine's noise.
        progress: told what is being done.
        skipped: what was left out, and why; findings say it.
    """

    seconds: float
    quick: bool
    watch: NoiseWatch | None = None
    progress: Callable[[str], None] = lambda text: None
    skipped: dict[str, str] = field(default_factory=dict)

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


def span(values: Any, digits: int = 1) -> str:
    """Smallest to largest, such as "15.2 to 21.0"."""
    return f"{min(values):.{digits}f} to {max(values):.{digits}f}"


def listing(items: Iterable[str]) -> str:
    """ "a, b and c"."""
    found = list(items)
    if len(found) < 2:
        return "".join(found)
    return f"{', '.join(found[:-1])} and {found[-1]}"
