"""Pseudo-gradients: what stands in for the derivative of the sign, and what difference it makes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab._keras import require_tensorflow
from bnn_lab._pandas import to_frame
from bnn_lab.errors import InputError
from bnn_lab.experiments.training.base import ExperimentResult, Running, configure, needs
from bnn_lab.experiments.training.mlp_parts import make_quantizer
from bnn_lab.experiments.training.mlp_run import mlp_run

# Name to the settings of `MlpRun`.
PSEUDO_GRADIENTS: dict[str, dict[str, Any]] = {
    "straight through": {"quantizer": "ste"},
    "clipped": {"quantizer": "ste", "ste_clip": 1.0},
    "ApproxSign": {"quantizer": "approx"},
    "SwishSign": {"quantizer": "swish"},
    "magnitude-aware": {"quantizer": "magnitude", "ste_clip": 1.0},
}


@dataclass(frozen=True)
class PseudoGradients:
    """Settings of `pseudo_gradients`.

    Attributes:
        names: some of `PSEUDO_GRADIENTS`.
        learning_rate: Adam's, on the latent weights.
        epochs: number of epochs of each run.
        seeds: one run each.
        data: name of the images, see `bnn_lab.data.load_named`.
    """

    names: tuple[str, ...] = tuple(PSEUDO_GRADIENTS)
    learning_rate: float = 3e-3
    epochs: int = 10
    seeds: tuple[int, ...] = (0, 1)
    data: str = "mnist5k"


def pseudo_gradients(
    *, config: PseudoGradients | None = None, running: Running | None = None, **changes: Any
) -> ExperimentResult:
    """Train the MLP once with each pseudo-gradient of the kernels; activations keep theirs.

    Args:
        config: settings.
        running: folder, progress bar, Dask client.
        **changes: single fields of `PseudoGradients`.

    Returns:
        Frame: name, seed, accuracy (test, mean of the last 5 epochs), pi (of the last epoch).

    Raises:
        InputError: a setting is out of range.
    """
    chosen = configure(PseudoGradients(), config, changes)
    needs(bool(chosen.names), "names", "at least one is needed")
    for name in chosen.names:
        _known(name)
    points = [
        {"method": "adam", "learning_rate": chosen.learning_rate, "epochs": chosen.epochs}
        | {"data": chosen.data, "seed": seed, **PSEUDO_GRADIENTS[name]}
        for name in chosen.names
        for seed in chosen.seeds
    ]
    results = (running or Running()).points(mlp_run, points, "pseudo-gradients")
    named = [(name, seed) for name in chosen.names for seed in chosen.seeds]
    rows = [
        {"name": name, "seed": seed, "accuracy": result["accuracy"], "pi": result["pi"][-1]}
        for (name, seed), result in zip(named, results, strict=True)
    ]
    return ExperimentResult(chosen, to_frame(rows))


def forward_and_backward(
    name: str, points: NDArray[np.float64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """What a quantizer gives for latent weights, and the derivative it pretends to have there.

    Args:
        name: a key of `PSEUDO_GRADIENTS`.
        points: latent weights of one unit, (N,). ``magnitude-aware`` scales by their mean size.

    Returns:
        Values and derivatives, float32 (N,), as larq computes them.

    Raises:
        InputError: there is no such pseudo-gradient.
    """
    settings = _known(name)
    tf = require_tensorflow()
    quantizer = make_quantizer(settings["quantizer"], settings.get("ste_clip"))
    x = tf.constant(points[:, None], tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = quantizer(x)
    return y.numpy()[:, 0], tape.gradient(y, x).numpy()[:, 0]


def _known(name: str) -> dict[str, Any]:
    if name not in PSEUDO_GRADIENTS:
        known = ", ".join(PSEUDO_GRADIENTS)
        raise InputError(f"there is no pseudo-gradient {name!r}. Fix: use one of {known}.")
    return PSEUDO_GRADIENTS[name]
