"""The compiled kernels on NumPy arrays: bitpacking, binary convolution, binary max-pooling.

Each function equals its namesake in `bnn_lab.reference` exactly, on every backend. A backend is
one instruction set: "scalar", "avx2", "avx512vpopcntdq" or "neon"; the fastest that this CPU
supports is used unless the environment variable BNN_LAB_BACKEND or a `backend` argument names
another.

Arrays that are C-contiguous are not copied, and the GIL is released while a kernel runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bnn_lab import _native
from bnn_lab.errors import BackendError, InputError
from bnn_lab.reference import (
    ACTIVATION_RANGES,
    WORD_BITS,
    Activation,
    Output,
    Padding,
    Words,
    word_count,
)

__all__ = [
    "BConv2D",
    "active_backend",
    "available_backends",
    "bconv2d",
    "bitpack",
    "bmaxpool2d",
    "resolve_backend",
    "unpack",
]

_T = TypeVar("_T")
_LARGEST = 2**28  # of a channel count, stride or window; keeps every product inside int64


def available_backends() -> list[str]:
    """Names of the kernel backends that this build has and this CPU can run, slowest first."""
    return list(_native.available_backends())


def active_backend() -> str:
    """Name of the backend in use: $BNN_LAB_BACKEND, or the fastest available one.

    Raises:
        BackendError: BNN_LAB_BACKEND names a backend that is unknown or that this CPU lacks.
    """
    return _call(_native.active_backend)


def resolve_backend(backend: str | None) -> str:
    """`backend` if it can be used here, or the active one for None.

    Raises:
        BackendError: the backend is unknown, not in this build, or not supported by this CPU.
    """
    return _call(_native.select_backend, _backend(backend))


def _call(function: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
    try:
        return function(*args, **kwargs)
    except _native.NativeBackendError as error:
        raise BackendError(str(error)) from None
    except ValueError as error:
        raise InputError(str(error)) from None


def _backend(backend: str | None) -> str:
    if backend is None:
        return ""
    if not isinstance(backend, str) or not backend:
        raise BackendError(
            f"backend must be one of {', '.join(available_backends())}, not {backend!r}"
        )
    return backend


def _array(op: str, name: str, value: Any, dtype: Any, rank: int | None = None) -> NDArray:
    if not isinstance(value, np.ndarray):
        raise InputError(f"{op}: {name} must be a NumPy array, not {type(value).__name__}")
    if value.dtype != np.dtype(dtype):
        raise InputError(f"{op}: {name} must be {np.dtype(dtype).name}, not {value.dtype}")
    if rank is not None and value.ndim != rank:
        raise InputError(f"{op}: {name} must have {rank} dimensions, not shape {value.shape}")
    return np.ascontiguousarray(value)


def _integer(op: str, name: str, value: Any, low: int = 1, high: int = _LARGEST) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise InputError(f"{op}: {name} must be an integer, not {value!r}")
    if not low <= value <= high:
        raise InputError(f"{op}: {name} must lie in [{low}, {high}], not {value}")
    return int(value)


def _pair(op: str, name: str, value: Any) -> tuple[int, int]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise InputError(f"{op}: {name} must be a pair (height, width), not {value!r}")
    return _integer(op, name, value[0]), _integer(op, name, value[1])


def _choice(op: str, name: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise InputError(f"{op}: {name} must be one of {', '.join(allowed)}, not {value!r}")
    return value


def _clean_words(op: str, name: str, words: Words, channels: int) -> None:
    """Refuse set bits past the last channel, which would be counted as channels."""
    used = channels % WORD_BITS
    if used and words.size and np.any(words[..., -1].view(np.uint32) >> np.uint32(used)):
        raise InputError(
            f"{op}: {name} has bits set past channel {channels}; pack it with bitpack()"
        )


def bitpack(x: NDArray, *, zero_point: int = 0, backend: str | None = None) -> Words:
    """Signs of `x`, 32 to a word, along the last axis (see `reference.quantize`).

    Args:
        x: float32 (bit = ``x < 0``), int8 (bit = ``x < zero_point``) or bool (bit = ``not x``),
            shape (..., C), at least 1-D.
        zero_point: of an int8 `x`, in [-128, 127]; must be 0 otherwise.
        backend: name of a backend, default the active one.

    Returns:
        int32 words, shape (..., ceil(C / 32)).

    Raises:
        InputError: wrong dtype, a scalar, or a zero point that does not apply.
        BackendError: `backend` is unknown or not supported.
    """
    if not isinstance(x, np.ndarray) or x.dtype not in (np.float32, np.int8, np.bool_):
        kind = x.dtype if isinstance(x, np.ndarray) else type(x).__name__
        raise InputError(f"bitpack: x must be a float32, int8 or bool array, not {kind}")
    if x.ndim == 0:
        raise InputError("bitpack: x must have at least one dimension")
    zero_point = _integer("bitpack", "zero_point", zero_point, -128, 127)
    if zero_point and x.dtype != np.int8:
        raise InputError(f"bitpack: zero_point applies to int8, but x is {x.dtype}")
    rows = int(np.prod(x.shape[:-1], dtype=np.int64))
    flat = np.ascontiguousarray(x).reshape(rows, x.shape[-1])
    words = _call(_native.bitpack, flat, zero_point, _backend(backend))
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
    words = _array("unpack", "words", words, np.int32)
    channels = _integer("unpack", "channels", channels, 0)
    _choice("unpack", "dtype", dtype, ("float32", "int8", "bool"))
    if words.ndim == 0 or word_count(channels) != words.shape[-1]:
        raise InputError(f"unpack: words of shape {words.shape} do not hold {channels} channels")
    rows = int(np.prod(words.shape[:-1], dtype=np.int64))
    flat = words.reshape(rows, words.shape[-1])
    name = _backend(backend)
    values: NDArray
    if dtype == "float32":
        values = _call(_native.unpack_f32, flat, channels, name)
    elif dtype == "int8":
        values = _call(_native.unpack_i8, flat, channels, 1, -1, name)
    else:
        values = _call(_native.unpack_i8, flat, channels, 1, 0, name).view(np.bool_)
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
    x = _array(op, "x", x, np.int32, 4)
    _choice(op, "padding", padding, ("same", "valid"))
    window, step = _pair(op, "pool", pool), _pair(op, "stride", stride)
    return _call(_native.bmaxpool2d, x, *window, *step, padding, _backend(backend))


class BConv2D:
    """A binary convolution whose filters are packed once for a backend, to be called many times.

    The arguments mean the same as in `reference.bconv2d`.

    Args:
        filters: int32 words, OHWI, shape (O, kh, kw, ceil(channels_in / groups / 32)).
        channels_in: input channels, at least 1.
        stride: (height, width).
        dilation: (height, width).
        padding: "same" or "valid".
        pad_values: what "same" pads with, 0 or 1.
        groups: divides `channels_in` and O.
        activation: "none", "relu", "relu_n1_to_1" or "relu6"; clamps the accumulator. Not for bits,
            whose threshold stands for it.
        multiplier: float32 (O,), default ones. Not for bits.
        bias: float32 (O,), default zeros. Not for bits.
        threshold: int32 (O,), needed for bits and only for bits.
        output: "float32", "int8" or "bits".
        output_scale: of int8 output.
        output_zero_point: of int8 output, in [-128, 127].
        backend: name of a backend, default the active one.

    Raises:
        InputError: an option is out of range, does not apply, or a shape or dtype does not fit.
        BackendError: `backend` is unknown or not supported.
    """

    def __init__(
        self,
        filters: Words,
        *,
        channels_in: int,
        stride: tuple[int, int] = (1, 1),
        dilation: tuple[int, int] = (1, 1),
        padding: Padding = "valid",
        pad_values: int = 0,
        groups: int = 1,
        activation: Activation = "none",
        multiplier: NDArray[np.float32] | None = None,
        bias: NDArray[np.float32] | None = None,
        threshold: NDArray[np.int32] | None = None,
        output: Output = "float32",
        output_scale: float = 1.0,
        output_zero_point: int = 0,
        backend: str | None = None,
    ) -> None:
        op = "bconv2d"
        filters = _array(op, "filters", filters, np.int32, 4)
        channels_in = _integer(op, "channels_in", channels_in)
        groups = _integer(op, "groups", groups)
        if 0 in filters.shape:
            raise InputError(f"{op}: filters must not be empty, but have shape {filters.shape}")
        if channels_in % groups or filters.shape[0] % groups:
            raise InputError(
                f"{op}: groups = {groups} must divide channels_in = {channels_in} and the "
                f"{filters.shape[0]} filters"
            )
        if filters.shape[3] != word_count(channels_in // groups):
            raise InputError(
                f"{op}: filters of shape {filters.shape} do not fit channels_in = {channels_in} "
                f"and groups = {groups}: the last dimension must be "
                f"{word_count(channels_in // groups)} words"
            )
        _clean_words(op, "filters", filters, channels_in // groups)
        _choice(op, "padding", padding, ("same", "valid"))
        _choice(op, "output", output, ("float32", "int8", "bits"))
        _choice(op, "activation", activation, tuple(ACTIVATION_RANGES))
        if output == "bits":
            if threshold is None:
                raise InputError(f"{op}: output='bits' needs a threshold")
            if multiplier is not None or bias is not None or activation != "none":
                raise InputError(
                    f"{op}: multiplier, bias and activation do not apply to output='bits', whose "
                    "threshold stands for them"
                )
        elif threshold is not None:
            raise InputError(f"{op}: threshold applies to output='bits' only, not {output!r}")
        if output != "int8" and (output_scale != 1.0 or output_zero_point != 0):
            raise InputError(
                f"{op}: output_scale and output_zero_point apply to output='int8' only"
            )

        self.channels_in = channels_in
        self._conv = _call(
            _native.BConv2D,
            filters,
            channels_in,
            *_pair(op, "stride", stride),
            *_pair(op, "dilation", dilation),
            padding,
            _integer(op, "pad_values", pad_values, 0, 1),
            groups,
            activation,
            self._per_channel("multiplier", multiplier, np.float32, len(filters)),
            self._per_channel("bias", bias, np.float32, len(filters)),
            self._per_channel("threshold", threshold, np.int32, len(filters)),
            output,
            float(output_scale),
            _integer(op, "output_zero_point", output_zero_point, -128, 127),
            _backend(backend),
        )

    @staticmethod
    def _per_channel(name: str, value: Any, dtype: Any, channels: int) -> NDArray | None:
        if value is None:
            return None
        array = _array("bconv2d", name, value, dtype, 1)
        if len(array) != channels:
            raise InputError(
                f"bconv2d: {name} must have one value for each of {channels} filters, "
                f"not {len(array)}"
            )
        return array

    @property
    def backend(self) -> str:
        """Name of the backend that the filters are packed for."""
        return self._conv.backend

    def macs(self, height: int, width: int) -> int:
        """Binary multiply-accumulates for one image of this size (in pixels)."""
        return _call(
            self._conv.macs,
            _integer("bconv2d", "height", height, 0),
            _integer("bconv2d", "width", width, 0),
        )

    def __call__(self, x: Words, *, num_threads: int = 1) -> NDArray:
        """Convolve.

        Args:
            x: int32 words, NHWC, shape (N, H, W, ceil(channels_in / 32)).
            num_threads: 1 to 256. Results do not depend on it.

        Returns:
            float32 or int8 of shape (N, out_h, out_w, O), or int32 words (.., ceil(O / 32)).

        Raises:
            InputError: wrong shape, dtype or number of threads.
        """
        op = "bconv2d"
        x = _array(op, "x", x, np.int32, 4)
        if x.shape[3] != word_count(self.channels_in):
            raise InputError(
                f"{op}: x of shape {x.shape} does not fit channels_in = {self.channels_in}: the "
                f"last dimension must be {word_count(self.channels_in)} words"
            )
        _clean_words(op, "x", x, self.channels_in)
        return _call(self._conv.run, x, _integer(op, "num_threads", num_threads, 1, 256))


def bconv2d(x: Words, filters: Words, *, num_threads: int = 1, **options: Any) -> NDArray:
    """Binary convolution in one call: ``BConv2D(filters, **options)(x, num_threads=...)``.

    Args:
        x: int32 words, NHWC, shape (N, H, W, ceil(channels_in / 32)).
        filters: int32 words, OHWI.
        num_threads: 1 to 256.
        **options: as of `BConv2D`; `channels_in` is needed.

    Returns:
        As `BConv2D.__call__`.

    Raises:
        InputError: an option is out of range, does not apply, or a shape or dtype does not fit.
        BackendError: `backend` is unknown or not supported.
    """
    return BConv2D(filters, **options)(x, num_threads=num_threads)
