"""Experiments on the digits: settings in, tidy table and figure out, each in seconds to minutes."""

from bnn_lab.experiments.training.base import ExperimentResult, Running
from bnn_lab.experiments.training.bop import BopGrid, BopVsLatent, bop_grid, bop_vs_latent
from bnn_lab.experiments.training.digits_run import (
    DigitsRun,
    DigitsTrace,
    digits_run,
    train_digits_run,
)
from bnn_lab.experiments.training.inertia import (
    ClipAndDecay,
    LearningRateIsInertia,
    ScalingInvariance,
    clip_and_decay,
    learning_rate_is_inertia,
    scaling_invariance,
)

__all__ = [
    "BopGrid",
    "BopVsLatent",
    "ClipAndDecay",
    "DigitsRun",
    "DigitsTrace",
    "ExperimentResult",
    "LearningRateIsInertia",
    "Running",
    "ScalingInvariance",
    "bop_grid",
    "bop_vs_latent",
    "clip_and_decay",
    "digits_run",
    "learning_rate_is_inertia",
    "scaling_invariance",
    "train_digits_run",
]
