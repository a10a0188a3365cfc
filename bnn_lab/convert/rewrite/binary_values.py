"""Which values are certain to be +1 or -1, and which filters are ±c per channel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import SSAValue

from bnn_lab.convert.ir.lq_dialect import Dequantize
from bnn_lab.convert.ir.tfl_dialect import constant, is_absent, is_tfl, producer
from bnn_lab.convert.rewrite.int8_values import dequantized

# Ops that only move values about: binary in (first operand), binary out.
MOVES = (
    "reshape",
    "transpose",
    "expand_dims",
    "squeeze",
    "slice",
    "strided_slice",
    "space_to_depth",
    "depth_to_space",
    "gather",
    "tile",
    "reverse_v2",
    "broadcast_to",
    "mirror_pad",
    "resize_nearest_neighbor",
)


def is_binary(value: SSAValue) -> bool:
    """Whether a float value only ever holds +1.0 and -1.0.

    Follows ops that move values without changing them, padding with ±1, and max-pooling.
    """
    op: Any = producer(value)
    if op is None:
        return False
    if isinstance(op, Dequantize):
        return True
    data = constant(value)
    if data is not None:
        return data.dtype == np.float32 and data.size > 0 and bool(np.all(np.abs(data) == 1))
    if is_tfl(op, *MOVES):
        return is_binary(op.operands[0])
    if is_tfl(op, "split"):
        return is_binary(op.operands[1])
    if is_tfl(op, "max_pool_2d", "concatenation", "pack", "maximum", "minimum"):
        return op.activation == "none" and all(is_binary(operand) for operand in op.operands)
    if is_tfl(op, "padv2"):
        return pad_value(op) in (1.0, -1.0) and is_binary(op.operands[0])
    return False


def is_padded_with_zeros(value: SSAValue) -> bool:
    """Whether a float value is binary but for zeros that an op pads it with."""
    op: Any = producer(value)
    while is_tfl(op, *MOVES):
        op = producer(op.operands[0])
    return is_tfl(op, "pad", "padv2") and pad_value(op) == 0 and is_binary(op.operands[0])


def pad_value(op: Any) -> float | None:
    """Constant that a tfl.pad or tfl.padv2 pads with, None if it is computed."""
    if is_tfl(op, "pad"):
        return 0.0
    real = dequantized(op.operands[2])
    value = constant(op.operands[2]) if real is None else real
    return float(value.reshape(-1)[0]) if value is not None and value.size == 1 else None


def pad_widths(op: Any) -> NDArray | None:
    """(rank, 2) widths of a tfl.pad or tfl.padv2, None if they are computed."""
    return constant(op.operands[1])


def channel_magnitudes(filters: NDArray) -> NDArray[np.float32] | None:
    """c of each output channel if every filter value is +c or -c.

    Args:
        filters: float32, output channel first.

    Returns:
        float32 (O,), or None if some channel holds two magnitudes, or the values are those of int8
        without their scale. A channel of zeros has c = 0 (a BatchNorm scale of 0 folded into it).
    """
    if filters.dtype != np.float32:
        return None
    magnitude = np.abs(filters.reshape(filters.shape[0], -1))
    if not magnitude.size or not np.all(np.isfinite(magnitude)):
        return None
    largest = magnitude.max(axis=1)
    if not np.array_equal(magnitude.min(axis=1), largest):
        return None
    return largest.astype(np.float32)


def describe_filter(filters: NDArray) -> str:
    """Why `channel_magnitudes` found none: the first channel that is not ±c."""
    magnitude = np.abs(filters.reshape(filters.shape[0], -1))
    channel = int(np.argmax(magnitude.min(axis=1) != magnitude.max(axis=1)))
    low, high = magnitude[channel].min(), magnitude[channel].max()
    if low == 0 and bool(np.isin(magnitude[channel], (low, high)).all()):
        return f"output channel {channel} holds zeros besides ±{high:.6g}"
    return f"output channel {channel} holds magnitudes from {low:.6g} to {high:.6g}"


def bias_or_zeros(conv: Any, channels: int, at: int = 2) -> NDArray[np.float32] | None:
    """A conv's bias (operand `at`) as float32 (O,), zeros if absent, None if it is computed."""
    if len(conv.operands) <= at or is_absent(conv.operands[at]):
        return np.zeros(channels, np.float32)
    data = constant(conv.operands[at])
    if data is None or data.dtype != np.float32 or data.size != channels:
        return None
    return data.reshape(channels)
