"""Bop under gradients that are nothing but noise: how many weights flip for no reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bnn_lab._pandas import to_frame
from bnn_lab.experiments.training.base import ExperimentResult, configure, needs
from bnn_lab.training.closed_forms import bop_flip_rate, ema_spread
from bnn_lab.training.simulate import Bop, simulate_weights


@dataclass(frozen=True)
class NoiseFlips:
    """Settings of `noise_flips`.

    Attributes:
        gammas: adaptivity rates in (0, 1).
        thresholds: tau, in units of the spread of the average gradient, at least 0.
        weights: simulated weights.
        steps: steps counted; 500 more come before, until the average has its spread.
        seed: of the noise.
    """

    gammas: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3)
    thresholds: tuple[float, ...] = (0.0, 1.0, 2.0)
    weights: int = 400
    steps: int = 2500
    seed: int = 0


def noise_flips(*, config: NoiseFlips | None = None, **changes: Any) -> ExperimentResult:
    """Simulate Bop on pure noise and put the known formula beside it.

    Args:
        config: settings.
        **changes: single fields of `NoiseFlips`.

    Returns:
        Frame: gamma, threshold (in spreads), simulated and formula (flips of a weight in a step).

    Raises:
        InputError: a setting is out of range.
    """
    chosen = configure(NoiseFlips(), config, changes)
    needs(all(0 < gamma < 1 for gamma in chosen.gammas), "noise_flips", "gammas must be in (0, 1)")
    needs(all(k >= 0 for k in chosen.thresholds), "noise_flips", "thresholds must be at least 0")
    fit = bool(chosen.gammas and chosen.thresholds) and min(chosen.steps, chosen.weights) >= 1
    needs(fit, "noise_flips", "needs a gamma, a threshold, a weight and a step at least")
    warm_up = 500
    rows = []
    for gamma in chosen.gammas:
        for k in chosen.thresholds:
            rule = Bop(gamma, k * ema_spread(gamma, noise=1.0))
            run = simulate_weights(
                rule, steps=chosen.steps + warm_up, weights=chosen.weights, seed=chosen.seed
            )
            rows.append(
                {"gamma": gamma, "threshold": k, "simulated": float(run.flip_rate(skip=warm_up))}
                | {"formula": float(bop_flip_rate(gamma, k))}
            )
    return ExperimentResult(chosen, to_frame(rows))
