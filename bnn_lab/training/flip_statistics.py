"""The flip measure pi_t of the Bop paper."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from bnn_lab.errors import InputError

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
