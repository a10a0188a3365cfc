"""Scaling factors before batch normalization: what they change, and what they do not.

A factor above 0 on a layer's outputs is divided out again by batch normalization, but for the
epsilon that it adds to the variance. A factor on the *weights* comes to the same (XNOR-Net,
arXiv:1603.05279, has one for each filter).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bnn_lab._pandas import to_frame
from bnn_lab.experiments.training.base import ExperimentResult, Running, among, configure
from bnn_lab.experiments.training.mlp_run import train_mlp_run
from bnn_lab.experiments.training.mlp_settings import MlpRun

EPSILON = 1e-3  # Keras's default
# A power of two: multiplying by it rounds nothing.
FACTOR = 2.0**-3
PLAIN = "±1"
# Name to settings of `MlpRun`.
CASES: dict[str, dict[str, Any]] = {
    PLAIN: {},
    "±1/8": {"factor": FACTOR},
    "±1/8, epsilon / 64": {"factor": FACTOR, "norm_epsilon": EPSILON * FACTOR**2},
    "± mean |w| of each filter": {"quantizer": "filter_mean"},
}


@dataclass(frozen=True)
class ScalingFactors:
    """Settings of `scaling_factors`.

    Attributes:
        cases: some of `CASES`; the first one is what the others are compared with.
        learning_rate: Adam's, on the latent weights.
        epochs: number of epochs of each run.
        seeds: one run each.
        data: name of the images, see `bnn_lab.data.load_named`.
    """

    cases: tuple[str, ...] = tuple(CASES)
    learning_rate: float = 3e-3
    epochs: int = 10
    seeds: tuple[int, ...] = (0, 1)
    data: str = "mnist5k"


def scaling_factors(
    *, config: ScalingFactors | None = None, running: Running | None = None, **changes: Any
) -> ExperimentResult:
    """Train the MLP on latent weights with and without factors, and compare the binary weights.

    Args:
        config: settings.
        running: folder, progress bar, Dask client.
        **changes: single fields of `ScalingFactors`.

    Returns:
        Frame: case, seed, accuracy (test, mean of the last 5 epochs), first_difference (first step
        after which a binary weight differs from the first case's; 0 for never), different (share
        of the weights that differ at the end).

    Raises:
        InputError: a setting is out of range.
    """
    chosen = configure(ScalingFactors(), config, changes)
    among(chosen.cases, CASES, "cases")
    points = [
        {"first": chosen.cases[0], "case": case, "seed": seed, "epochs": chosen.epochs}
        | {"learning_rate": chosen.learning_rate, "data": chosen.data}
        for case in chosen.cases
        for seed in chosen.seeds
    ]
    results = (running or Running()).points(compare_with_first, points, "scaling factors")
    columns = ("case", "seed", "accuracy", "first_difference", "different")
    return ExperimentResult(chosen, to_frame([{k: row[k] for k in columns} for row in results]))


def compare_with_first(
    *, first: str, case: str, seed: int, epochs: int, learning_rate: float, data: str
) -> dict[str, Any]:
    """One run of `scaling_factors`, beside the one without factors.

    Args:
        first: the case to compare with.
        case: a key of `CASES`, as `first`.
        seed: of both.
        epochs: number of epochs.
        learning_rate: Adam's.
        data: name of the images.

    Returns:
        accuracy, first_difference, different.
    """
    common: dict[str, Any] = {"method": "adam", "learning_rate": learning_rate, "seed": seed}
    common |= {"epochs": epochs, "data": data}
    one, other = (
        train_mlp_run(MlpRun(**common, **CASES[name]), keep_signs=True) for name in (first, case)
    )
    assert one.signs is not None and other.signs is not None  # asked for
    steps = np.flatnonzero((one.signs != other.signs).any(axis=1))
    return {
        "accuracy": float(other.test_accuracy[-5:].mean()),
        "first_difference": int(steps[0]) + 1 if len(steps) else 0,
        "different": float(np.mean(one.signs[-1] != other.signs[-1])),
    }
