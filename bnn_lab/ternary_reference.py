"""The oracle of ternary weights with 8-bit activations (W1.58A8), in plain NumPy.

What `reference` is to binary operations: this module defines each operation, and every compiled
kernel equals it exactly, float output included.

Conventions:

* A **trit** is -1, 0 or +1, held as int8. Its **code** is the trit plus one: 0, 1 or 2.
* Weights are (O, K): a row per output channel.
* One scale serves a whole weight matrix, one scale each token (row) of activations.
* The accumulator of a dot product is an exact int32.

Source: absmean weights and absmax activations are those of "The Era of 1-bit LLMs: All Large
Language Models are in 1.58 Bits" (arXiv 2402.17764, section 2), the rounding and the least scale of
1e-5 those of the authors' "Training Tips, Code and FAQ".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn_lab.reference import binary_gemm, pack_bits

Trits = NDArray[np.int8]

LEAST = np.float32(1e-5)  # of a mean or maximum that a scale is made of
TRITS_OF_2BIT, TRITS_OF_BASE3 = 4, 5  # in a byte
BITS = 8  # of an activation
STEP = np.float32(1) / np.float32(127)  # of the largest magnitude, to the next int8
_POWERS = 3 ** np.arange(TRITS_OF_BASE3)


# --- quantization ---------------------------------------------------------------------------


class Ternary(NamedTuple):
    """Weights as trits: ``scale * trits`` is near what they were made of."""

    trits: Trits
    scale: np.float32


def absmean(weights: NDArray[np.float32]) -> Ternary:
    """Weights to {-1, 0, +1} by their mean magnitude.

    ``trit = clip(round(w / scale), -1, 1)`` with ``scale = mean(|w|)``: weights within half of the
    mean magnitude become 0, the dead zone. Halves round to even, so its border is part of it.

    Args:
        weights: float32, any shape.

    Returns:
        int8 trits of that shape, and the float32 scale, at least 1e-5.
    """
    mean = np.float32(np.abs(weights).mean(dtype=np.float64)) if weights.size else np.float32(0)
    scale = max(mean, LEAST)
    return Ternary(np.clip(np.rint(weights / scale), -1, 1).astype(np.int8), scale)


class Activations(NamedTuple):
    """Activations as int8: ``scale * values`` is near what they were made of."""

    values: NDArray[np.int8]
    scale: NDArray[np.float32]


def absmax(x: NDArray[np.float32]) -> Activations:
    """Activations to int8 by the largest magnitude of each token.

    Args:
        x: float32, shape (M, K): a row per token. NaN becomes 0.

    Returns:
        int8 in [-127, 127], shape (M, K): ``round(x * (127 / largest))``, halves to even; and
        float32 scales, shape (M,): ``largest * (1 / 127)``. The largest magnitude is taken to be at
        least 1e-5.
    """
    largest = np.fmax.reduce(np.abs(x), axis=1, initial=LEAST).astype(np.float32)
    with np.errstate(invalid="ignore"):  # infinity gives an infinite scale and 0 or NaN here
        scaled = x * (np.float32(127) / largest)[:, None]
    rounded = np.clip(np.rint(np.where(np.isnan(scaled), np.float32(0), scaled)), -127, 127)
    return Activations(rounded.astype(np.int8), largest * STEP)


# --- packed forms ---------------------------------------------------------------------------


def pack_2bit(trits: Trits) -> NDArray[np.uint8]:
    """Four codes in a byte, least significant bits first.

    Args:
        trits: int8, shape (..., K).

    Returns:
        uint8, shape (..., ceil(K / 4)); bits past K are 0.
    """
    codes = _in_bytes(trits, TRITS_OF_2BIT)
    return (codes << np.array([0, 2, 4, 6], np.uint8)).sum(axis=-1, dtype=np.uint8)


def unpack_2bit(packed: NDArray[np.uint8], channels: int) -> Trits:
    """Invert `pack_2bit`: uint8 (..., ceil(K / 4)) to int8 trits (..., channels = K)."""
    codes = packed[..., None] >> np.array([0, 2, 4, 6], np.uint8) & 3
    return codes.reshape(*packed.shape[:-1], -1)[..., :channels].astype(np.int8) - np.int8(1)


def pack_base3(trits: Trits) -> NDArray[np.uint8]:
    """Five codes in a byte, as the digits of a number to the base 3: 1.6 bits a weight.

    3^5 = 243 of a byte's 256 values are used, where log2(3) = 1.585 bits would do.

    Args:
        trits: int8, shape (..., K).

    Returns:
        uint8, shape (..., ceil(K / 5)), the first trit in the lowest digit; digits past K are 0.
    """
    return (_in_bytes(trits, TRITS_OF_BASE3) * _POWERS).sum(axis=-1).astype(np.uint8)


def unpack_base3(packed: NDArray[np.uint8], channels: int) -> Trits:
    """Invert `pack_base3`: uint8 (..., ceil(K / 5)) to int8 trits (..., channels = K)."""
    codes = packed[..., None] // _POWERS % 3
    return codes.reshape(*packed.shape[:-1], -1)[..., :channels].astype(np.int8) - np.int8(1)


# How each packed form is made, by how many trits a byte has.
PACK = {TRITS_OF_2BIT: pack_2bit, TRITS_OF_BASE3: pack_base3}


def _in_bytes(trits: Trits, count: int) -> NDArray[np.uint8]:
    """Codes in rows of `count`, shape (..., bytes, count), filled up with 0."""
    fill = -trits.shape[-1] % count
    codes = (trits + 1).astype(np.uint8)
    padded = np.pad(codes, [(0, 0)] * (trits.ndim - 1) + [(0, fill)])
    return padded.reshape(*trits.shape[:-1], -1, count)


# --- products -------------------------------------------------------------------------------


def ternary_gemm(x: NDArray[np.int8], trits: Trits) -> NDArray[np.int32]:
    """Accumulators of every row of `x` with every row of `trits`.

    Args:
        x: int8, shape (M, K); M = 1 is the matrix-vector product of generating a token.
        trits: int8 in {-1, 0, +1}, shape (O, K).

    Returns:
        int32, shape (M, O).
    """
    return x.astype(np.int32) @ trits.T.astype(np.int32)


def ternary_dense(
    x: NDArray[np.float32],
    trits: Trits,
    scale: float,
    bias: NDArray[np.float32] | None = None,
) -> NDArray[np.float32]:
    """A dense layer: activations to int8, the exact product, and back to float32.

    ``accumulator * (scale of the weights * scale of the token) + bias``, each rounded.

    Args:
        x: float32, shape (M, K).
        trits: int8, shape (O, K).
        scale: of the weights.
        bias: float32, shape (O,).

    Returns:
        float32, shape (M, O).
    """
    values, token_scales = absmax(x)
    factors = np.float32(scale) * token_scales
    result = ternary_gemm(values, trits).astype(np.float32) * factors[:, None]
    return result if bias is None else result + bias


def by_binary_products(x: NDArray[np.int8], trits: Trits) -> NDArray[np.int32]:
    """`ternary_gemm` from 16 products of ±1 values, equal to the last bit.

    A trit is half the sum of two signs: ``t = (p + q) / 2`` with p = -1 only where t = -1, and
    q = +1 only where t = +1. An int8 is the sum of its bits ``b``, weighted 1, 2, ... 64 and -128,
    and a bit is ``(1 + s) / 2`` of a sign s. So each of 8 bits times each of 2 signs is a
    `binary_gemm`, and the ones are sums of p and q alone.

    Args:
        x: int8, shape (M, K).
        trits: int8, shape (O, K).

    Returns:
        int32, shape (M, O).
    """
    channels = x.shape[1]
    signs = [pack_bits(trits < 0), pack_bits(trits <= 0)]
    total = np.zeros((len(x), len(trits)), np.int64)
    for bit in range(BITS):
        weight = -(1 << bit) if bit == BITS - 1 else 1 << bit
        cleared = pack_bits((x.view(np.uint8) >> np.uint8(bit) & 1) == 0)  # s = -1
        ones = pack_bits(np.zeros((1, channels), bool))
        for words in signs:
            product = binary_gemm(cleared, words, channels) + binary_gemm(ones, words, channels)
            total += weight * product.astype(np.int64)
    return (total // 4).astype(np.int32)
