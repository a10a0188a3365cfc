"""One binary convolution in ever wider instructions, and the ceilings of this machine.

The rungs: the convolution as floats in NumPy (BLAS), as bits in NumPy, on each backend of this CPU,
and, for comparison, as float32 and int8 on stock LiteRT. All on one thread, in one interleaved run.

Source of the roofline: Williams, Waterman and Patterson, "Roofline", CACM 52(4), 2009.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab import _native, kernels, reference
from bnn_lab.bench.kernels import FLOAT, INT8, ConvCase, KernelResult, ours
from bnn_lab.bench.models import litert_call
from bnn_lab.errors import BnnLabError, InputError
from bnn_lab.measure.timing import TimingTable, measure
from bnn_lab.tflite.op_files import INT8 as INT8_TYPE
from bnn_lab.tflite.op_files import layer_file

NUMPY_FLOAT = "NumPy, floats"
NUMPY_BITS = "NumPy, bits"

_CEILING_MACS = 10**8
_MATMUL = 512  # rows and columns: large enough for BLAS to reach its best
_LARGE_CONV = ConvCase(16, _MATMUL, _MATMUL, kernel=1)
IN_CACHE, IN_MEMORY = "cache", "memory"
_COPIED = {IN_CACHE: 1 << 17, IN_MEMORY: 1 << 26}  # bytes of the array that is copied


@dataclass(frozen=True)
class Machine:
    """What one thread of this machine can do at best, measured.

    Attributes:
        ceilings: backend to 10^9 binary multiply-accumulates a second, from registers alone.
        float_best: 10^9 float32 multiply-accumulates a second: the better one of NumPy's matrix
            product and a large 1x1 convolution on stock LiteRT. Not a proven limit.
        bandwidths: `IN_CACHE` and `IN_MEMORY` to GB/s, read and written, of a NumPy copy.
    """

    ceilings: dict[str, float]
    float_best: float
    bandwidths: dict[str, float]


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


def measure_ladder(case: ConvCase, *, rounds: int = 9, float_peers: bool = True) -> KernelResult:
    """Time one convolution on every rung, after checking that all rungs agree.

    Args:
        case: the convolution; stride 1 and an odd kernel.
        rounds: samples of each rung.
        float_peers: also time float32 and int8 TFLite.

    Returns:
        The times, from the slowest kind of rung to the fastest, then the peers; and the ceilings of
        the backends.

    Raises:
        InputError: the case has a stride or an even kernel.
        BnnLabError: two rungs disagree, or threadpoolctl is missing.
    """
    if case.stride != 1 or case.kernel % 2 == 0:
        raise InputError(f"measure_ladder: {case.name} must have stride 1 and an odd kernel.")
    rng = np.random.default_rng(0)
    image = rng.random((case.size, case.size, case.channels_in)) < 0.5
    filters = rng.random((case.channels_out, case.kernel, case.kernel, case.channels_in)) < 0.5
    x, w = (np.where(negative, -1, 1).astype(np.float32) for negative in (image, filters))
    words, packed = reference.pack_bits(image), reference.pack_bits(filters)
    rungs: dict[str, Callable[[], object]] = {
        NUMPY_FLOAT: lambda: numpy_float_conv(x, w),
        NUMPY_BITS: lambda: numpy_bit_conv(words, packed, case.channels_in),
    }
    with _one_blas_thread():
        results = {name: call() for name, call in rungs.items()}
        for backend in kernels.available_backends():
            conv = kernels.BConv2D(
                packed,
                channels_in=case.channels_in,
                padding="same",
                pad_values=1,
                backend=backend,
            )
            rungs[ours(backend)] = _repeat(conv, words[None])
            results[ours(backend)] = conv(words[None])[0]
        _check_agreement(case, results)
        if float_peers:
            rungs |= _peers(case, rng)
        table, ceilings = _measure_with_ceilings(rungs, rounds)
    return KernelResult(case, table, ceilings)


def measure_machine(*, rounds: int = 9) -> Machine:
    """Measure this machine's ceilings on one thread: the best round of each.

    Args:
        rounds: samples of each.

    Returns:
        Ceilings and bandwidths.

    Raises:
        BnnLabError: threadpoolctl is missing.
    """
    square = np.random.default_rng(0).normal(size=(_MATMUL, _MATMUL)).astype(np.float32)
    product = np.empty_like(square)
    rng = np.random.default_rng(1)
    calls: dict[str, Callable[[], object]] = {
        "matmul": lambda: np.matmul(square, square, product),
        "conv": _peers(_LARGE_CONV, rng)[FLOAT],
    }
    for place, size in _COPIED.items():
        calls[place] = _copy(size)
    with _one_blas_thread():
        table, ceilings = _measure_with_ceilings(calls, rounds)
    return Machine(
        ceilings=ceilings,
        float_best=max(
            _MATMUL**3 / table["matmul"].minimum / 1e9,
            _LARGE_CONV.macs / table["conv"].minimum / 1e9,
        ),
        bandwidths={
            place: 2 * size / table[place].minimum / 1e9 for place, size in _COPIED.items()
        },
    )


def conv_bytes(case: ConvCase, bits: int, output_bits: int = 32) -> int:
    """Bytes that a convolution must at least read and write: image, filters and result.

    Args:
        case: the convolution.
        bits: of a value of the image and of a filter: 1, 8 or 32. Single bits fill whole words.
        output_bits: of a value of the result.

    Returns:
        Bytes, each counted once.
    """

    def stored(channels: int, size: int) -> int:
        return 4 * reference.word_count(channels) if size == 1 else channels * size // 8

    pixels = case.size**2
    window = case.channels_out * case.kernel**2
    return (
        (pixels + window) * stored(case.channels_in, bits)
        + case.out_size**2 * stored(case.channels_out, output_bits)
    )  # fmt: skip


def _measure_with_ceilings(
    calls: dict[str, Callable[[], object]], rounds: int
) -> tuple[TimingTable, dict[str, float]]:
    loops: dict[str, Callable[[], object]] = {}
    macs: dict[str, int] = {}
    for backend in kernels.available_backends():
        each = _native.peak(1, backend)
        if each:  # a backend may have no such loop
            repeats = _CEILING_MACS // each
            macs[backend] = repeats * each
            loops[f"ceiling {backend}"] = _peak(repeats, backend)
    table = measure({**calls, **loops}, rounds=rounds, warmup=2)
    ceilings = {
        backend: count / table[f"ceiling {backend}"].minimum / 1e9
        for backend, count in macs.items()
    }
    return TimingTable(tuple(t for t in table.timings if t.name in calls)), ceilings


@contextmanager
def _one_blas_thread() -> Iterator[None]:
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


def _repeat(conv: kernels.BConv2D, x: reference.Words) -> Callable[[], object]:
    return lambda: conv.repeat(x, 1)


def _peak(repeats: int, backend: str) -> Callable[[], object]:
    return lambda: _native.peak(repeats, backend)


def _copy(size: int) -> Callable[[], object]:
    source = np.ones(size // 8)
    target = np.zeros_like(source)
    return lambda: np.copyto(target, source)


def _peers(case: ConvCase, rng: np.random.Generator) -> dict[str, Callable[[], object]]:
    layer, shape = case.layer(), (case.size, case.size, case.channels_in)
    floats = rng.normal(size=shape).astype(np.float32)
    int8s = rng.integers(-128, 128, shape).astype(np.int8)
    return {
        FLOAT: litert_call(layer_file(layer), floats, binary=False),
        INT8: litert_call(layer_file(layer, INT8_TYPE), int8s, binary=False),
    }


def _check_agreement(case: ConvCase, results: dict[str, Any]) -> None:
    (first, expected), *others = results.items()
    for name, value in others:
        if not np.array_equal(value, expected):
            raise BnnLabError(f"{name} and {first} give different results for {case.name}")
