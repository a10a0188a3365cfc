"""Counting flips of binary weights during training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError
from bnn_lab.lab.bop import binary_variables, latent_value

_KerasCallback: Any = require_tensorflow().keras.callbacks.Callback

# Keeps the logarithm finite when nothing flips; the value is the Bop paper's.
PI_FLOOR = math.exp(-9)


def flip_measure(flips: Any, total: int) -> Any:
    """The Bop paper's pi_t = log(flips / total + e^-9) (arXiv:1906.02107, section 5).

    It is -9 when nothing flips and about 0 when everything does; noise around -2, healthy
    training somewhere between, falling.

    Args:
        flips: flipped binary weights in one step, number or array.
        total: binary weights, at least 1.

    Returns:
        float or float64 array, like `flips`.

    Raises:
        InputError: `total` is not positive or `flips` does not lie in 0..total.
    """
    counts = np.asarray(flips, np.float64)
    if total < 1:
        raise InputError(f"flip_measure: total={total}, but there must be at least one weight.")
    if counts.size and (counts.min() < 0 or counts.max() > total):
        raise InputError(f"flip_measure: flips must lie in 0..{total}.")
    measure = np.log(counts / total + PI_FLOOR)
    return measure if measure.ndim else float(measure)


class FlipRecorder(_KerasCallback):
    """Keras callback that counts how many binary weights change sign at every training step.

    Works for Bop and for latent weights alike: what counts is the sign that the forward pass uses.

    Attributes:
        step_flips: layer name to flips of each step, a list of int.
        weights: layer name to number of binary weights.
    """

    def __init__(self) -> None:
        super().__init__()
        self.step_flips: dict[str, list[int]] = {}
        self.weights: dict[str, int] = {}
        self._variables: dict[str, Any] = {}
        self._before: dict[str, NDArray[np.bool_]] = {}

    def on_train_begin(self, logs: Any = None) -> None:
        """Remember the signs before the first step."""
        self._variables = binary_variables(self.model)
        for name, variable in self._variables.items():
            self._before[name] = latent_value(variable) < 0
            self.weights[name] = self._before[name].size
            self.step_flips.setdefault(name, [])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Count the signs that the step changed."""
        for name, variable in self._variables.items():
            now = latent_value(variable) < 0
            self.step_flips[name].append(int(np.count_nonzero(now != self._before[name])))
            self._before[name] = now

    @property
    def total_weights(self) -> int:
        """Binary weights of the model."""
        return sum(self.weights.values())

    def flips_per_step(self) -> NDArray[np.int64]:
        """Flips in the whole model at each step, int64 (steps,)."""
        return np.sum(list(self.step_flips.values()), axis=0, dtype=np.int64).reshape(-1)
