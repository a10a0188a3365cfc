"""Record of a training run: accuracy and flips of each epoch and step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab.errors import InputError
from bnn_lab.training.flip_statistics import flip_measure


@dataclass(frozen=True)
class EpochResult:
    """What one epoch of training gave.

    Attributes:
        epoch: 1 for the first.
        loss: mean training loss.
        train_accuracy: in 0..1, averaged over the epoch while the weights changed.
        test_accuracy: in 0..1, after the epoch.
        flips: binary weights flipped, summed over the epoch's steps.
        pi: the flip measure of the epoch's mean step (see `flip_measure`).
        seconds: wall-clock time since training began.
    """

    epoch: int
    loss: float
    train_accuracy: float
    test_accuracy: float
    flips: int
    pi: float
    seconds: float


@dataclass
class TrainingHistory:
    """Record of one training run.

    Attributes:
        epochs: one result per epoch.
        total_weights: binary weights of the model.
        step_flips: layer name to flips at each training step, int64 (steps,).
    """

    epochs: list[EpochResult] = field(default_factory=list)
    total_weights: int = 0
    step_flips: dict[str, NDArray[np.int64]] = field(default_factory=dict)

    @property
    def final_accuracy(self) -> float:
        """Test accuracy after the last epoch, in 0..1."""
        if not self.epochs:
            raise InputError("this history is empty: no epoch has ended yet.")
        return self.epochs[-1].test_accuracy

    @property
    def step_pi(self) -> NDArray[np.float64]:
        """The flip measure pi_t of every training step, float64 (steps,)."""
        flips = np.sum(list(self.step_flips.values()), axis=0)
        return np.atleast_1d(flip_measure(flips, self.total_weights))

    def column(self, name: str) -> list[Any]:
        """One field of `EpochResult` over all epochs, e.g. ``column("pi")``.

        Raises:
            InputError: `EpochResult` has no such field.
        """
        if name not in EpochResult.__dataclass_fields__:
            known = ", ".join(EpochResult.__dataclass_fields__)
            raise InputError(f"column({name!r}): known columns are {known}.")
        return [getattr(result, name) for result in self.epochs]
