"""Bits are moved about instead of floats.

    x -> tfl.reshape   -> lq.Quantize    =>    x -> lq.Quantize -> tfl.reshape   (of words)
    x -> tfl.transpose -> lq.Quantize    =>    x -> lq.Quantize -> tfl.transpose (of words)

A word holds 32 neighboring channels, so this is sound where channels stay together: a transpose
that keeps the last axis, a reshape that keeps the last dimension, or one between dimensions that
both are multiples of 32 (flattening, for instance).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.lq_dialect import Quantize
from bnn_lab.convert.ir.tfl_dialect import TflOp, constant, is_tfl, producer
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal
from bnn_lab.convert.rewrite.build import quantize_of, reshape_ops, shape_of, with_operands
from bnn_lab.reference import WORD_BITS

_RESHAPES = ("reshape", "expand_dims", "squeeze")


class _Match(NamedTuple):
    move: TflOp


class QuantizeBeforeLayout(Pass):
    """RESHAPE or TRANSPOSE, Quantize => Quantize, RESHAPE or TRANSPOSE."""

    name = "quantize_before_layout"
    summary = "lq.Quantize moves in front of reshape and transpose, which then move words"
    needs = (Fact.CONVS_ARE_BINARY, Fact.SCALES_JOINED)
    gives = (Fact.QUANTIZES_MOVED,)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match a quantize of moved values."""
        if not isinstance(op, Quantize):
            return None
        move: Any = producer(op.input)
        if not is_tfl(move, *_RESHAPES, "transpose"):
            return None
        before, after = shape_of(move.operands[0]), shape_of(move.results[0])
        if min((*before, *after), default=-1) < 0:
            return Refusal("its size is dynamic, or it moves a scalar", "fix the input's shape")
        if is_tfl(move, "transpose"):
            order = constant(move.operands[1])
            if order is None or order.reshape(-1)[-1] != len(before) - 1:
                return Refusal(
                    "it transposes the channels, which are packed into words",
                    "keep the channels last",
                )
        elif before[-1] != after[-1] and (before[-1] % WORD_BITS or after[-1] % WORD_BITS):
            return Refusal(
                f"it reshapes {before[-1]} channels into {after[-1]}, which would cut words of "
                f"{WORD_BITS} channels apart",
                f"make the number of channels a multiple of {WORD_BITS}",
            )
        return _Match(move)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Quantize the source, move the words."""
        move = match.move
        quantize = quantize_of(move.operands[0])
        words = quantize.output
        new_ops: list[Operation] = [quantize]
        if is_tfl(move, "transpose"):
            operands = [words, move.operands[1]]
            new_ops.append(with_operands(move, operands, op.output.type, op.tensor_name()))
        else:
            free = _has_free_batch(move)
            new_ops += reshape_ops(words, op.output.type, op.tensor_name(), free_batch=free)
        rewriter.replace(op, new_ops)
        return f"{move.name} moves words"


def _has_free_batch(move: TflOp) -> bool:
    shape = constant(move.operands[1]) if len(move.operands) > 1 else None
    return shape is not None and shape.size > 0 and int(shape.reshape(-1)[0]) == -1
