"""`Window`: a binary convolution's window, dragged over a digit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab import reference
from bnn_lab.data import load_digits
from bnn_lab.errors import InputError
from bnn_lab.widgets.explorable import Explorable

SIZE = 8  # height and width of the image, pixels
CHANNELS = 32  # so that each pixel is one word
FILTERS = 8
KERNEL = 3
# Cuts of the image itself: at these pixels the first filters match it perfectly.
_CUT_AT = ((3, 3), (1, 5), (5, 2), (6, 5))


@dataclass(frozen=True)
class Scene:
    """A digit, its ±1 image and filters.

    Attributes:
        digit: 0..16, shape (8, 8), shown behind the signs.
        image: int8 of ±1, shape (8, 8, 32).
        filters: int8 of ±1, OHWI, shape (8, 3, 3, 32).

    Raises:
        InputError: a shape does not fit, or a value is out of range.
    """

    digit: NDArray[np.int64]
    image: NDArray[np.int8]
    filters: NDArray[np.int8]

    def __post_init__(self) -> None:
        digit = np.asarray(self.digit)
        if digit.shape != (SIZE, SIZE) or not ((digit >= 0) & (digit <= 16)).all():
            raise InputError("Scene: digit must be grey values 0 to 16 of shape (8, 8).")
        for name, values, shape in (
            ("image", self.image, (SIZE, SIZE, CHANNELS)),
            ("filters", self.filters, (FILTERS, KERNEL, KERNEL, CHANNELS)),
        ):
            if np.shape(values) != shape or not np.isin(values, (-1, 1)).all():
                raise InputError(
                    f"Scene: {name} must be +1 and -1 of shape {shape}; it has shape "
                    f"{np.shape(values)}. Fix: take np.where(x < 0, -1, 1) of the real values."
                )

    def packed(self) -> dict[str, Any]:
        """What the page gets: grey values and 32-bit words, as `reference.pack_bits` packs them."""
        image = reference.pack_bits(np.asarray(self.image) < 0).view(np.uint32)
        filters = reference.pack_bits(np.asarray(self.filters) < 0).view(np.uint32)
        return {
            "digit": np.asarray(self.digit).astype(int).ravel().tolist(),
            "image": image.ravel().tolist(),
            "filters": filters.reshape(FILTERS, -1).tolist(),
        }


class Window(Explorable, module="window"):
    """Drag the window over a digit: nine words meet the filter's, and the output fills in.

    ``scene`` is what `Scene.packed` gives, ``step`` the output pixel, row by row, and ``flips`` the
    filters' bits that were flipped by hand, each as filter × 288 + word × 32 + bit. The
    accumulators are those of `bnn_lab.reference.bconv2d_accumulators`.
    """


@lru_cache
def example_scene() -> Scene:
    """A handwritten digit seen through 32 small edge detectors, and eight filters.

    The first four filters are cut out of the image, the other four are random. It is the widget's
    default.

    Raises:
        BnnLabError: scikit-learn, which brings the digit, is not installed.
    """
    digit = load_digits().test_images[0, ..., 0]
    rng = np.random.default_rng(3)
    # Pixels are eighths, so with whole numbers all sums are exact, whatever their order.
    detectors = rng.integers(-3, 4, (CHANNELS, KERNEL, KERNEL)).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(digit, 1, mode="edge"), (3, 3))
    seen = np.einsum("hwij,cij->hwc", windows, detectors)
    image = np.where(seen < np.median(seen, axis=(0, 1)), -1, 1).astype(np.int8)
    filters = rng.choice(np.array([-1, 1], np.int8), (FILTERS, KERNEL, KERNEL, CHANNELS))
    for number, (row, column) in enumerate(_CUT_AT):
        filters[number] = image[row - 1 : row + 2, column - 1 : column + 2]
    return Scene(((digit + 1) * 8).astype(np.int64), image, filters)
