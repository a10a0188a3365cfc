"""How sure an accuracy is that was counted on some images, and a difference of two of them."""

from __future__ import annotations

import math

from bnn_lab.errors import InputError


def accuracy_uncertainty(accuracy: float, images: int) -> float:
    """Standard error of a share of right answers, as of a count that chance has a part in.

    Args:
        accuracy: in 0..1.
        images: how many were tested, at least 1.

    Returns:
        sqrt(p (1 - p) / n), in 0..0.5.

    Raises:
        InputError: a value is out of range.
    """
    if not 0 <= accuracy <= 1:
        raise InputError(f"accuracy_uncertainty({accuracy=}): must be in 0..1.")
    if images < 1:
        raise InputError(f"accuracy_uncertainty({images=}): must be at least 1.")
    return math.sqrt(accuracy * (1 - accuracy) / images)


def difference_uncertainty(first: float, second: float, images: int) -> float:
    """Standard error of the difference of two accuracies.

    It is the one for two separate sets of images. Two networks that are tested on the same images
    tend to fail on the same ones, which makes the difference a little surer than this says.

    Args:
        first: an accuracy, in 0..1.
        second: another.
        images: how many each was tested on, at least 1.

    Returns:
        The root of the sum of both squared uncertainties: 1.4 times one of them if they are equal.

    Raises:
        InputError: a value is out of range.
    """
    return math.hypot(accuracy_uncertainty(first, images), accuracy_uncertainty(second, images))
