"""Bitpacking, unpacking and max-pooling of bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnn_lab import _native
from bnn_lab.errors import InputError
from bnn_lab.kernels import _checks as checks
from bnn_lab.kernels.backends import backend_name
from bnn_lab.reference import Padding, Words, word_count


def bitpack(x: NDArray, *, zero_point: int = 0, backend: str | None = None) -> Words:
    """Signs of `x`, 32 to a word, along the last axis (see `reference.quantize`).

    Args:
        x: float32 (bit = ``x < 0``), int8 (bit = ``x < zero_point``) or bool (bit = ``not x``),
            shape (..., C), at least 1-D.
        zero_point: zero point of an int8 `x`, in [-128, 127]; must be 0 otherwise.
        backend: name of a backend, default the active one.

    Returns:
        int32 words, shape (..., ceil(C / 32)).

    Raises:
        InputError: wrong dtype, a scalar, or a zero point that does not apply.
        BackendError: `backend` is unknown or not supported.
    """
    op = "bitpack"
    shape = np.shape(x) if isinstance(x, np.ndarray) else ()
    x = checks.array(op, "x", x, (np.float32, np.int8, np.bool_))
    if not shape:
        raise InputError(f"{op}: x must have at least one dimension")
    zero_point = checks.integer(op, "zero_point", zero_point, -128, 127)
    if zero_point and x.dtype != np.int8:
        raise InputError(f"{op}: zero_point applies to int8, but x is {x.dtype}")
    rows = int(np.prod(x.shape[:-1], dtype=np.int64))
    flat = x.reshape(rows, x.shape[-1])
    words = checks.call(op, _native.bitpack, flat, zero_point, backend_name(backend))
    return words.reshape(*x.shape[:-1], word_count(x.shape[-1]))


def unpack(
    words: Words, channels: int, *, dtype: str = "float32", backend: str | None = None
) -> NDArray:
    """Words back to ±1 (see `reference.dequantize`).

    Args:
        words: int32, shape (..., W).
        channels: C, with W = ceil(C / 32).
        dtype: "float32" or "int8" for +1 / -1, "bool" for True / False.
        backend: name of a backend, default the active one.

    Returns:
        Array of `dtype`, shape (..., channels).

    Raises:
        InputError: wrong dtype, or a channel count that does not fit the words.
        BackendError: `backend` is unknown or not supported.
    """
    words = checks.array("unpack", "words", words, np.int32)
    channels = checks.integer("unpack", "channels", channels, 0)
    checks.choice("unpack", "dtype", dtype, ("float32", "int8", "bool"))
    if words.ndim == 0 or word_count(channels) != words.shape[-1]:
        raise InputError(f"unpack: words of shape {words.shape} do not hold {channels} channels")
    rows = int(np.prod(words.shape[:-1], dtype=np.int64))
    flat = words.reshape(rows, words.shape[-1])
    name = backend_name(backend)
    values: NDArray
    if dtype == "float32":
        values = checks.call("unpack", _native.unpack_f32, flat, channels, name)
    elif dtype == "int8":
        values = checks.call("unpack", _native.unpack_i8, flat, channels, 1, -1, name)
    else:
        values = checks.call("unpack", _native.unpack_i8, flat, channels, 1, 0, name).view(np.bool_)
    return values.reshape(*words.shape[:-1], channels)


def bmaxpool2d(
    x: Words,
    *,
    pool: tuple[int, int] = (2, 2),
    stride: tuple[int, int] = (2, 2),
    padding: Padding = "valid",
    backend: str | None = None,
) -> Words:
    """Max-pooling of bitpacked values (see `reference.bmaxpool2d`).

    Args:
        x: int32 words, NHWC, shape (N, H, W, C/32).
        pool: window (height, width).
        stride: (height, width).
        padding: "same" or "valid".
        backend: name of a backend, default the active one.

    Returns:
        int32 words, shape (N, out_h, out_w, C/32).

    Raises:
        InputError: wrong shape, dtype or option.
        BackendError: `backend` is unknown or not supported.
    """
    op = "bmaxpool2d"
    x = checks.array(op, "x", x, np.int32, 4)
    checks.choice(op, "padding", padding, ("same", "valid"))
    window, step = checks.pair(op, "pool", pool), checks.pair(op, "stride", stride)
    return checks.call(op, _native.bmaxpool2d, x, *window, *step, padding, backend_name(backend))
