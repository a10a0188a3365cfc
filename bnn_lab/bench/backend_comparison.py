"""One convolution from NumPy to the widest instructions: what binary values gain, and what kernels.

As floats in NumPy (BLAS), as bits in NumPy, on each backend of this CPU, and beside them in float32
and int8 on LiteRT without bnn_lab. All on one thread, in one interleaved run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab import kernels, reference
from bnn_lab.bench.baselines import check_same_results, ours
from bnn_lab.bench.ceilings import measure_with_ceilings
from bnn_lab.bench.kernels import ConvCase, KernelResult, float_calls, kernel_call
from bnn_lab.errors import BnnLabError, InputError

NUMPY_FLOAT = "NumPy, floats"
NUMPY_BITS = "NumPy, bits"


def numpy_float_conv(
    image: NDArray[np.float32], filters: NDArray[np.float32], *, pad_value: float = 1.0
) -> NDArray[np.float32]:
    """A convolution with SAME padding as one matrix product: windows times filters.

    Args:
        image: (H, W, C).
        filters: OHWI, (O, kh, kw, C), kh and kw odd.
        pad_value: around the image.

    Returns:
        (H, W, O).
    """
    height, width, _ = image.shape
    _, kh, kw, _ = filters.shape
    rows = _windows(image, (kh, kw), pad_value)
    return (rows @ filters.reshape(len(filters), -1).T).reshape(height, width, -1)


def numpy_bit_conv(image: reference.Words, filters: reference.Words, channels: int) -> NDArray:
    """The same on bits: XOR and a table of popcounts, one output channel at a time.

    Args:
        image: int32 words, (H, W, ceil(C / 32)); padded with +1.
        filters: int32 words, (O, kh, kw, ceil(C / 32)).
        channels: C.

    Returns:
        int32 accumulators, (H, W, O).
    """
    height, width, _ = image.shape
    count, kh, kw, _ = filters.shape
    rows = _windows(image, (kh, kw), 0)  # bits of 0 stand for +1
    table = _popcounts()
    differ = np.empty((height * width, count), np.int32)
    for channel, words_of_filter in enumerate(filters.reshape(count, -1)):
        halves = (rows ^ words_of_filter).view(np.uint16)
        differ[:, channel] = table[halves].sum(axis=1, dtype=np.int32)
    return (kh * kw * channels - 2 * differ).reshape(height, width, count)


def measure_backends(
    case: ConvCase, *, rounds: int = 9, float_baselines: bool = True
) -> KernelResult:
    """Time one convolution in NumPy and on each backend, after checking that all agree.

    Args:
        case: the convolution; stride 1 and an odd kernel.
        rounds: samples of each.
        float_baselines: also time float32 and int8 TFLite.

    Returns:
        The times, NumPy's first, then the backends' from the narrowest to the widest, then the
        baselines'; and the ceilings of the backends.

    Raises:
        InputError: the case has a stride or an even kernel.
        BnnLabError: two results differ, or threadpoolctl is missing.
    """
    if case.stride != 1 or case.kernel % 2 == 0:
        raise InputError(f"measure_backends: {case.name} must have stride 1 and an odd kernel.")
    rng = np.random.default_rng(0)
    image = rng.random((case.size, case.size, case.channels_in)) < 0.5
    filters = rng.random((case.channels_out, case.kernel, case.kernel, case.channels_in)) < 0.5
    x, w = (np.where(negative, -1, 1).astype(np.float32) for negative in (image, filters))
    words, packed = reference.pack_bits(image), reference.pack_bits(filters)
    calls: dict[str, Callable[[], object]] = {
        NUMPY_FLOAT: lambda: numpy_float_conv(x, w),
        NUMPY_BITS: lambda: numpy_bit_conv(words, packed, case.channels_in),
    }
    with one_blas_thread():
        results = {name: call() for name, call in calls.items()}
        for backend in kernels.available_backends():
            conv = kernels.BConv2D(
                packed,
                channels_in=case.channels_in,
                padding="same",
                pad_values=1,
                backend=backend,
            )
            calls[ours(backend)] = kernel_call(conv, words[None])
            results[ours(backend)] = conv(words[None])[0]
        check_same_results(case.name, results)
        if float_baselines:
            calls |= float_calls(case.layer())
        table, ceilings = measure_with_ceilings(calls, rounds=rounds, warmup=2)
    return KernelResult(case, table, ceilings)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """NumPy's matrix products on one thread.

    Raises:
        BnnLabError: threadpoolctl is missing.
    """
    try:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
    except ImportError as error:
        raise BnnLabError(
            "NumPy would compute on all cores, beside kernels on one. Fix: pip install "
            "threadpoolctl (it comes with scikit-learn)."
        ) from error
    with threadpool_limits(1):
        yield


def _windows(image: NDArray, window: tuple[int, int], pad_value: float) -> NDArray:
    """The window of each pixel as a row, (H * W, kh * kw * C)."""
    height, width, _ = image.shape
    kh, kw = window
    margins = ((kh // 2, kh // 2), (kw // 2, kw // 2), (0, 0))
    padded = np.pad(image, margins, constant_values=pad_value)
    # NumPy 1.26 has no type for several axes.
    axes: Any = (0, 1)
    seen = np.lib.stride_tricks.sliding_window_view(padded, window, axis=axes)
    return np.ascontiguousarray(seen.transpose(0, 1, 3, 4, 2)).reshape(height * width, -1)


@lru_cache
def _popcounts() -> NDArray[np.uint8]:
    return np.array([number.bit_count() for number in range(1 << 16)], np.uint8)
