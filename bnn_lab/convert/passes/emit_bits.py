"""A binary convolution that only feeds signs compares and writes bits itself.

    lq.Bconv2d(multiplier m, bias b) {activation} -> lq.Quantize
=>
    lq.Bconv2d(threshold t)                          (its result is already packed)

The sign of m * clamp(accumulator) + b changes at most once as the popcount p runs from 0 to K, so
one integer per channel decides: the value is -1 iff p > t (LCE paper, section 3.2). For a negative
m the sign changes the other way; the channel's filter signs are flipped first, which turns p into
K - p. The sign is taken as float32 arithmetic gives it, multiplying, then adding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.lq_dialect import BinaryConv, Depthwise2d, Quantize, Transpose2d
from bnn_lab.convert.ir.tfl_dialect import Const, NoValue, constant, name_of, producer
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal
from bnn_lab.reference import ACTIVATION_RANGES


class _Match(NamedTuple):
    bconv: BinaryConv
    filters: NDArray[np.float32]
    threshold: NDArray[np.int32]


class EmitBits(Pass):
    """Bconv2d, Quantize => Bconv2d with threshold.

    Attributes:
        lce_compatible: leave SAME padding with zeros alone, for which LCE writes no bits.
    """

    name = "emit_bits"
    summary = "lq.Quantize after lq.Bconv2d becomes a threshold on the popcount"
    needs = (Fact.ALL_READ, Fact.SCALES_JOINED, Fact.QUANTIZES_MOVED, Fact.FILTERS_ARE_FLOAT)

    def __init__(self, lce_compatible: bool = True) -> None:
        self.lce_compatible = lce_compatible

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match a quantize that alone reads a binary convolution."""
        if not isinstance(op, Quantize):
            return None
        bconv = producer(op.input)
        if not isinstance(bconv, BinaryConv):
            return None
        if not op.input.has_one_use():
            return Refusal("the convolution's float result has other readers")
        refusal = self._check_terms(bconv)
        if refusal is not None:
            return refusal
        filters = constant(bconv.filter)
        multiplier, bias = constant(bconv.multiplier), constant(bconv.bias)
        if filters is None or filters.dtype != np.float32 or multiplier is None or bias is None:
            return Refusal("its filter is already packed, or its constants are computed")
        if not (np.all(np.isfinite(multiplier)) and np.all(np.isfinite(bias))):
            return Refusal("its multiplier or bias is not finite")
        flip = multiplier < 0
        if not isinstance(bconv, Depthwise2d):  # whose channels are the last axis
            flip = flip[:, None, None, None]
        signs = np.where(flip, -filters, filters)
        activation = bconv.option("fused_activation_function")
        return _Match(bconv, signs, thresholds(multiplier, bias, _depth(bconv), activation))

    def _check_terms(self, bconv: BinaryConv) -> Refusal | None:
        """Where zeros are padded, the number of terms varies."""
        if not _has_zeros(bconv):
            return None
        if self.lce_compatible:
            return Refusal(
                "SAME padding with zeros has no bit output in LCE: the number of terms varies at "
                "the edge",
                'use padding="same", pad_values=1',
            )
        filters = constant(bconv.filter)
        terms = 1 if isinstance(bconv, Depthwise2d) or filters is None else filters.shape[-1]
        if terms % 2:
            # K - accumulator can then be odd, and a threshold counts in steps of two.
            return Refusal(
                f"it pads with zeros and has {terms} channels: accumulators are even and odd",
                'use padding="same", pad_values=1, or an even number of input channels',
            )
        return None

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Replace both ops by one convolution that writes words."""
        old = match.bconv
        filters = Const.of(match.filters, name_of(old.filter))
        threshold = Const.of(match.threshold, f"{name_of(old.filter)}/threshold")
        absent = NoValue.make()
        for value, hint in (
            (filters.result, "filter"),
            (threshold.result, "threshold"),
            (absent.result, "absent"),
        ):
            value.name_hint = hint
        operands = [old.input, filters.result, absent.result, absent.result, threshold.result]
        bconv = type(old).make(operands, op.output.type, op.names, **old.options)
        bconv.output.name_hint = old.output.name_hint
        rewriter.replace(op, [filters, threshold, absent, bconv])
        flipped = int(np.sum(constant(old.multiplier) < 0))
        return f"{len(match.threshold)} thresholds, {flipped} channels with flipped signs"


def _has_zeros(bconv: BinaryConv) -> bool:
    if isinstance(bconv, Transpose2d):
        return True
    return bconv.option("padding") == "same" and bconv.option("pad_values") == 0


def _depth(bconv: BinaryConv) -> int:
    shape = constant(bconv.filter).shape
    return int(np.prod(shape[1:3] if isinstance(bconv, Depthwise2d) else shape[1:]))


def thresholds(
    multiplier: NDArray[np.float32], bias: NDArray[np.float32], depth: int, activation: str
) -> NDArray[np.int32]:
    """Thresholds of a convolution whose negative-multiplier channels have flipped filters.

    Args:
        multiplier: float32 (O,), before flipping.
        bias: float32 (O,).
        depth: K, the terms of an accumulator.
        activation: clamp of the accumulator, before multiplier and bias.

    Returns:
        int32 (O,), from -1 (always -1) to K (always +1): the value is -1 iff popcount > threshold.
    """
    low, high = ACTIVATION_RANGES[activation]
    popcounts = np.arange(depth + 1)
    result = np.empty(len(multiplier), np.int32)
    for channel, (scale, shift) in enumerate(zip(multiplier, bias, strict=True)):
        accumulators = depth - 2 * popcounts
        if scale < 0:
            accumulators = -accumulators  # of the filter as it was
        clamped = np.clip(accumulators, low, high).astype(np.float32)
        positive = clamped * scale + shift >= 0
        # Positive values come first: their number less one is the last popcount that gives +1.
        result[channel] = int(positive.sum()) - 1
    return result
