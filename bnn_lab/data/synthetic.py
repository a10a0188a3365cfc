"""A set of 32×32 colour images that is computed, not downloaded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnn_lab._numbers import is_integer
from bnn_lab.data.images import ImageData, scale_bytes
from bnn_lab.errors import InputError

CLASSES = (
    "disc",
    "ring",
    "square",
    "frame",
    "triangle",
    "cross",
    "horizontal stripes",
    "vertical stripes",
    "diagonal stripes",
    "checkerboard",
)
SIZE = 32


def load_synthetic(train: int = 5000, test: int = 1000, seed: int = 0) -> ImageData:
    """Shapes and patterns in random colours, places and sizes, on noise: ten classes.

    Colour says nothing about the class; a network has to look at the form. Made for trying things
    out where CIFAR-10 is not available; accuracies on it say nothing about CIFAR-10.

    Args:
        train: number of training images, at least 10.
        test: number of test images, at least 10.
        seed: the same arguments give the same images.

    Returns:
        The images, classes in equal numbers (but for the remainder) and mixed order.

    Raises:
        InputError: a number is below 10.
    """
    if not (is_integer(train) and is_integer(test) and min(train, test) >= len(CLASSES)):
        raise InputError(
            f"load_synthetic({train=}, {test=}): both must be integers and at least 10."
        )
    if not (is_integer(seed) and seed >= 0):
        raise InputError(f"load_synthetic({seed=}): must be an integer, at least 0.")
    parts = []
    for number, count in enumerate((train, test)):
        # Separate streams: the test set does not depend on how much training data is asked for.
        generator = np.random.default_rng([seed, number])
        labels = generator.permutation(np.arange(count) % len(CLASSES)).astype(np.int64)
        parts.append((scale_bytes(_draw(labels, generator)), labels))
    (train_images, train_labels), (test_images, test_labels) = parts
    name = "synthetic 32×32 colour images (shapes and patterns, computed)"
    return ImageData(name, train_images, train_labels, test_images, test_labels, len(CLASSES))


def _draw(labels: NDArray[np.int64], generator: np.random.Generator) -> NDArray[np.uint8]:
    count = len(labels)
    row, column = np.mgrid[0:SIZE, 0:SIZE][:, None]  # (1, 32, 32) each

    def per_image(low: float, high: float) -> NDArray[np.float64]:
        return generator.uniform(low, high, (count, 1, 1))

    y, x = row - per_image(11, 20), column - per_image(11, 20)
    radius, period, phase = per_image(6, 10), per_image(5, 8), per_image(0, 8)
    distance, reach = np.hypot(x, y), np.maximum(abs(x), abs(y))

    def stripes(along: NDArray[np.float64]) -> NDArray[np.bool_]:
        return (along + phase) % period < period / 2

    forms = (
        distance < radius,
        abs(distance - radius) < 1.6,
        reach < radius * 0.85,
        abs(reach - radius * 0.85) < 1.5,
        (y < radius * 0.7) & (y > 1.8 * abs(x) - radius),
        (np.minimum(abs(x), abs(y)) < 2) & (reach < radius),
        stripes(y),
        stripes(x),
        stripes((x + y) / np.sqrt(2)),
        stripes(x) ^ stripes(y),
    )
    mask = np.choose(labels[:, None, None], forms)[..., None]
    # The two colours are far enough apart to be told apart under the noise.
    ground = generator.uniform(0, 255, (count, 1, 1, 3))
    ink = (ground + generator.uniform(90, 165, ground.shape)) % 255
    image = np.where(mask, ink, ground) + generator.normal(0, 18, (count, SIZE, SIZE, 3))
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)
