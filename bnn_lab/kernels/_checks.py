"""Argument checks of the NumPy kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bnn_lab import _native
from bnn_lab.errors import BackendError, InputError
from bnn_lab.reference import WORD_BITS, Words

_T = TypeVar("_T")
LARGEST = 2**28  # of a channel count, stride or window; keeps every product inside int64


def call(op: str, function: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
    """Call the compiled module; what it refuses is an error of ours that names the op."""
    try:
        return function(*args, **kwargs)
    except _native.NativeBackendError as error:
        raise BackendError(str(error)) from None
    except ValueError as error:
        text = str(error)
        # The layer of ternary weights names itself.
        raise InputError(text if text.startswith("ternary") else f"{op}: {text}") from None


def array(op: str, name: str, value: Any, dtypes: Any, rank: int | None = None) -> NDArray:
    """A contiguous array of one of `dtypes` (one dtype, or a tuple of them)."""
    allowed = [np.dtype(dtype) for dtype in (dtypes if isinstance(dtypes, tuple) else (dtypes,))]
    names = " or ".join(dtype.name for dtype in allowed)
    if isinstance(value, np.ma.MaskedArray):
        raise InputError(
            f"{op}: {name} is a masked array, and kernels know no masks. Fix: {name}.filled(VALUE)"
        )
    if not isinstance(value, np.ndarray):
        raise InputError(
            f"{op}: {name} must be a NumPy array, not {type(value).__name__}. "
            f"Fix: numpy.asarray({name}, numpy.{allowed[0].name})"
        )
    if value.dtype not in allowed:
        raise InputError(
            f"{op}: {name} must be {names}, not {value.dtype}. "
            f"Fix: {_cast(name, value, allowed[0], rank)}"
        )
    if rank is not None and value.ndim != rank:
        raise InputError(f"{op}: {name} must have {rank} dimensions, not shape {value.shape}")
    return np.ascontiguousarray(value)


def _cast(name: str, value: NDArray, dtype: np.dtype, rank: int | None) -> str:
    if value.dtype.kind not in "biufV":  # V: bfloat16 and its like
        return "give real numbers"
    if dtype == np.int32 and rank != 1 and (value.dtype.kind in "bfV" or value.itemsize == 1):
        return "pack its signs with bitpack()"
    if dtype == np.int8:
        return "quantize it; a cast alone would wrap around"
    return f"{name}.astype(numpy.{dtype.name})"


def number(op: str, name: str, value: Any) -> float:
    """A number that float32 can hold."""
    real = isinstance(value, (int, float, np.integer, np.floating))
    if not real or isinstance(value, bool):
        raise InputError(f"{op}: {name} must be a finite number, not {value!r}")
    most = float(np.finfo(np.float32).max)
    if not -most <= value <= most:
        raise InputError(f"{op}: {name} must be a finite number of float32, not {value!r:.40}")
    return float(value)


def integer(op: str, name: str, value: Any, low: int = 1, high: int = LARGEST) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise InputError(f"{op}: {name} must be an integer, not {value!r}")
    if not low <= value <= high:
        raise InputError(f"{op}: {name} must lie in [{low}, {high}], not {value}")
    return int(value)


def pair(op: str, name: str, value: Any) -> tuple[int, int]:
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise InputError(f"{op}: {name} must be a pair (height, width), not {value!r}")
    return integer(op, name, value[0]), integer(op, name, value[1])


def choice(op: str, name: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise InputError(f"{op}: {name} must be one of {', '.join(allowed)}, not {value!r}")
    return value


def require_clean_words(op: str, name: str, words: Words, channels: int) -> None:
    """Refuse set bits past the last channel, which would be counted as channels."""
    used = channels % WORD_BITS
    if used and words.size and np.any(words[..., -1].view(np.uint32) >> np.uint32(used)):
        raise InputError(
            f"{op}: {name} has bits set past channel {channels}; pack it with bitpack()"
        )
