"""Binary dense layers and matrix products: 1x1 convolutions over a row of samples."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from bnn_lab.errors import InputError
from bnn_lab.kernels import _checks as checks
from bnn_lab.kernels._convolution_options import check_names
from bnn_lab.kernels.convolution import BConv2D, Transform
from bnn_lab.reference import Words

_EXACT = 2**24  # accumulators up to here are exact in float32


class _DenseConv(BConv2D):
    _op = "bdense"


class BDense:
    """A binary dense layer whose weights are packed once for a backend.

    With one sample it is a matrix-vector product, which reads each weight once and is bound by
    memory; more samples share the weights that are in cache.

    Args:
        weights: int32 words, shape (O, ceil(channels_in / 32)).
        channels_in: input channels.
        backend: name of a backend, default the active one.
        **transform: see `Transform`.

    Raises:
        InputError: an option is out of range, does not apply, or a shape or dtype does not fit.
        BackendError: `backend` is unknown or not supported.
    """

    def __init__(
        self,
        weights: Words,
        *,
        channels_in: int,
        backend: str | None = None,
        **transform: Unpack[Transform],
    ) -> None:
        check_names("bdense", transform)
        words = checks.array("bdense", "weights", weights, np.int32, 2)
        self._conv = _DenseConv(
            words[:, None, None], channels_in=channels_in, backend=backend, **transform
        )

    @property
    def backend(self) -> str:
        """Name of the backend that the weights are packed for."""
        return self._conv.backend

    def __call__(self, x: Words, *, num_threads: int = 1) -> NDArray:
        """Multiply.

        Args:
            x: int32 words, shape (N, ceil(channels_in / 32)).
            num_threads: 1 to 256.

        Returns:
            float32 or int8 of shape (N, O), or int32 words (N, ceil(O / 32)).

        Raises:
            InputError: wrong shape, dtype or number of threads.
        """
        words = checks.array("bdense", "x", x, np.int32, 2)
        return self._conv(words[None, None], num_threads=num_threads)[0, 0]

    def repeat(self, x: Words, repeats: int, *, num_threads: int = 1) -> None:
        """Multiply `repeats` times and drop the result; see `BConv2D.repeat`."""
        words = checks.array("bdense", "x", x, np.int32, 2)
        self._conv.repeat(words[None, None], repeats, num_threads=num_threads)


def bdense(x: Words, weights: Words, *, num_threads: int = 1, **options: Any) -> NDArray:
    """Binary dense layer in one call; see `BDense`."""
    return BDense(weights, **options)(x, num_threads=num_threads)


def binary_gemm(
    a: Words, b: Words, channels: int, *, num_threads: int = 1, backend: str | None = None
) -> NDArray[np.int32]:
    """Accumulators of every row of `a` with every row of `b` (see `reference.binary_gemm`).

    Args:
        a: int32 words, shape (M, W).
        b: int32 words, shape (N, W).
        channels: K, the values in a row, at most 2^24; W = ceil(K / 32).
        num_threads: 1 to 256.
        backend: name of a backend, default the active one.

    Returns:
        int32, shape (M, N).

    Raises:
        InputError: wrong shape or dtype, or too many channels.
        BackendError: `backend` is unknown or not supported.
    """
    if checks.integer("binary_gemm", "channels", channels) > _EXACT:
        raise InputError(f"binary_gemm: channels must be at most {_EXACT}, not {channels}")
    product = BDense(b, channels_in=channels, backend=backend)(a, num_threads=num_threads)
    return product.astype(np.int32)
