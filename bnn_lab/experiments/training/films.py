"""Films of the weights of many runs: what `bnn_lab.widgets.BopMap` plays."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from tqdm.auto import tqdm

from bnn_lab.errors import InputError
from bnn_lab.experiments.training.bop import BopGrid, grid_points
from bnn_lab.experiments.training.mlp_run import MlpTrace, train_mlp_run
from bnn_lab.experiments.training.mlp_settings import MlpRun
from bnn_lab.training.movie import WeightMovie

SIDE = 20


def bop_films(
    gammas: Sequence[float],
    taus: Sequence[float],
    *,
    epochs: int = 8,
    seed: int = 0,
    data: str = "digits",
    side: int = SIDE,
    progress: bool = True,
) -> dict[tuple[float, float], WeightMovie]:
    """Train the MLP with Bop for every gamma and tau, and film a part of its second layer.

    A run of 30 epochs takes about a second on ``digits`` and three on ``mnist5k``.

    Args:
        gammas: adaptivity rates in (0, 1].
        taus: thresholds, at least 0.
        epochs: number of epochs of each run, at least 1.
        seed: seed of each run.
        data: name of the images, see `bnn_lab.data.load_named`.
        side: rows and columns of weights that are filmed.
        progress: show a bar.

    Returns:
        (gamma, tau) to its film.

    Raises:
        InputError: a setting is out of range.
    """
    config = BopGrid(tuple(gammas), tuple(taus), (seed,), epochs, data)
    films = {}
    for point in tqdm(grid_points(config), disable=not progress, desc="gamma × tau", unit="run"):
        run = MlpRun(**point)
        label = f"γ = {run.gamma:g}, τ = {run.threshold:g}"
        trace = train_mlp_run(run, keep_signs=True)
        films[run.gamma, run.threshold] = film_of(trace, label, side=side)
    return films


def film_of(trace: MlpTrace, label: str, *, layer: int = 1, side: int = SIDE) -> WeightMovie:
    """A part of one layer's weights during a recorded run.

    Args:
        trace: the trace of `train_mlp_run` with ``keep_signs``.
        label: short name of the run.
        layer: number of the layer, from 0.
        side: rows (inputs) and columns (outputs) from the layer's first on.

    Returns:
        The film.

    Raises:
        InputError: no signs were kept, or the layer has fewer inputs or outputs than that.
    """
    if trace.signs is None:
        raise InputError(
            "film_of: this trace has no signs. Fix: train_mlp_run(run, keep_signs=True)."
        )
    names = list(trace.layers)
    if not 0 <= layer < len(names):
        raise InputError(f"film_of({layer=}): there are {len(names)} layers of binary weights.")
    shape = trace.layers[names[layer]]
    if not 1 <= side <= min(shape):
        raise InputError(f"film_of({side=}): layer {names[layer]} is {shape}.")
    first = sum(prod(trace.layers[name]) for name in names[:layer])
    places = first + np.arange(prod(shape)).reshape(shape)[:side, :side].reshape(-1)
    signs = np.concatenate([trace.start[None, places], trace.signs[:, places]])
    steps, pixels = np.nonzero(signs[1:] != signs[:-1])
    return WeightMovie(
        label,
        names[layer],
        signs[0].reshape(side, side),
        steps + 1,
        pixels,
        trace.flips,
        trace.weights,
        trace.test_accuracy,
    )
