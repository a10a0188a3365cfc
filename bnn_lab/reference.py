"""The oracle: every binary operation in plain NumPy, written to be read.

This module *defines* what each operation means. Every compiled kernel must equal it: exactly for
integers and bits, and exactly for float32 too, because the order of the float operations is part
of the definition (one multiply, one add, each rounded). It is never fast.

Conventions (those of the Larq Compute Engine file format, LCE paper section 3):

* A binary value is +1 or -1. Its **bit** is 1 iff the value is -1, that is iff ``x < 0``; so
  +0.0 and -0.0 are +1, as larq's ``sign(0) = +1``. NaN is +1, because ``nan < 0`` is false.
* 32 channels make one int32 **word**, least significant bit first; channels that fill up the last
  word hold bit 0.
* Activations are NHWC, filters OHWI.
* The **accumulator** of a dot product over K values is ``K - 2 * popcount(a xor w)``.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.int32]
Padding = Literal["same", "valid"]
Activation = Literal["none", "relu", "relu_n1_to_1", "relu6"]
Output = Literal["float32", "int8", "bits"]

WORD_BITS = 32

ACTIVATION_RANGES: dict[str, tuple[float, float]] = {
    "none": (-np.inf, np.inf),
    "relu": (0, np.inf),
    "relu_n1_to_1": (-1, 1),
    "relu6": (0, 6),
}


def word_count(channels: int) -> int:
    """Number of 32-bit words that hold `channels` bits."""
    return -(-channels // WORD_BITS)


# --- bits -----------------------------------------------------------------------------------


def pack_bits(negative: NDArray[np.bool_]) -> Words:
    """Pack booleans (True = the value is -1) along the last axis.

    Args:
        negative: bool, shape (..., C).

    Returns:
        int32 words, shape (..., ceil(C / 32)); the bits past C are 0.
    """
    channels = negative.shape[-1]
    fill = word_count(channels) * WORD_BITS - channels
    widths = [(0, 0)] * (negative.ndim - 1) + [(0, fill)]
    padded = np.ascontiguousarray(np.pad(negative, widths))  # a view of bytes as words needs it
    packed_bytes = np.packbits(padded, axis=-1, bitorder="little")
    return packed_bytes.view("<i4")


def unpack_bits(words: Words, channels: int) -> NDArray[np.bool_]:
    """Invert `pack_bits`: int32 words (..., W) to bool (..., channels), True = -1."""
    words = np.ascontiguousarray(words, dtype="<i4")
    bits = np.unpackbits(words.view(np.uint8), axis=-1, bitorder="little")
    return bits[..., :channels].astype(bool)


def unpack_signs(words: Words, channels: int) -> NDArray[np.int32]:
    """Words (..., W) to int32 values +1 / -1 of shape (..., channels)."""
    return np.where(unpack_bits(words, channels), -1, 1).astype(np.int32)


def quantize(x: NDArray, zero_point: int = 0) -> Words:
    """Signs of `x`, bitpacked along the last axis (LceQuantize).

    Args:
        x: float32 (bit = ``x < 0``), int8 (bit = ``x < zero_point``) or bool (bit = ``not x``:
            False stands for -1), shape (..., C).
        zero_point: zero point of an int8 `x`.

    Returns:
        int32 words, shape (..., ceil(C / 32)).
    """
    if x.dtype == np.bool_:
        return pack_bits(~x)
    return pack_bits(x < zero_point)


def dequantize(
    words: Words,
    channels: int,
    dtype: str = "float32",
    scale: float = 1.0,
    zero_point: int = 0,
) -> NDArray:
    """Bits back to values (LceDequantize).

    Args:
        words: int32, shape (..., W).
        channels: C; W = ceil(C / 32).
        dtype: "float32" gives +1.0 / -1.0, "bool" gives True / False, "int8" gives the nearest
            quantized values ``zero_point ± round(1 / scale)``, saturated.
        scale: scale of an int8 result.
        zero_point: zero point of an int8 result.

    Returns:
        Array of `dtype`, shape (..., channels).
    """
    negative = unpack_bits(words, channels)
    if dtype == "bool":
        return ~negative
    if dtype == "int8":
        step = int(_round_half_away(np.float32(1.0) / np.float32(scale)))
        plus, minus = min(127, zero_point + step), max(-128, zero_point - step)
        return np.where(negative, minus, plus).astype(np.int8)
    return np.where(negative, np.float32(-1), np.float32(1))


# --- geometry -------------------------------------------------------------------------------


class Axis(NamedTuple):
    """Output size and padding of a window along one spatial axis."""

    out: int
    before: int
    after: int


def window_axis(size: int, kernel: int, stride: int, dilation: int, padding: Padding) -> Axis:
    """Output size and padding along one axis, as TensorFlow computes them.

    SAME gives ``ceil(size / stride)`` outputs and puts the odd padding element after; VALID gives
    the windows that fit, 0 of them if the window is larger than the input.
    """
    extent = (kernel - 1) * dilation + 1
    if padding == "valid":
        return Axis(max(0, -(-(size - extent + 1) // stride)), 0, 0)
    out = -(-size // stride)
    total = max((out - 1) * stride + extent - size, 0)
    return Axis(out, total // 2, total - total // 2)


# --- multiply-accumulate --------------------------------------------------------------------


def binary_gemm(a: Words, b: Words, channels: int) -> NDArray[np.int32]:
    """Accumulators of every row of `a` with every row of `b`.

    Args:
        a: int32 words, shape (M, W).
        b: int32 words, shape (N, W).
        channels: K, the values in a row; W = ceil(K / 32).

    Returns:
        int32, shape (M, N): ``K - 2 * popcount(a xor b)``, which is the dot product of the ±1
        values.
    """
    differ = unpack_bits(a[:, None, :] ^ b[None, :, :], channels)
    return (channels - 2 * differ.sum(axis=-1)).astype(np.int32)


def bconv2d_accumulators(
    x: Words,
    filters: Words,
    *,
    channels_in: int,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: Padding = "valid",
    pad_values: int = 0,
    groups: int = 1,
) -> NDArray[np.int32]:
    """Convolution of ±1 values, as exact integers.

    Args:
        x: int32 words, shape (N, H, W, ceil(channels_in / 32)).
        filters: int32 words, shape (O, kh, kw, ceil(channels_in / groups / 32)).
        channels_in: input channels C; `groups` divides it and O.
        stride: (height, width).
        dilation: (height, width).
        padding: "same" or "valid".
        pad_values: what "same" pads with: 1 (a binary value) or 0 (adds nothing to the sum).
        groups: output channel o reads input channels [g * C/groups, (g + 1) * C/groups) with
            g = o // (O / groups).

    Returns:
        int32, shape (N, out_h, out_w, O).
    """
    out_channels, kh, kw, _ = filters.shape
    group_in, group_out = channels_in // groups, out_channels // groups
    ys = window_axis(x.shape[1], kh, stride[0], dilation[0], padding)
    xs = window_axis(x.shape[2], kw, stride[1], dilation[1], padding)

    image = np.pad(
        unpack_signs(x, channels_in),
        [(0, 0), (ys.before, ys.after), (xs.before, xs.after), (0, 0)],
        constant_values=pad_values,
    )
    signs = unpack_signs(filters, group_in)
    total = np.zeros((x.shape[0], ys.out, xs.out, out_channels), np.int32)
    for ky in range(kh):
        for kx in range(kw):
            top, left = ky * dilation[0], kx * dilation[1]
            tap = image[:, top:, left:][:, :: stride[0], :: stride[1]][:, : ys.out, : xs.out]
            for g in range(groups):
                ins = slice(g * group_in, (g + 1) * group_in)
                outs = slice(g * group_out, (g + 1) * group_out)
                total[..., outs] += tap[..., ins] @ signs[outs, ky, kx].T
    return total


def bdepthwise2d_accumulators(
    x: Words,
    filters: Words,
    *,
    channels_in: int,
    depth_multiplier: int = 1,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: Padding = "valid",
    pad_values: int = 0,
) -> NDArray[np.int32]:
    """Depthwise convolution of ±1 values: output channel c reads input channel c // m alone.

    Args:
        x: int32 words, shape (N, H, W, ceil(channels_in / 32)).
        filters: int32 words, shape (kh, kw, ceil(channels_in * m / 32)).
        channels_in: input channels C.
        depth_multiplier: m; the output has C * m channels.
        stride: (height, width).
        dilation: (height, width).
        padding: "same" or "valid".
        pad_values: what "same" pads with, 1 or 0.

    Returns:
        int32, shape (N, out_h, out_w, C * m).
    """
    kh, kw, _ = filters.shape
    ys = window_axis(x.shape[1], kh, stride[0], dilation[0], padding)
    xs = window_axis(x.shape[2], kw, stride[1], dilation[1], padding)
    image = np.pad(
        np.repeat(unpack_signs(x, channels_in), depth_multiplier, axis=-1),
        [(0, 0), (ys.before, ys.after), (xs.before, xs.after), (0, 0)],
        constant_values=pad_values,
    )
    signs = unpack_signs(filters, channels_in * depth_multiplier)
    total = np.zeros((x.shape[0], ys.out, xs.out, signs.shape[-1]), np.int32)
    for ky in range(kh):
        for kx in range(kw):
            top, left = ky * dilation[0], kx * dilation[1]
            tap = image[:, top:, left:][:, :: stride[0], :: stride[1]][:, : ys.out, : xs.out]
            total += tap * signs[ky, kx]
    return total


def btranspose2d_accumulators(
    x: Words,
    filters: Words,
    *,
    channels_in: int,
    stride: tuple[int, int] = (1, 1),
    padding: Padding = "valid",
    output_size: tuple[int, int] | None = None,
) -> NDArray[np.int32]:
    """Transposed convolution of ±1 values: each input value adds its scaled filter to the output.

    Positions that no input reaches hold 0, so there is no choice of `pad_values`.

    Args:
        x: int32 words, shape (N, H, W, ceil(channels_in / 32)).
        filters: int32 words, shape (O, kh, kw, ceil(channels_in / 32)).
        channels_in: input channels.
        stride: (height, width), by which the image grows.
        padding: "same" or "valid", of the convolution that this one transposes.
        output_size: (height, width); default that of `transposed_size`. Its convolution must have
            the size of `x`.

    Returns:
        int32, shape (N, *output_size, O).
    """
    out_channels, kh, kw, _ = filters.shape
    batch, height, width, _ = x.shape
    if output_size is None:
        output_size = (
            transposed_size(height, kh, stride[0], padding),
            transposed_size(width, kw, stride[1], padding),
        )
    ys = window_axis(output_size[0], kh, stride[0], 1, padding)
    xs = window_axis(output_size[1], kw, stride[1], 1, padding)
    assert (ys.out, xs.out) == (height, width)
    image, signs = unpack_signs(x, channels_in), unpack_signs(filters, channels_in)
    rows, columns = (height - 1) * stride[0] + kh, (width - 1) * stride[1] + kw
    padded = (
        max(rows, ys.before + output_size[0]),
        max(columns, xs.before + output_size[1]),
    )
    total = np.zeros((batch, *padded, out_channels), np.int32)
    for ky in range(kh):
        for kx in range(kw):
            below = total[:, ky : ky + rows - kh + 1 : stride[0]]
            below[:, :, kx : kx + columns - kw + 1 : stride[1]] += image @ signs[:, ky, kx].T
    return total[
        :,
        ys.before : ys.before + output_size[0],
        xs.before : xs.before + output_size[1],
    ]


def transposed_size(size: int, kernel: int, stride: int, padding: Padding) -> int:
    """Output size of a transposed convolution along one axis, as Keras computes it."""
    return size * stride + (max(kernel - stride, 0) if padding == "valid" else 0)


# --- output transform -----------------------------------------------------------------------


def output_transform(
    accumulators: NDArray[np.int32],
    depth: int,
    *,
    activation: Activation = "none",
    multiplier: NDArray[np.float32] | None = None,
    bias: NDArray[np.float32] | None = None,
    threshold: NDArray[np.int32] | None = None,
    output: Output = "float32",
    output_scale: float = 1.0,
    output_zero_point: int = 0,
    output_activation: Activation = "none",
    shortcut: NDArray[np.float32] | None = None,
    sum_activation: Activation = "none",
) -> NDArray:
    """From accumulators to what a layer hands on (LCE paper section 3.2).

    The accumulator is clamped by `activation` *before* `multiplier` and `bias`. For bits it is
    compared with `threshold` instead, which stands for activation, multiplier and bias at once.

    Args:
        accumulators: int32, shape (..., O).
        depth: K, the number of products in an accumulator.
        activation: clamp of the raw accumulator; unused for bits.
        multiplier: float32 (O,), default ones; unused for bits.
        bias: float32 (O,), default zeros; unused for bits.
        threshold: int32 (O,), for bits: the bit is 1 (the value is -1) iff the popcount exceeds
            it, that is iff ``K - accumulator > 2 * threshold``.
        output: "float32", "int8" or "bits".
        output_scale: scale of an int8 result.
        output_zero_point: zero point of an int8 result.
        output_activation: activation of a float32 result: clamps it, after multiplier and bias.
        shortcut: float32, shape (..., O): added to a float32 result, after that.
        sum_activation: activation of a float32 result: clamps it last.

    Returns:
        float32 or int8 of shape (..., O), or int32 words (..., ceil(O / 32)).
    """
    if output == "bits":
        assert threshold is not None
        doubled = 2 * threshold.astype(np.int64)
        return pack_bits(depth - accumulators.astype(np.int64) > doubled)

    out_channels = accumulators.shape[-1]
    low, high = ACTIVATION_RANGES[activation]
    clamped = np.clip(accumulators, max(low, -depth), min(high, depth)).astype(np.int32)
    if multiplier is None:
        multiplier = np.ones(out_channels, np.float32)
    if bias is None:
        bias = np.zeros(out_channels, np.float32)
    quantized = output == "int8"
    factor, shift = transform_constants(
        multiplier,
        bias,
        depth,
        output_scale if quantized else 1.0,
        output_zero_point if quantized else 0,
    )
    result = (depth - clamped).astype(np.float32) * factor + shift
    if quantized:
        return np.clip(_round_half_away(result), -128, 127).astype(np.int8)
    result = _clamp(result, output_activation)
    if shortcut is not None:
        result = result + shortcut
    return _clamp(result, sum_activation)


def _clamp(x: NDArray[np.float32], activation: Activation) -> NDArray[np.float32]:
    low, high = ACTIVATION_RANGES[activation]
    return np.clip(x, np.float32(low), np.float32(high))


def bconv2d(
    x: Words,
    filters: Words,
    *,
    channels_in: int,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: Padding = "valid",
    pad_values: int = 0,
    groups: int = 1,
    **transform: Any,
) -> NDArray:
    """Binary convolution with its output transform (LceBconv2d).

    Args:
        x: as in `bconv2d_accumulators`, like the options before `transform`.
        filters: int32 words, shape (O, kh, kw, ceil(channels_in / groups / 32)).
        channels_in: input channels.
        stride: (height, width).
        dilation: (height, width).
        padding: "same" or "valid".
        pad_values: what "same" pads with, 1 or 0.
        groups: divides `channels_in` and O.
        **transform: options of `output_transform`.

    Returns:
        As `output_transform`, shape (N, out_h, out_w, O or words).
    """
    accumulators = bconv2d_accumulators(
        x,
        filters,
        channels_in=channels_in,
        stride=stride,
        dilation=dilation,
        padding=padding,
        pad_values=pad_values,
        groups=groups,
    )
    depth = filters.shape[1] * filters.shape[2] * (channels_in // groups)
    return output_transform(accumulators, depth, **transform)


def bdepthwise2d(
    x: Words,
    filters: Words,
    *,
    channels_in: int,
    depth_multiplier: int = 1,
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: Padding = "valid",
    pad_values: int = 0,
    **transform: Any,
) -> NDArray:
    """Binary depthwise convolution: `bdepthwise2d_accumulators`, then `output_transform`."""
    accumulators = bdepthwise2d_accumulators(
        x,
        filters,
        channels_in=channels_in,
        depth_multiplier=depth_multiplier,
        stride=stride,
        dilation=dilation,
        padding=padding,
        pad_values=pad_values,
    )
    return output_transform(accumulators, filters.shape[0] * filters.shape[1], **transform)


def btranspose2d(
    x: Words,
    filters: Words,
    *,
    channels_in: int,
    stride: tuple[int, int] = (1, 1),
    padding: Padding = "valid",
    output_size: tuple[int, int] | None = None,
    **transform: Any,
) -> NDArray:
    """Binary transposed convolution: `btranspose2d_accumulators`, then `output_transform`."""
    accumulators = btranspose2d_accumulators(
        x,
        filters,
        channels_in=channels_in,
        stride=stride,
        padding=padding,
        output_size=output_size,
    )
    depth = filters.shape[1] * filters.shape[2] * channels_in
    return output_transform(accumulators, depth, **transform)


def bdense(x: Words, weights: Words, *, channels_in: int, **transform: Any) -> NDArray:
    """Binary dense layer: `binary_gemm` of (N, W) with (O, W) words, then `output_transform`."""
    return output_transform(binary_gemm(x, weights, channels_in), channels_in, **transform)


def transform_constants(
    multiplier: NDArray[np.float32],
    bias: NDArray[np.float32],
    depth: int,
    scale: float = 1.0,
    zero_point: int = 0,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The two float32 constants with which a result is ``(K - accumulator) * factor + shift``.

    Kernels count ``K - accumulator = 2 * popcount``, so the sum ``multiplier * accumulator +
    bias``, divided by the scale of an int8 result, is rearranged once, in float64.

    Args:
        multiplier: float32 (O,).
        bias: float32 (O,).
        depth: K.
        scale: scale of an int8 result, else 1.
        zero_point: zero point of an int8 result, else 0.

    Returns:
        (factor, shift), each float32 (O,).
    """
    wide, wide_bias = multiplier.astype(np.float64), bias.astype(np.float64)
    factor = -wide / scale
    shift = (wide_bias + depth * wide) / scale + zero_point
    return factor.astype(np.float32), shift.astype(np.float32)


