"""Bop's two hyper-parameters, and Bop beside latent weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bnn_lab._pandas import to_frame
from bnn_lab.errors import InputError
from bnn_lab.experiments.training.base import ExperimentResult, Running, configure, needs
from bnn_lab.experiments.training.mlp_run import mlp_run
from bnn_lab.experiments.training.mlp_settings import METHODS


@dataclass(frozen=True)
class BopGrid:
    """Settings of `bop_grid`.

    Attributes:
        gammas: adaptivity rates in (0, 1].
        thresholds: tau, at least 0.
        seeds: one run each.
        epochs: number of epochs of each run.
        data: name of the images, see `bnn_lab.data.load_named`.
    """

    gammas: tuple[float, ...] = (1e-4, 1e-3, 1e-2, 1e-1)
    thresholds: tuple[float, ...] = (0.0, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: int = 30
    data: str = "digits"


def bop_grid(
    gammas: Sequence[float] | None = None,
    taus: Sequence[float] | None = None,
    *,
    config: BopGrid | None = None,
    running: Running | None = None,
    **changes: Any,
) -> ExperimentResult:
    """Train the MLP with Bop for every gamma, tau and seed.

    The Bop paper's study of its two hyper-parameters (section 5.1) as a map, on a problem of a
    second a run: large gamma or small tau is noise, small gamma or large tau is frozen. The
    default's 72 runs need one to two minutes, and 3 × 3 points with ``seeds=(0,)`` ten seconds.

    Args:
        gammas: adaptivity rates; default 1e-4 to 0.1.
        taus: thresholds; default 0 and 1e-7 to 1e-3, with the gammas 24 points.
        config: the other settings.
        running: folder, progress bar, Dask client.
        **changes: single fields of `BopGrid`.

    Returns:
        Frame: gamma, threshold, seed, accuracy (mean of the last 5 epochs on the test images),
        total_flips, pi (of the last epoch), first_pi.

    Raises:
        InputError: a setting is out of range.
    """
    if gammas is not None:
        changes["gammas"] = tuple(gammas)
    if taus is not None:
        changes["thresholds"] = tuple(taus)
    chosen = configure(BopGrid(), config, changes)
    points = grid_points(chosen)
    frame = to_frame((running or Running()).points(mlp_run, points, "gamma × tau"))
    frame["first_pi"] = [values[0] for values in frame.pi]
    frame["pi"] = [values[-1] for values in frame.pi]
    columns = ["gamma", "threshold", "seed", "accuracy", "total_flips", "pi", "first_pi"]

    return ExperimentResult(chosen, frame[columns])


def grid_points(config: BopGrid) -> list[dict[str, Any]]:
    """Settings of every run of a grid.

    Raises:
        InputError: a setting is out of range.
    """
    needs(all(0 < gamma <= 1 for gamma in config.gammas), "bop_grid", "gammas must lie in (0, 1]")
    needs(all(tau >= 0 for tau in config.thresholds), "bop_grid", "taus must be at least 0")
    needs(bool(config.gammas and config.thresholds), "bop_grid", "needs at least a gamma and a tau")
    return [
        {"method": "bop", "gamma": gamma, "threshold": tau, "seed": seed}
        | {"epochs": config.epochs, "data": config.data}
        for gamma in config.gammas
        for tau in config.thresholds
        for seed in config.seeds
    ]


def _default_candidates() -> dict[str, tuple[dict[str, Any], ...]]:
    freeze = {"gamma_every": 10}
    return {
        "bop": (
            {"gamma": 1e-2, "threshold": 1e-6, **freeze},
            {"gamma": 1e-2, "threshold": 1e-5, **freeze},
            {"gamma": 1e-3, "threshold": 1e-6},
            {"gamma": 3e-3, "threshold": 1e-6, **freeze},
        ),
        "bop2": (
            {"gamma": 1e-3, "threshold": 1e-2, "sigma": 1e-2},
            {"gamma": 1e-3, "threshold": 1e-2, "sigma": 1e-2, "gamma_every": 5},
            {"gamma": 1e-2, "threshold": 0.2, "sigma": 1e-2},
            {"gamma": 1e-3, "threshold": 3e-2, "sigma": 1e-3},
        ),
        "adam": tuple(
            {"learning_rate": rate, "weight_clip": 1.0, "ste_clip": 1.0}
            for rate in (3e-4, 1e-3, 3e-3, 1e-2)
        ),
        "sgd": tuple({"learning_rate": rate} for rate in (3.0, 10.0, 30.0, 100.0)),
        "float": tuple({"learning_rate": rate} for rate in (3e-4, 1e-3, 3e-3, 1e-2)),
    }


@dataclass(frozen=True)
class BopVsLatent:
    """Settings of `bop_vs_latent`.

    Attributes:
        candidates: method to the settings that are tried; equally many for every method.
        tuning_seeds: each candidate is trained once with each.
        seeds: seeds of the final runs; must not overlap with `tuning_seeds`.
        validation: images that candidates are chosen by, held out of training.
        epochs: number of epochs of every run.
        data: name of the images, see `bnn_lab.data.load_named`.
    """

    candidates: dict[str, tuple[dict[str, Any], ...]] = field(default_factory=_default_candidates)
    tuning_seeds: tuple[int, ...] = (100, 101)
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    validation: int = 300
    epochs: int = 30
    data: str = "digits"


def bop_vs_latent(
    *, config: BopVsLatent | None = None, running: Running | None = None, **changes: Any
) -> ExperimentResult:
    """Compare Bop with latent weights fairly: same data, same number of settings tried.

    First every candidate is trained and the best of each method is chosen by the validation
    images. Then the chosen one is trained with fresh seeds, and only now are test images looked at.
    65 runs, about a minute on the digits.

    Args:
        config: settings.
        running: folder, progress bar, Dask client.
        **changes: single fields of `BopVsLatent`.

    Returns:
        Frame: method, phase (``tuning`` or ``final``), candidate (its number), seed, accuracy
        (validation in tuning, test in the final runs, mean of the last 5 epochs), pi (last epoch),
        images (how many the test has).

    Raises:
        InputError: a setting is out of range, or the budgets differ.
    """
    chosen = configure(BopVsLatent(), config, changes)
    _check_budget(chosen)
    running = running or Running()
    common = {"epochs": chosen.epochs, "validation": chosen.validation, "data": chosen.data}
    tuning = [
        (method, number, {"method": method, "seed": seed, **settings, **common})
        for method, candidates in chosen.candidates.items()
        for number, settings in enumerate(candidates)
        for seed in chosen.tuning_seeds
    ]
    rows = _rows(running, tuning, "tuning", "validation_accuracy")
    means = to_frame(rows).groupby(["method", "candidate"]).accuracy.mean()
    final = []
    for method, candidates in chosen.candidates.items():
        best = int(means[method].idxmax())
        final += [
            (method, best, {"method": method, "seed": seed, **candidates[best], **common})
            for seed in chosen.seeds
        ]
    rows += _rows(running, final, "final", "accuracy")

    return ExperimentResult(chosen, to_frame(rows))


def _rows(running: Running, runs: list[Any], phase: str, column: str) -> list[dict[str, Any]]:
    results = running.points(mlp_run, [run[-1] for run in runs], phase)
    return [
        {
            "method": method,
            "phase": phase,
            "candidate": number,
            "seed": point["seed"],
            "accuracy": result[column],
            "pi": result["pi"][-1],
            "images": result["images"],
        }
        for (method, number, point), result in zip(runs, results, strict=True)
    ]


def _check_budget(config: BopVsLatent) -> None:
    unknown = sorted(set(config.candidates) - set(METHODS))
    if unknown:
        raise InputError(f"bop_vs_latent: no methods {unknown}; there are {METHODS}.")
    budgets = {method: len(settings) for method, settings in config.candidates.items()}
    if len(set(budgets.values())) != 1 or 0 in budgets.values():
        raise InputError(
            f"bop_vs_latent: the methods have {budgets} candidates. Fix: give every method equally "
            "many, or the comparison favours the one that was tuned more."
        )
    if set(config.seeds) & set(config.tuning_seeds):
        raise InputError("bop_vs_latent: seeds and tuning_seeds overlap. Fix: use fresh seeds.")
    needs(config.validation >= 50, "bop_vs_latent(validation)", "must be at least 50 images")
