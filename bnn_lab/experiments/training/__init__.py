"""Experiments on small images: settings in, tidy table out, each in seconds to minutes."""

from bnn_lab.experiments.training.architecture import (
    ShortcutsAndEnds,
    recorded_shortcuts_and_ends,
    shortcuts_and_ends,
)
from bnn_lab.experiments.training.base import ExperimentResult, Running
from bnn_lab.experiments.training.bop import BopGrid, BopVsLatent, bop_grid, bop_vs_latent
from bnn_lab.experiments.training.catalogue import EXPERIMENTS, Entry, run_experiment
from bnn_lab.experiments.training.curves import (
    BatchAgainstGamma,
    Figure2,
    batch_against_gamma,
    figure2,
)
from bnn_lab.experiments.training.dead_weights import DeadWeights, dead_weights
from bnn_lab.experiments.training.factors import ScalingFactors, scaling_factors
from bnn_lab.experiments.training.films import bop_films, film_of
from bnn_lab.experiments.training.inertia import (
    ClipAndDecay,
    LearningRateIsInertia,
    ScalingInvariance,
    clip_and_decay,
    learning_rate_is_inertia,
    scaling_invariance,
)
from bnn_lab.experiments.training.knobs import InertiaKnobs, LayerPace, inertia_knobs, layer_pace
from bnn_lab.experiments.training.latents import LatentApproximation, latent_approximation
from bnn_lab.experiments.training.low_bit_text import (
    LowBitText,
    TrainedText,
    low_bit_text,
    recorded_low_bit_text,
    train_text,
)
from bnn_lab.experiments.training.memory import OptimizerMemory, optimizer_memory
from bnn_lab.experiments.training.mlp_run import MlpTrace, mlp_run, train_mlp_run
from bnn_lab.experiments.training.mlp_settings import MlpRun
from bnn_lab.experiments.training.noise import NoiseFlips, noise_flips
from bnn_lab.experiments.training.quantizers import (
    PSEUDO_GRADIENTS,
    PseudoGradients,
    forward_and_backward,
    pseudo_gradients,
)
from bnn_lab.experiments.training.sections import (
    SectionShortcuts,
    recorded_section_shortcuts,
    section_shortcuts,
)
from bnn_lab.experiments.training.ternary_bop import TernaryBop, ternary_bop

__all__ = [
    "EXPERIMENTS",
    "PSEUDO_GRADIENTS",
    "BatchAgainstGamma",
    "BopGrid",
    "BopVsLatent",
    "ClipAndDecay",
    "DeadWeights",
    "Entry",
    "ExperimentResult",
    "Figure2",
    "InertiaKnobs",
    "LatentApproximation",
    "LayerPace",
    "LearningRateIsInertia",
    "LowBitText",
    "MlpRun",
    "MlpTrace",
    "NoiseFlips",
    "OptimizerMemory",
    "PseudoGradients",
    "Running",
    "ScalingFactors",
    "ScalingInvariance",
    "SectionShortcuts",
    "ShortcutsAndEnds",
    "TernaryBop",
    "TrainedText",
    "batch_against_gamma",
    "bop_films",
    "bop_grid",
    "bop_vs_latent",
    "clip_and_decay",
    "dead_weights",
    "figure2",
    "film_of",
    "forward_and_backward",
    "inertia_knobs",
    "latent_approximation",
    "layer_pace",
    "learning_rate_is_inertia",
    "low_bit_text",
    "mlp_run",
    "noise_flips",
    "optimizer_memory",
    "pseudo_gradients",
    "recorded_low_bit_text",
    "recorded_section_shortcuts",
    "recorded_shortcuts_and_ends",
    "run_experiment",
    "scaling_factors",
    "scaling_invariance",
    "section_shortcuts",
    "shortcuts_and_ends",
    "ternary_bop",
    "train_mlp_run",
    "train_text",
]
