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


def call(function: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
    try:
        return function(*args, **kwargs)
    except _native.NativeBackendError as error:
        raise BackendError(str(error)) from None
    except ValueError as error:
        raise InputError(str(error)) from None


def array(op: str, name: str, value: Any, dtype: Any, rank: int | None = None) -> NDArray:
    if not isinstance(value, np.ndarray):
        raise InputError(f"{op}: {name} must be a NumPy array, not {type(value).__name__}")
    if value.dtype != np.dtype(dtype):
        raise InputError(f"{op}: {name} must be {np.dtype(dtype).name}, not {value.dtype}")
    if rank is not None and value.ndim != rank:
        raise InputError(f"{op}: {name} must have {rank} dimensions, not shape {value.shape}")
    return np.ascontiguousarray(value)


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