def _round_half_away(x: NDArray[np.float32] | np.float32) -> NDArray[np.float64]:
    # float64 keeps x ± 0.5 exact, where float32 would round 0.49999997 + 0.5 up to 1.
    wide = np.asarray(x, np.float64)
    return np.trunc(wide + np.copysign(0.5, wide))


# --- pooling --------------------------------------------------------------------------------


def bmaxpool2d(
    x: Words,
    *,
    pool: tuple[int, int] = (2, 2),
    stride: tuple[int, int] = (2, 2),
    padding: Padding = "valid",
) -> Words:
    """Max-pooling of bitpacked values (LceBMaxPool2d).

    The maximum of ±1 values is -1 only if all are -1: the bitwise AND of the words. Positions
    outside the image do not take part.

    Args:
        x: int32 words, shape (N, H, W, C/32).
        pool: window (height, width).
        stride: (height, width).
        padding: "same" or "valid".

    Returns:
        int32 words, shape (N, out_h, out_w, C/32).
    """
    ys = window_axis(x.shape[1], pool[0], stride[0], 1, padding)
    xs = window_axis(x.shape[2], pool[1], stride[1], 1, padding)
    outside = np.int32(-1)  # all ones: neutral for AND
    image = np.pad(
        x,
        [(0, 0), (ys.before, ys.after), (xs.before, xs.after), (0, 0)],
        constant_values=outside,
    )
    result = np.full((x.shape[0], ys.out, xs.out, x.shape[3]), outside, np.int32)
    for ky in range(pool[0]):
        for kx in range(pool[1]):
            tap = image[:, ky:, kx:][:, :: stride[0], :: stride[1]][:, : ys.out, : xs.out]
            result &= tap
    return result
