"""Latent weights are inertia: only their size relative to the learning rate counts.

arXiv:1906.02107, section 3. Gradients depend on the latent weights through their signs alone. So if
the learning rate and all initial latent weights are multiplied by C, every latent weight is C times
what it was, at every step, and no binary weight differs. Whatever compares a latent weight with a
fixed number (clipping, weight decay) breaks this, unless that number is scaled too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bnn_lab._pandas import to_frame
from bnn_lab.errors import InputError
from bnn_lab.experiments.training.base import ExperimentResult, Running, configure, needs
from bnn_lab.experiments.training.mlp_run import mlp_run, train_mlp_run
from bnn_lab.experiments.training.mlp_settings import MlpRun, settings_of

# Latents start below 0.29 and reach it after some hundred steps at the default learning rate.
CLIP = 0.7
L2 = 1e-3

# case: (method, setting that compares latents with a number, its value, its power of C if scaled)
_CASES: dict[str, tuple[str, str | None, float, int]] = {
    "SGD": ("sgd", None, 0.0, 0),
    "momentum": ("momentum", None, 0.0, 0),
    "Adam": ("adam", None, 0.0, 0),
    "gradient clip fixed": ("sgd", "ste_clip", CLIP, 0),
    "gradient clip scaled": ("sgd", "ste_clip", CLIP, 1),
    "weight clip fixed": ("sgd", "weight_clip", CLIP, 0),
    "weight clip scaled": ("sgd", "weight_clip", CLIP, 1),
    "L2 fixed": ("sgd", "l2", L2, 0),
    "L2 divided": ("sgd", "l2", L2, -1),
}
CASES = tuple(_CASES)


@dataclass(frozen=True)
class ScalingInvariance:
    """Settings of `scaling_invariance`.

    Attributes:
        scales: factors C. Powers of two scale floats exactly. Others round, so latents differ in
            their last digits; once one comes that close to 0, its sign differs, and from then on
            everything. It is a matter of chance when: at C = 3 or 0.01 in most runs within 600
            steps, in some not at all.
        cases: some of `CASES`.
        epochs: number of epochs, of 20 steps each on the digits.
        learning_rate: learning rate of the latent weights; at 20 over 100,000 of 600 steps' flips
            happen.
        hidden: units of the hidden layers.
        seed: seed of initialisation and shuffling.
        data: name of the images, see `bnn_lab.data.load_named`.
    """

    scales: tuple[float, ...] = (2.0**-7, 2.0**10)
    cases: tuple[str, ...] = CASES
    epochs: int = 30
    learning_rate: float = 20.0
    hidden: tuple[int, ...] = (64, 64)
    seed: int = 0
    data: str = "digits"


def scaling_invariance(
    scales: float | Sequence[float] | None = None,
    *,
    config: ScalingInvariance | None = None,
    running: Running | None = None,
    **changes: Any,
) -> ExperimentResult:
    """Train pairs, (lr, latents) and C (lr, latents), and compare all signs after every step.

    A pair takes one to two seconds; all cases with two scales about 25.

    Args:
        scales: C or several, above 0; default 2^-7 and 2^10.
        config: the other settings.
        running: folder, progress bar, Dask client.
        **changes: single fields of `ScalingInvariance`.

    Returns:
        Frame: case, scale, identical, first_difference (step from 1; 0 if identical), steps,
        flips.

    Raises:
        InputError: a setting is out of range.
    """
    if scales is not None:
        changes["scales"] = (scales,) if isinstance(scales, (int, float)) else tuple(scales)
    chosen = configure(ScalingInvariance(), config, changes)
    fit = all(0 < c < math.inf for c in chosen.scales)
    needs(fit, "scaling_invariance", "every scale must be a finite number above 0")
    needs(bool(chosen.scales and chosen.cases), "scaling_invariance", "needs a scale and a case")
    for case in chosen.cases:
        if case not in _CASES:
            raise InputError(f"scaling_invariance: no case {case!r}; there are {CASES}.")
    points = [
        {
            "case": case,
            "scale": scale,
            "epochs": chosen.epochs,
            "learning_rate": chosen.learning_rate,
            "hidden": list(chosen.hidden),
            "seed": chosen.seed,
            "data": chosen.data,
        }
        for case in chosen.cases
        for scale in chosen.scales
    ]
    rows = (running or Running()).points(compare_scaled, points, "scaling")
    frame = to_frame(rows)[["case", "scale", "identical", "first_difference", "steps", "flips"]]

    return ExperimentResult(chosen, frame)


def compare_scaled(
    *,
    case: str,
    scale: float,
    epochs: int = 30,
    learning_rate: float = 20.0,
    hidden: Sequence[int] = (64, 64),
    seed: int = 0,
    data: str = "digits",
) -> dict[str, Any]:
    """One pair of trainings of `scaling_invariance`.

    Args:
        case: one of `CASES`.
        scale: C > 0.
        epochs: number of epochs, of 20 steps each on the digits.
        learning_rate: learning rate of the latent weights; Adam, whose steps do not depend on the
            gradient's size, takes a 1000th of it.
        hidden: units of the hidden layers.
        seed: seed of initialisation and shuffling.
        data: name of the images.

    Returns:
        identical (bool), first_difference (step from 1, 0 for none), steps, flips (of the first
        run).
    """
    method, setting, value, power = _CASES[case]
    rate = learning_rate / 1000 if method == "adam" else learning_rate
    base = MlpRun(
        method=method,
        epochs=epochs,
        learning_rate=rate,
        hidden=tuple(hidden),
        seed=seed,
        data=data,
    )
    scaled = replace(base, learning_rate=rate * scale, initial_scale=scale)
    if setting is not None:
        base = replace(base, **{setting: value})  # type: ignore[arg-type]
        scaled = replace(scaled, **{setting: value * scale**power})  # type: ignore[arg-type]
    first, second = (train_mlp_run(run, keep_signs=True) for run in (base, scaled))
    assert first.signs is not None and second.signs is not None
    differs = (first.signs != second.signs).any(axis=1)
    return {
        "identical": not differs.any(),
        "first_difference": int(np.argmax(differs)) + 1 if differs.any() else 0,
        "steps": len(differs),
        "flips": int(first.flips.sum()),
    }


@dataclass(frozen=True)
class LearningRateIsInertia:
    """Settings of `learning_rate_is_inertia`.

    Attributes:
        pairs: (learning rate, scale of the initial latent weights).
        epochs: number of epochs of each run.
        seeds: one run each.
        data: name of the images, see `bnn_lab.data.load_named`.
    """

    pairs: tuple[tuple[float, float], ...] = (
        (1.0, 1.0),
        (0.01, 1.0),
        (0.01, 0.01),
        (1.0, 0.01),
        (10.0, 1.0),
        (10.0, 10.0),
    )
    epochs: int = 30
    seeds: tuple[int, ...] = (0, 1, 2)
    data: str = "digits"


def learning_rate_is_inertia(
    *,
    config: LearningRateIsInertia | None = None,
    running: Running | None = None,
    **changes: Any,
) -> ExperimentResult:
    """A lower learning rate and larger initial latent weights are one and the same: more inertia.

    Plain SGD without clipping. Pairs with the same ratio scale / learning rate give the same
    network but for rounding. 18 runs of about a second.

    Args:
        config: settings.
        running: folder, progress bar, Dask client.
        **changes: single fields of `LearningRateIsInertia`.

    Returns:
        Frame: learning_rate, initial_scale, inertia (their ratio), seed, accuracy, total_flips,
        pi (of the last epoch).

    Raises:
        InputError: a setting is out of range.
    """
    chosen = configure(LearningRateIsInertia(), config, changes)
    needs(bool(chosen.pairs), "pairs", "at least one is needed")
    points = [
        {"method": "sgd", "learning_rate": rate, "initial_scale": scale, "seed": seed}
        | {"epochs": chosen.epochs, "data": chosen.data}
        for rate, scale in chosen.pairs
        for seed in chosen.seeds
    ]
    frame = to_frame((running or Running()).points(mlp_run, points, "inertia"))
    frame["inertia"] = frame.initial_scale / frame.learning_rate
    frame["pi"] = [values[-1] for values in frame.pi]
    columns = ["learning_rate", "initial_scale", "inertia", "seed", "accuracy", "total_flips", "pi"]

    return ExperimentResult(chosen, frame[columns])


@dataclass(frozen=True)
class ClipAndDecay:
    """Settings of `clip_and_decay`.

    Attributes:
        learning_rate: learning rate of SGD on the latent weights.
        clips: bounds for weight clipping and, separately, for the straight-through gradient.
        l2: weight decay coefficients.
        epochs: number of epochs of each run.
        seeds: one run each.
        data: name of the images, see `bnn_lab.data.load_named`.
    """

    learning_rate: float = 1.0
    clips: tuple[float, ...] = (0.1, 1.0)
    l2: tuple[float, ...] = (1e-4, 1e-3)
    epochs: int = 30
    seeds: tuple[int, ...] = (0, 1, 2)
    data: str = "digits"


def clip_and_decay(
    *, config: ClipAndDecay | None = None, running: Running | None = None, **changes: Any
) -> ExperimentResult:
    """Clipping and weight decay hold inertia down, so weights go on flipping.

    21 runs of about a second.

    Args:
        config: settings.
        running: folder, progress bar, Dask client.
        **changes: single fields of `ClipAndDecay`.

    Returns:
        Frame: rule, value, seed, epoch (from 1), accuracy (test, in 0..1), pi.

    Raises:
        InputError: a setting is out of range.
    """
    chosen = configure(ClipAndDecay(), config, changes)
    rules: list[tuple[str, float, dict[str, float]]] = [("none", 0.0, {})]
    for clip in chosen.clips:
        rules.append(("weight clip", clip, {"weight_clip": clip}))
        rules.append(("gradient clip", clip, {"ste_clip": clip}))
    rules += [("L2", value, {"l2": value}) for value in chosen.l2]
    runs = [
        (rule, value, seed, replace_settings(chosen, seed, extra))
        for rule, value, extra in rules
        for seed in chosen.seeds
    ]
    results = (running or Running()).points(mlp_run, [run[-1] for run in runs], "clip and decay")
    frame = to_frame(
        [
            {"rule": rule, "value": value, "seed": seed, "epoch": epoch}
            | {"accuracy": accuracy, "pi": pi}
            for (rule, value, seed, _), result in zip(runs, results, strict=True)
            for epoch, (accuracy, pi) in enumerate(
                zip(result["accuracies"], result["pi"], strict=True), start=1
            )
        ]
    )

    return ExperimentResult(chosen, frame)


def replace_settings(config: ClipAndDecay, seed: int, extra: dict[str, float]) -> dict[str, Any]:
    """Settings of one run of `clip_and_decay`."""
    run = MlpRun(
        method="sgd",
        learning_rate=config.learning_rate,
        epochs=config.epochs,
        seed=seed,
        data=config.data,
        **extra,  # type: ignore[arg-type]
    )
    return settings_of(run)
