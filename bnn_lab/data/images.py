"""What training code needs to know of a set of images that fits into memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bnn_lab.errors import InputError


@dataclass(frozen=True)
class ImageData:
    """Images in training and test parts.

    Attributes:
        name: what was loaded, in words, e.g. "synthetic colour images (CIFAR-10 is not here)".
        train_images: float32 in [-1, 1], (N, H, W, C), NHWC.
        train_labels: int64 in 0..classes - 1, (N,).
        test_images: like `train_images`.
        test_labels: like `train_labels`.
        classes: number of classes.
    """

    name: str
    train_images: NDArray[np.float32]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.float32]
    test_labels: NDArray[np.int64]
    classes: int

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            if images.ndim != 4 or labels.shape != (len(images),):
                raise InputError(
                    f"ImageData: {part} images {images.shape} with labels {labels.shape}; needs "
                    "(N, H, W, C) and (N,)."
                )
            if len(labels) and not 0 <= labels.min() <= labels.max() < self.classes:
                raise InputError(f"ImageData: {part} labels must lie in 0..{self.classes - 1}.")

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Shape (height, width, channels) of one image."""
        height, width, channels = self.train_images.shape[1:]
        return height, width, channels

    def head(self, train: int, test: int) -> ImageData:
        """The first images of both parts."""
        return ImageData(
            self.name,
            self.train_images[:train],
            self.train_labels[:train],
            self.test_images[:test],
            self.test_labels[:test],
            self.classes,
        )


def scale_bytes(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels 0..255 to float32 in [-1, 1]."""
    return images.astype(np.float32) / np.float32(127.5) - np.float32(1)
