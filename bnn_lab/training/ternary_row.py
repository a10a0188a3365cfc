"""Ternary weights under drift and noise: latent weights seen through a dead zone.

The twin of `simulateTernary` in bnn_lab/widgets/js/core/simulate.js, equal bit by bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnn_lab.errors import InputError
from bnn_lab.training.counter_random import WEIGHTS, normal, normal_table, random_words

_START, _GOAL = WEIGHTS - 1, WEIGHTS - 2  # steps that no run reaches
_LEAST = 1e-5


@dataclass(frozen=True)
class TernaryRow:
    """A run of T steps over N weights; row 0 of each array with T + 1 rows is the start.

    Attributes:
        goals: what the loss wants each weight to be, int8 in {-1, 0, +1}, (N,).
        latents: float64 (T + 1, N).
        means: mean magnitude of all latent weights, float64 (T + 1,).
        trits: what the network sees, int8 (T + 1, N).
    """

    goals: NDArray[np.int8]
    latents: NDArray[np.float64]
    means: NDArray[np.float64]
    trits: NDArray[np.int8]

    @property
    def moves(self) -> NDArray[np.int64]:
        """How many weights moved into the zone, out of it and across, in each step, (T, 3)."""
        before, after = self.trits[:-1], self.trits[1:]
        moved = before != after
        into, out = moved & (after == 0), moved & (before == 0)
        return np.stack([into.sum(1), out.sum(1), (moved & ~into & ~out).sum(1)], axis=1)


def simulate_ternary_row(
    *,
    zone: float = 0.5,
    learning_rate: float = 0.05,
    push: float = 0.3,
    noise: float = 1.0,
    steps: int = 300,
    weights: int = 240,
    seed: int = 0,
) -> TernaryRow:
    """Latent weights under SGD, the gradient being ``push (trit - goal) + noise``.

    A weight is 0 while its latent value is within `zone` mean magnitudes of 0; at 0.5 that is
    `ternary_reference.absmean`. The gradient passes the dead zone as if it were not there.

    Args:
        zone: half the dead zone's width in mean magnitudes, at least 0.
        learning_rate: above 0.
        push: how strongly a weight that is wrong by 1 is pushed.
        noise: standard deviation of the gradient.
        steps: T, at least 1.
        weights: N, at least 1.
        seed: of goals, start and noise.

    Raises:
        InputError: a setting is out of range.
    """
    if zone < 0 or learning_rate <= 0 or noise < 0 or min(steps, weights) < 1:
        raise InputError(
            f"simulate_ternary_row: {zone=} and {noise=} must be at least 0, {learning_rate=} "
            f"above 0, {steps=} and {weights=} at least 1."
        )
    at = np.arange(weights)
    words = random_words(seed, _GOAL, at).astype(np.uint64)
    goals = ((3 * words) >> np.uint64(32)).astype(np.int8) - np.int8(1)
    latents = np.zeros((steps + 1, weights))
    means = np.zeros(steps + 1)
    trits = np.zeros((steps + 1, weights), np.int8)
    latents[0] = normal(seed, _START, at)
    normals = normal_table(seed, steps, weights)
    for step in range(steps + 1):
        if step:
            gradient = push * (trits[step - 1] - goals).astype(float) + noise * normals[step - 1]
            latents[step] = latents[step - 1] - learning_rate * gradient
        size = np.abs(latents[step])
        means[step] = max(np.cumsum(size)[-1] / weights, _LEAST)  # summed in order, as a page does
        trits[step] = np.where(size <= zone * means[step], 0, np.where(latents[step] < 0, -1, 1))
    return TernaryRow(goals, latents, means, trits)
