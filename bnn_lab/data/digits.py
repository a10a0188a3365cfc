"""scikit-learn's handwritten digits: 8×8 grey images that come with the package."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnn_lab.errors import BnnLabError

TEST_IMAGES = 500
CLASSES = 10
IMAGE_SHAPE = (8, 8, 1)
# The split is part of the data set's definition: every lesson talks about the same 500 images.
_SPLIT_SEED = 0


@dataclass(frozen=True)
class Digits:
    """The digits, split into training and test images.

    Attributes:
        train_images: float32 in [-1, 1], shape (1297, 8, 8, 1), NHWC; -1 is background.
        train_labels: int64 in 0..9, shape (1297,).
        test_images: float32 in [-1, 1], shape (500, 8, 8, 1).
        test_labels: int64 in 0..9, shape (500,).
    """

    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Shape (height, width, channels) of one image."""
        return IMAGE_SHAPE

    @property
    def classes(self) -> int:
        """Number of classes, 10."""
        return CLASSES


def load_digits() -> Digits:
    """Load the digits with a fixed split in which every class has its share of both parts.

    A pixel counts 0 to 16 in the source; it becomes ``count / 8 - 1``, a multiple of 1/8, which
    float32 holds exactly.

    Returns:
        The same 1297 training and 500 test images on every call, in new, writable arrays.

    Raises:
        BnnLabError: scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits as load_source
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise BnnLabError(
            "scikit-learn is not installed, and the digits come with it. "
            'Fix: pip install "bnn-lab[train]"'
        ) from error
    counts, labels = load_source(return_X_y=True)
    images = (counts / 8.0 - 1.0).astype(np.float32).reshape(-1, *IMAGE_SHAPE)
    train_images, test_images, train_labels, test_labels = train_test_split(
        images,
        labels.astype(np.int64),
        test_size=TEST_IMAGES,
        stratify=labels,
        random_state=_SPLIT_SEED,
    )
    return Digits(train_images, train_labels, test_images, test_labels)
