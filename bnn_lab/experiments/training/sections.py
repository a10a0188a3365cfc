"""What the shortcuts of each section of a network are worth, and what they cost.

The Larq Compute Engine's paper (arXiv:2011.09398) asks it for whole networks. Here every choice of
sections with shortcuts is trained and timed: early sections have large images, so their additions
cost most.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnn_lab._files import write_whole
from bnn_lab._pandas import to_frame
from bnn_lab.data import load_named
from bnn_lab.experiments.training.architecture import time_networks, train_falling
from bnn_lab.experiments.training.base import ExperimentResult, Running, configure, needs
from bnn_lab.measure.host import real_host
from bnn_lab.models.deep_digits import sectioned_digits

if TYPE_CHECKING:
    import pandas as pd

MOST_SECTIONS = 4
RECORDED_SEEDS = (0, 1, 2)
_RECORDED = Path(__file__).parent / "data" / "sections.json"


@dataclass(frozen=True)
class SectionShortcuts:
    """Settings of `section_shortcuts`.

    Attributes:
        sections: 1 to 4; every choice of them is a run, so 2 to 16.
        convolutions: binary ones in each section.
        channels: of the first section, a multiple of 32; each section doubles them.
        seeds: of initial weights and shuffling; each is a run of every choice.
        epochs: of each run.
        data: name of the images, see `bnn_lab.data.load_named`.
        images: how many training images, counted from the first; None for all.
        batch: images a step.
        latency: also time the networks, one image at a time on this machine.
    """

    sections: int = 3
    convolutions: int = 2
    channels: int = 32
    seeds: tuple[int, ...] = (0,)
    epochs: int = 4
    data: str = "mnist5k"
    images: int | None = 2000
    batch: int = 50
    latency: bool = True


def section_shortcuts(
    config: SectionShortcuts | None = None, running: Running | None = None, **changes: Any
) -> ExperimentResult:
    """Train and time `sectioned_digits` with shortcuts in each choice of its sections.

    Args:
        config: the settings.
        running: how to run.
        **changes: fields of the settings to change.

    Returns:
        Its frame has a row for each run: ``variant`` (which sections have shortcuts), the same as
        ``section_1`` and so on (bool), ``seed``, ``accuracy`` (of the test images, in 0..1, after
        the last epoch) and ``accuracies`` (a list, one an epoch). With `latency` also ``fused_us``
        and ``unfused_us``, see `shortcuts_and_ends`.

    Raises:
        InputError: a setting is out of range.
        BnnLabError: TensorFlow is not installed.
    """
    chosen = configure(SectionShortcuts(), config, changes)
    needs(1 <= chosen.sections <= MOST_SECTIONS, "sections", f"must be 1 to {MOST_SECTIONS}")
    needs(chosen.images is None or chosen.images >= 1, "images", "must be at least 1")
    fields = ("convolutions", "channels", "epochs", "data", "images", "batch")
    shared = {name: getattr(chosen, name) for name in fields}
    choices = [list(choice) for choice in product((True, False), repeat=chosen.sections)]
    points = [
        {"shortcuts": choice, "seed": seed, **shared} for seed in chosen.seeds for choice in choices
    ]
    rows = (running or Running()).points(_train, points, "shortcuts of sections")
    times: dict[str, dict[str, float]] = {}
    if chosen.latency:
        sizes = (chosen.data, chosen.convolutions, chosen.channels)
        times = time_networks({name_of(choice): _network(choice, *sizes, 0) for choice in choices})
    kept = ("seed", "accuracy", "accuracies")
    return ExperimentResult(
        chosen,
        to_frame(
            [
                {"variant": (name := name_of(row["shortcuts"]))}
                | {f"section_{n}": has for n, has in enumerate(row["shortcuts"], start=1)}
                | {key: row[key] for key in kept}
                | times.get(name, {})
                for row in rows
            ]
        ),
    )


@dataclass(frozen=True)
class RecordedSections:
    """A stored run of `section_shortcuts`.

    Attributes:
        frame: without ``accuracies``; three seeds.
        cpu: of the machine that timed the networks.
        time: when it ran, UTC, ISO 8601.
    """

    frame: pd.DataFrame
    cpu: str
    time: str


@cache
def recorded_section_shortcuts() -> RecordedSections:
    """A run of `section_shortcuts` with its default settings and three seeds, as it was stored.

    Made by ``python -m bnn_lab.experiments.training.sections``: some five minutes of CPU time.
    """
    content = json.loads(_RECORDED.read_text())
    return RecordedSections(to_frame(content["rows"]), content["cpu"], content["time"])


def name_of(shortcuts: list[bool]) -> str:
    """A choice in words: which sections have shortcuts."""
    found = [str(number) for number, has in enumerate(shortcuts, start=1) if has]
    if not found:
        return "none"
    if len(found) == len(shortcuts):
        return f"all {len(found)}"
    return f"section{'s' * (len(found) > 1)} {' and '.join(found)}"


def _train(
    *,
    shortcuts: list[bool],
    seed: int,
    convolutions: int,
    channels: int,
    epochs: int,
    data: str,
    images: int | None,
    batch: int,
) -> dict[str, Any]:
    model = _network(shortcuts, data, convolutions, channels, seed)
    return train_falling(model, data=data, images=images, batch=batch, epochs=epochs, seed=seed)


def _network(shortcuts: list[bool], data: str, convolutions: int, channels: int, seed: int) -> Any:
    loaded = load_named(data)
    return sectioned_digits(
        shortcuts,
        convolutions=convolutions,
        channels=channels,
        input_shape=loaded.input_shape,
        classes=loaded.classes,
        seed=seed,
    )


if __name__ == "__main__":
    found = section_shortcuts(
        seeds=RECORDED_SEEDS, running=Running(folder="runs/experiments/sections")
    ).frame.drop(columns="accuracies")
    content = {
        "cpu": real_host("recording the shortcuts of sections").cpu,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "rows": found.to_dict("records"),
    }
    write_whole(_RECORDED, json.dumps(content, indent=1, default=lambda value: value.item()))
    print(found.groupby("variant", sort=False).mean(numeric_only=True))
