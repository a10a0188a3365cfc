"""What every experiment returns, and how it runs its points."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from bnn_lab.errors import InputError
from bnn_lab.training.results import run_points

if TYPE_CHECKING:
    import pandas as pd

Config = TypeVar("Config")

_SEEDS = ("seeds", "tuning_seeds")
MOST_SEEDS = 1_000_000  # networks make one for each layer from it, and they must fit 32 bits


@dataclass(frozen=True)
class ExperimentResult:
    """Settings and results of an experiment.

    Attributes:
        config: the settings, a frozen dataclass.
        frame: tidy pandas `DataFrame`, one row a run or case.
    """

    config: Any
    frame: pd.DataFrame


@dataclass(frozen=True)
class Running:
    """How an experiment runs, apart from what it computes.

    Attributes:
        folder: keeps each point's result, so that a second call only does what is missing; None
            keeps nothing.
        progress: show a bar.
        client: a `distributed.Client` to run on; None runs here.
    """

    folder: str | Path | None = None
    progress: bool = True
    client: Any = None

    def points(
        self, experiment: Callable[..., Any], points: Sequence[dict[str, Any]], label: str
    ) -> list[dict[str, Any]]:
        """`bnn_lab.training.results.run_points` in this manner."""
        return run_points(
            experiment,
            points,
            folder=self.folder,
            progress=self.progress,
            client=self.client,
            label=label,
        )


def configure(default: Config, config: Config | None, changes: dict[str, Any]) -> Config:
    """The settings of a call: `config` or the default, with changes.

    Raises:
        InputError: `config` has another type, a change names no field, or a value that experiments
            share (seeds, epochs, images a step, units, learning rate) is out of range.
    """
    chosen = default if config is None else config
    if type(chosen) is not type(default):
        raise InputError(f"config must be a {type(default).__name__}, not {config!r}.")
    known = [field.name for field in dataclasses.fields(chosen)]  # type: ignore[arg-type]
    unknown = sorted(set(changes) - set(known))
    if unknown:
        name = type(default).__name__
        raise InputError(f"{name} has no settings {unknown}; it has {', '.join(known)}.")
    made = dataclasses.replace(chosen, **changes)  # type: ignore[type-var]
    for name in known:
        _check_shared(name, getattr(made, name))
    return made


def _check_shared(name: str, value: Any) -> None:
    """Refuse what no experiment can do, by the names that settings share."""
    values = value if isinstance(value, tuple | list) else (value,)
    if name in ("seed", *_SEEDS):
        needs(bool(values), name, "at least one is needed")
        fit = all(isinstance(seed, int) and 0 <= seed < MOST_SEEDS for seed in values)
        needs(fit, name, f"must be integers from 0 to {MOST_SEEDS - 1}")
        needs(len(set(values)) == len(values), name, "each counts as a run, so none may come twice")
    elif name in ("epochs", "batch", "batches", "hidden"):
        needs(all(number >= 1 for number in values), name, "must be at least 1")
    elif name == "learning_rate":
        needs(0 < value < math.inf, name, "must be a finite number above 0")


def among(values: Collection[str], known: Collection[str], name: str) -> None:
    """Refuse a setting of several names if some of them are unknown, or if there is none.

    Raises:
        InputError: so it is; the message has the setting's `name`.
    """
    unknown = sorted(set(values) - set(known))
    needs(not unknown, name, f"there are no {unknown}, but {', '.join(known)}")
    needs(bool(values), name, "at least one is needed")


def needs(condition: bool, name: str, reason: str) -> None:
    """Refuse a setting.

    Raises:
        InputError: the condition does not hold.
    """
    if not condition:
        raise InputError(f"{name}: {reason}.")
