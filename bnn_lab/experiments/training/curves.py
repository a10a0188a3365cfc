"""Bop's two constants over time, and one of them against the batch size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bnn_lab._pandas import to_frame
from bnn_lab.experiments.training.base import ExperimentResult, Running, configure, needs
from bnn_lab.experiments.training.mlp_run import mlp_run

GAMMA, TAU = "gamma", "tau"


@dataclass(frozen=True)
class Figure2:
    """Settings of `figure2`.

    Attributes:
        gammas: adaptivity rates of the first family, in (0, 1].
        taus: thresholds of the second family, at least 0.
        gamma: of the second family.
        tau: of the first family.
        seeds: one run each.
        epochs: number of epochs of each run.
        data: name of the images, see `bnn_lab.data.load_named`.
    """

    gammas: tuple[float, ...] = (1e-1, 1e-2, 1e-3, 1e-4)
    taus: tuple[float, ...] = (1e-6, 1e-5, 1e-4)
    gamma: float = 1e-3
    tau: float = 1e-6
    seeds: tuple[int, ...] = (0,)
    epochs: int = 30
    data: str = "mnist5k"


def figure2(
    gammas: Sequence[float] | None = None,
    taus: Sequence[float] | None = None,
    *,
    config: Figure2 | None = None,
    running: Running | None = None,
    **changes: Any,
) -> ExperimentResult:
    """Accuracy and flips over time, for several gammas at one tau and several taus at one gamma.

    The question of the Bop paper's hyper-parameter study (arXiv:1906.02107, section 5.1), as
    curves; `bop_grid` is the map of all pairs.

    Args:
        gammas: of the first family; default 0.1 to 1e-4.
        taus: of the second family; default 1e-6 to 1e-4.
        config: the other settings.
        running: folder, progress bar, Dask client.
        **changes: single fields of `Figure2`.

    Returns:
        Frame: family ("gamma" or "tau": which one varies), gamma, threshold, seed, epoch (from 1),
        accuracy (test, in 0..1), pi (mean step of the epoch).

    Raises:
        InputError: a setting is out of range.
    """
    if gammas is not None:
        changes["gammas"] = tuple(gammas)
    if taus is not None:
        changes["taus"] = tuple(taus)
    chosen = configure(Figure2(), config, changes)
    all_gammas, all_taus = (*chosen.gammas, chosen.gamma), (*chosen.taus, chosen.tau)
    needs(all(0 < gamma <= 1 for gamma in all_gammas), "figure2", "gammas must lie in (0, 1]")
    needs(all(tau >= 0 for tau in all_taus), "figure2", "taus must be at least 0")
    needs(bool(chosen.gammas or chosen.taus), "figure2", "needs a gamma or a tau to vary")
    families = [
        *((GAMMA, gamma, chosen.tau) for gamma in chosen.gammas),
        *((TAU, chosen.gamma, tau) for tau in chosen.taus),
    ]
    # A pair in both families is trained once.
    pairs = [*dict.fromkeys((gamma, tau) for _, gamma, tau in families)]
    points = [
        {"method": "bop", "gamma": gamma, "threshold": tau, "seed": seed}
        | {"epochs": chosen.epochs, "data": chosen.data}
        for gamma, tau in pairs
        for seed in chosen.seeds
    ]
    results = (running or Running()).points(mlp_run, points, "gamma and tau over time")
    found = {(row["gamma"], row["threshold"], row["seed"]): row for row in results}
    rows = [
        {"family": family, "gamma": gamma, "threshold": tau, "seed": seed, "epoch": epoch}
        | {"accuracy": accuracy, "pi": pi}
        for family, gamma, tau in families
        for seed in chosen.seeds
        for epoch, (accuracy, pi) in enumerate(
            zip(found[gamma, tau, seed]["accuracies"], found[gamma, tau, seed]["pi"], strict=True),
            start=1,
        )
    ]
    return ExperimentResult(chosen, to_frame(rows))


@dataclass(frozen=True)
class BatchAgainstGamma:
    """Settings of `batch_against_gamma`.

    Attributes:
        batches: images a step.
        gammas: adaptivity rates in (0, 1].
        threshold: tau, of all runs.
        seeds: one run each.
        epochs: number of epochs of each run; a larger batch makes fewer steps.
        data: name of the images, see `bnn_lab.data.load_named`.
    """

    batches: tuple[int, ...] = (16, 64, 256)
    gammas: tuple[float, ...] = (1e-3, 1e-2, 1e-1)
    threshold: float = 1e-6
    seeds: tuple[int, ...] = (0,)
    epochs: int = 12
    data: str = "mnist5k"


def batch_against_gamma(
    *,
    config: BatchAgainstGamma | None = None,
    running: Running | None = None,
    **changes: Any,
) -> ExperimentResult:
    """Train with Bop for every batch size and gamma: both decide over how many images m averages.

    A gradient of 4 times the images has half the noise, and so has a moving average whose gamma is
    a quarter. If noise were all, the same accuracy would lie along gamma / batch.

    Args:
        config: settings.
        running: folder, progress bar, Dask client.
        **changes: single fields of `BatchAgainstGamma`.

    Returns:
        Frame: batch, gamma, seed, accuracy (test, mean of the last 5 epochs), pi (of the last
        epoch), flips (in all).

    Raises:
        InputError: a setting is out of range.
    """
    chosen = configure(BatchAgainstGamma(), config, changes)
    gammas_fit = all(0 < gamma <= 1 for gamma in chosen.gammas)
    needs(gammas_fit, "batch_against_gamma", "gammas must lie in (0, 1]")
    runs = len(chosen.batches) * len(chosen.gammas)
    needs(runs > 0, "batch_against_gamma", "needs at least one batch and gamma")
    points = [
        {"method": "bop", "gamma": gamma, "threshold": chosen.threshold, "batch": batch}
        | {"seed": seed, "epochs": chosen.epochs, "data": chosen.data}
        for batch in chosen.batches
        for gamma in chosen.gammas
        for seed in chosen.seeds
    ]
    results = (running or Running()).points(mlp_run, points, "batch × gamma")
    rows = [
        {name: row[name] for name in ("batch", "gamma", "seed", "accuracy")}
        | {"pi": row["pi"][-1], "flips": row["total_flips"]}
        for row in results
    ]
    return ExperimentResult(chosen, to_frame(rows))
