"""Experiments on the digits: settings in, tidy table and figure out, each in seconds to minutes."""

from bnn_lab.experiments.training.base import ExperimentResult, Running
from bnn_lab.experiments.training.bop import BopGrid, BopVsLatent, bop_grid, bop_vs_latent
from bnn_lab.experiments.training.films import bop_films, film_of
from bnn_lab.experiments.training.inertia import (
    ClipAndDecay,
    LearningRateIsInertia,
    ScalingInvariance,
    clip_and_decay,
    learning_rate_is_inertia,
    scaling_invariance,
)
from bnn_lab.experiments.training.mlp_run import (
    MlpRun,
    MlpTrace,
    mlp_run,
    train_mlp_run,
)

__all__ = [
    "BopGrid",
    "BopVsLatent",
    "ClipAndDecay",
    "ExperimentResult",
    "LearningRateIsInertia",
    "MlpRun",
    "MlpTrace",
    "Running",
    "ScalingInvariance",
    "bop_films",
    "bop_grid",
    "bop_vs_latent",
    "clip_and_decay",
    "film_of",
    "learning_rate_is_inertia",
    "mlp_run",
    "scaling_invariance",
    "train_mlp_run",
]
