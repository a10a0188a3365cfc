"""What one thread of a machine can do at best: the roofline's two lines, measured.

Source: Williams, Waterman and Patterson, "Roofline", CACM 52(4), 2009.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bnn_lab import reference
from bnn_lab.bench.backend_comparison import one_blas_thread
from bnn_lab.bench.baselines import baseline
from bnn_lab.bench.ceilings import measure_with_ceilings
from bnn_lab.bench.kernels import ConvCase, float_calls
from bnn_lab.tflite.forms import FLOAT32

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
            product and a large 1x1 convolution on LiteRT. Not a proven limit.
        bandwidths: `IN_CACHE` and `IN_MEMORY` to GB/s, read and written, of a NumPy copy.
    """

    ceilings: dict[str, float]
    float_best: float
    bandwidths: dict[str, float]


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
    calls: dict[str, Callable[[], object]] = {
        "matmul": lambda: np.matmul(square, square, product),
        "conv": float_calls(_LARGE_CONV.layer())[baseline(FLOAT32)],
        **{place: _copy(size) for place, size in _COPIED.items()},
    }
    with one_blas_thread():
        table, ceilings = measure_with_ceilings(calls, rounds=rounds, warmup=2)
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
        bits: width in bits of a value of the image and of a filter: 1, 8 or 32. Single bits fill
            whole words.
        output_bits: width in bits of a value of the result.

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


def _copy(size: int) -> Callable[[], object]:
    source = np.ones(size // 8)
    target = np.zeros_like(source)
    return lambda: np.copyto(target, source)
