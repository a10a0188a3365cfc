"""Training binarized networks and watching their weights flip."""

from bnn_lab.lab.bop import binary_variables, bop_optimizer, gamma_decay, set_binary_signs
from bnn_lab.lab.flips import FlipRecorder, flip_measure
from bnn_lab.lab.training import (
    EpochResult,
    TrainingHistory,
    train,
    train_digits,
    update_steps,
)

__all__ = [
    "EpochResult",
    "FlipRecorder",
    "TrainingHistory",
    "binary_variables",
    "bop_optimizer",
    "flip_measure",
    "gamma_decay",
    "set_binary_signs",
    "train",
    "train_digits",
    "update_steps",
]
