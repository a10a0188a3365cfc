"""Training binarized networks and watching their weights flip.

Names load on first use: the simulator needs NumPy alone, the rest TensorFlow.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnn_lab.lab.bop import binary_variables, bop_optimizer, gamma_decay, set_binary_signs
    from bnn_lab.lab.flips import FlipRecorder, InertiaRecorder
    from bnn_lab.lab.pi import flip_measure
    from bnn_lab.lab.recording import Recording
    from bnn_lab.lab.sweeps import sweep
    from bnn_lab.lab.training import (
        EpochResult,
        TrainingHistory,
        train,
        train_digits,
        update_steps,
    )

_HOME = {
    "binary_variables": "bop",
    "bop_optimizer": "bop",
    "gamma_decay": "bop",
    "set_binary_signs": "bop",
    "FlipRecorder": "flips",
    "InertiaRecorder": "flips",
    "flip_measure": "pi",
    "Recording": "recording",
    "sweep": "sweeps",
    "EpochResult": "training",
    "TrainingHistory": "training",
    "train": "training",
    "train_digits": "training",
    "update_steps": "training",
}
_SUBMODULES = {"closed_forms", "exercises", "experiments", "flips", "latents", "optimizers"}
_SUBMODULES |= {"recipe", "recipe_run", "schedules", "simulate", "sweeps"}

__all__ = [
    "EpochResult",
    "FlipRecorder",
    "InertiaRecorder",
    "Recording",
    "TrainingHistory",
    "binary_variables",
    "bop_optimizer",
    "flip_measure",
    "gamma_decay",
    "set_binary_signs",
    "sweep",
    "train",
    "train_digits",
    "update_steps",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBMODULES])
