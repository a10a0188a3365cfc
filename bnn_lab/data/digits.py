"""scikit-learn's handwritten digits: 8×8 grey images that come with the package."""

from __future__ import annotations

import numpy as np

from bnn_lab.data.images import ImageData
from bnn_lab.errors import BnnLabError

TEST_IMAGES = 500
CLASSES = 10
IMAGE_SHAPE = (8, 8, 1)
# The split is part of the data set's definition: every lesson talks about the same 500 images.
_SPLIT_SEED = 0


def load_digits() -> ImageData:
    """Load the digits with a fixed split in which every class has its share of both parts.

    A pixel counts 0 to 16 in the source; it becomes ``count / 8 - 1``, a multiple of 1/8, which
    float32 holds exactly.

    Returns:
        float32 images in [-1, 1], (1297, 8, 8, 1) and (500, 8, 8, 1), -1 is background, with
        labels 0 to 9; the same on every call, in new, writable arrays.

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
    return ImageData(
        "digits (scikit-learn)", train_images, train_labels, test_images, test_labels, CLASSES
    )
