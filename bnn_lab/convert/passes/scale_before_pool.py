"""A BatchNorm after max-pooling or a reshape moves in front, next to its convolution.

    lq.Bconv2d -> tfl.max_pool_2d -> tfl.mul(s) -> tfl.add(t)
=>
    lq.Bconv2d -> tfl.mul(s) -> tfl.add(t) -> tfl.max_pool_2d

Scaling by s >= 0 and adding keep the order of numbers, rounded or not, so the largest stays the
largest: the results are equal bit for bit. A negative scale turns the maximum into a minimum.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.lq_dialect import BinaryConv
from bnn_lab.convert.ir.tfl_dialect import TflOp, constant, is_tfl, name_of, producer
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal
from bnn_lab.convert.rewrite.build import shape_of, with_operands


class _Match(NamedTuple):
    move: TflOp
    at: int  # which operand is the moved value


class ScaleBeforePool(Pass):
    """Bconv2d, MAX_POOL_2D or RESHAPE, MUL / ADD / SUB constant => the latter two exchanged."""

    name = "scale_before_pool"
    summary = "per-channel MUL, ADD and SUB move in front of max-pooling and reshape"
    needs = (Fact.ALL_READ, Fact.CONVS_ARE_BINARY, Fact.ROUNDING_SHIFTS)
    gives = (Fact.SCALES_JOINED,)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match a scale of the pooled or reshaped result of a binary convolution."""
        if not is_tfl(op, "mul", "add", "sub"):
            return None
        scale: Any = op
        at = 1 if constant(scale.operands[0]) is not None and not is_tfl(op, "sub") else 0
        move: Any = producer(scale.operands[at])
        factor = constant(scale.operands[1 - at])
        if factor is None or not is_tfl(move, "max_pool_2d", "reshape"):
            return None
        if not isinstance(producer(move.operands[0]), BinaryConv):
            return None
        source = move.operands[0]
        channels = shape_of(source)[-1]
        if factor.size != 1 and (factor.shape[-1:] != (channels,) or factor.size != channels):
            return None
        if move.results[0].type != scale.results[0].type or move.activation != "none":
            return None
        if not move.results[0].has_one_use() or not source.has_one_use():
            return Refusal("the convolution's or the pooling's result has other readers")
        if shape_of(move.results[0])[-1] != channels:
            return Refusal("the reshape takes channels apart, to which the scale belongs")
        if is_tfl(move, "max_pool_2d"):
            if is_tfl(op, "mul") and not np.all(factor >= 0):
                count = int(np.sum(factor < 0))
                return Refusal(
                    f"{count} of its channels have a negative scale, under which the maximum "
                    "becomes a minimum; it stays a float op after the pooling",
                    "put BatchNormalization before the pooling, or use scale=False",
                )
            if not np.all(np.isfinite(factor)):
                return Refusal("its constant is not finite")
        return _Match(move, at)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Exchange the two ops."""
        move, at = match
        source = move.operands[0]
        operands = list(op.operands)
        operands[at] = source
        scaled = with_operands(op, operands, source.type, f"{name_of(source)}/{op.MNEMONIC}")
        moved = with_operands(
            move,
            [scaled.results[0], *move.operands[1:]],
            op.results[0].type,
            op.tensor_name(),
        )
        rewriter.replace(op, [scaled, moved])
        return f"{op.name} comes before {move.name}"
