"""The list of training experiments: what `bnn-lab experiment` offers."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bnn_lab.errors import InputError
from bnn_lab.experiments.training.architecture import (
    VARIANTS,
    ShortcutsAndEnds,
    shortcuts_and_ends,
)
from bnn_lab.experiments.training.base import ExperimentResult, Running
from bnn_lab.experiments.training.bop import BopGrid, BopVsLatent, bop_grid, bop_vs_latent
from bnn_lab.experiments.training.curves import (
    BatchAgainstGamma,
    Figure2,
    batch_against_gamma,
    figure2,
)
from bnn_lab.experiments.training.dead_weights import DeadWeights, dead_weights
from bnn_lab.experiments.training.factors import ScalingFactors, scaling_factors
from bnn_lab.experiments.training.inertia import (
    ClipAndDecay,
    LearningRateIsInertia,
    ScalingInvariance,
    clip_and_decay,
    learning_rate_is_inertia,
    scaling_invariance,
)
from bnn_lab.experiments.training.knobs import (
    PLAIN,
    InertiaKnobs,
    LayerPace,
    inertia_knobs,
    layer_pace,
)
from bnn_lab.experiments.training.latents import LatentApproximation, latent_approximation
from bnn_lab.experiments.training.memory import OptimizerMemory, optimizer_memory
from bnn_lab.experiments.training.noise import NoiseFlips, noise_flips
from bnn_lab.experiments.training.quantizers import PseudoGradients, pseudo_gradients
from bnn_lab.experiments.training.sections import SectionShortcuts, section_shortcuts
from bnn_lab.experiments.training.ternary_bop import TernaryBop, ternary_bop
from bnn_lab.training.recipe_changes import near_names, parse_setting


@dataclass(frozen=True)
class Entry:
    """One experiment.

    Attributes:
        question: the one it answers.
        run: the function.
        config: its settings, unless changed.
        quick: changes for a run in seconds.
        keeps: whether it keeps each point's result in a folder.
    """

    question: str
    run: Callable[..., ExperimentResult]
    config: Any
    quick: dict[str, Any] = field(default_factory=dict)
    keeps: bool = True


_KNOBS = InertiaKnobs().knobs
_SHORT: dict[str, Any] = {"seeds": (0,), "epochs": 3}
_ENDS = tuple(name for name, (shortcuts, _) in VARIANTS.items() if shortcuts)
_SHORTCUTS = tuple(name for name in VARIANTS if "float ends" in name)


def _knob(name: str) -> InertiaKnobs:
    return InertiaKnobs(knobs={PLAIN: {}, name: _KNOBS[name]})


EXPERIMENTS: dict[str, Entry] = {
    "figure2": Entry(
        "How do accuracy and flips develop over time, for several γ and several τ?",
        figure2,
        Figure2(),
        {"gammas": (1e-1, 1e-3), "taus": (1e-6, 1e-4), "epochs": 5},
    ),
    "bop-grid": Entry(
        "Which pairs of γ and τ learn, and which only make noise or stand still?",
        bop_grid,
        BopGrid(data="mnist5k", seeds=(0,), epochs=12),
        {"gammas": (1e-3, 1e-1), "thresholds": (1e-6, 1e-4), "epochs": 3},
    ),
    "batch-gamma": Entry(
        "Does a larger batch do what a smaller γ does?",
        batch_against_gamma,
        BatchAgainstGamma(),
        {"batches": (64, 256), "gammas": (1e-3, 1e-1), "epochs": 3},
    ),
    "bop-vs-latent": Entry(
        "Is Bop as good as latent weights, if both are tuned equally?",
        bop_vs_latent,
        BopVsLatent(
            data="mnist5k", epochs=20, validation=500, tuning_seeds=(100,), seeds=(0, 1, 2)
        ),
        {"seeds": (0,), "epochs": 2},
    ),
    "rate-decay": Entry(
        "What does a falling learning rate do to the flips?",
        inertia_knobs,
        _knob("learning rate falls"),
        {"epochs": 6},
    ),
    "ternary-bop": Entry(
        "Can Bop train ternary weights, without latent ones?",
        ternary_bop,
        TernaryBop(),
        {"thresholds": (1e-5,), "epochs": 1},
    ),
    "pretraining": Entry(
        "What is left of starting from a float network's weights?",
        inertia_knobs,
        _knob("starts from a float network"),
        {"epochs": 3},
    ),
    "knobs": Entry(
        "How do learning-rate decay, batch size and pretraining act through inertia?",
        inertia_knobs,
        InertiaKnobs(),
        {"epochs": 3},
    ),
    "pseudo-gradients": Entry(
        "Does the choice of the sign's pseudo-gradient matter?",
        pseudo_gradients,
        PseudoGradients(),
        _SHORT,
    ),
    "dead-weights": Entry(
        "How many weights never flip, and do ReCU and IR-Net revive them?",
        dead_weights,
        DeadWeights(),
        {"seeds": (0,), "epochs": 2},
    ),
    "shortcuts": Entry(
        "How much accuracy do full-precision shortcuts bring, and what do they cost in time?",
        shortcuts_and_ends,
        ShortcutsAndEnds(variants=_SHORTCUTS, seeds=(0,), latency=True),
        {"epochs": 1, "depth": 2, "images": 500},
    ),
    "sections": Entry(
        "What are the shortcuts of each section of a network worth, and what do they cost?",
        section_shortcuts,
        SectionShortcuts(),
        {"sections": 2, "convolutions": 1, "epochs": 1, "images": 500},
    ),
    "ends": Entry(
        "What does it cost to binarize the first and the last layer too, and what does it save?",
        shortcuts_and_ends,
        ShortcutsAndEnds(variants=_ENDS, seeds=(0,), latency=True),
        {"epochs": 1, "depth": 2, "images": 500},
    ),
    "latents": Entry(
        "Are latent weights what the signs approximate?",
        latent_approximation,
        LatentApproximation(),
        _SHORT,
    ),
    "factors": Entry(
        "Do scaling factors change a network that has batch normalization?",
        scaling_factors,
        ScalingFactors(),
        {"seeds": (0,), "epochs": 2},
    ),
    "memory": Entry(
        "What does each optimizer keep for a weight?",
        optimizer_memory,
        OptimizerMemory(),
        keeps=False,
    ),
    "pace": Entry(
        "At what pace does each layer flip under each optimizer?",
        layer_pace,
        LayerPace(),
        {"epochs": 3},
    ),
    "scaling": Entry(
        "Is a training with latents and learning rate × C the same training?",
        scaling_invariance,
        ScalingInvariance(),
        {"epochs": 3},
    ),
    "rate-over-start": Entry(
        "Does only the ratio of latents and learning rate count?",
        learning_rate_is_inertia,
        LearningRateIsInertia(data="mnist5k"),
        _SHORT,
    ),
    "clip-and-decay": Entry(
        "What do clipping and weight decay do to the flips?",
        clip_and_decay,
        ClipAndDecay(data="mnist5k"),
        _SHORT,
    ),
    "noise": Entry(
        "How many weights does noise alone flip?", noise_flips, NoiseFlips(), keeps=False
    ),
}


def entry_of(name: str) -> Entry:
    """An experiment by its name.

    Args:
        name: a key of `EXPERIMENTS`.

    Raises:
        InputError: there is no such experiment.
    """
    if name not in EXPERIMENTS:
        known = ", ".join(EXPERIMENTS)
        raise InputError(f"there is no experiment {name!r}. Fix: use one of {known}.")
    return EXPERIMENTS[name]


def run_experiment(
    name: str,
    settings: Sequence[str] = (),
    *,
    quick: bool = False,
    running: Running | None = None,
) -> ExperimentResult:
    """Run an experiment by its name.

    Args:
        name: a key of `EXPERIMENTS`.
        settings: each ``key=value``, a field of its settings and a value as in TOML.
        quick: few short runs, in seconds; the answer is then not worth much.
        running: folder, progress bar, Dask client; not used by experiments that train nothing.

    Returns:
        Settings and frame; `bnn_lab.figures.draw` makes the figure.

    Raises:
        InputError: there is no such experiment or setting, or a value is out of range.
    """
    entry = entry_of(name)
    changes = {**(entry.quick if quick else {}), **_changes(name, entry.config, settings)}
    more = {"running": running} if entry.keeps else {}
    return entry.run(config=entry.config, **more, **changes)


def _changes(name: str, config: Any, settings: Sequence[str]) -> dict[str, Any]:
    types = typing.get_type_hints(type(config))
    fields = [entry.name for entry in dataclasses.fields(config)]
    changes: dict[str, Any] = {}
    for setting in settings:
        key, value = parse_setting(setting)
        if key not in fields:
            fix = near_names(key, fields) or f"use {', '.join(fields)}."
            raise InputError(f"--set {key}: experiment {name} has no such setting. Fix: {fix}")
        if key in changes:
            raise InputError(f"--set {setting}: {key} is given twice. Fix: leave one out.")
        try:
            changes[key] = msgspec.convert(value, types[key])
        except msgspec.ValidationError as error:
            raise InputError(
                f"--set {setting}: {error}. Fix: write a value like that of the default, "
                f"{getattr(config, key)!r}."
            ) from error
    return changes
