"""Binary values are moved and pooled before they are quantized to int8.

    x (float, all ±1) -> tfl.quantize -> tfl.reshape or tfl.max_pool_2d, int8
=>
    x -> tfl.reshape or tfl.max_pool_2d, float -> tfl.quantize

So that the int8 layer after it sees that its input is binary.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import F32, tensor_type
from bnn_lab.convert.ir.tfl_dialect import is_tfl, make_tfl, producer
from bnn_lab.convert.rewrite.base import Fact, Pass
from bnn_lab.convert.rewrite.binary_values import MOVES, is_binary, is_padded_with_zeros
from bnn_lab.convert.rewrite.build import shape_of, with_operands
from bnn_lab.convert.rewrite.int8_values import is_int8


class _Match(NamedTuple):
    sources: list[SSAValue]


class QuantizeAfterMoves(Pass):
    """QUANTIZE, RESHAPE or MAX_POOL_2D => RESHAPE or MAX_POOL_2D, QUANTIZE."""

    name = "quantize_after_moves"
    summary = "binary values are moved, pooled, padded and joined before they become int8"
    needs = (Fact.SIGNS_KNOWN,)
    gives = (Fact.MOVES_IN_FLOAT,)

    def check(self, op: Operation) -> _Match | None:
        """Match an int8 op that only moves quantized binary values."""
        move: Any = op
        if not is_tfl(op, *MOVES, "max_pool_2d", "pad", "concatenation"):
            return None
        if move.activation != "none" or not is_int8(move.results[0]):
            return None
        values = move.operands if is_tfl(op, "concatenation") else move.operands[:1]
        makers: list[Any] = [producer(value) for value in values]
        if not all(is_tfl(maker, "quantize") and _can_move(maker.operands[0]) for maker in makers):
            return None
        return _Match([maker.operands[0] for maker in makers])

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Move floats, quantize the result."""
        result = tensor_type(F32, shape_of(op.results[0]))
        rest = [] if is_tfl(op, "concatenation") else list(op.operands[1:])
        moved = with_operands(op, [*match.sources, *rest], result, f"{op.tensor_name()}/float")
        quantize = make_tfl("quantize", [moved.results[0]], op.result_types, names=op.names)
        rewriter.replace(op, [moved, quantize])
        return f"{op.name} moves binary values"


def _can_move(value: SSAValue) -> bool:
    return is_binary(value) or is_padded_with_zeros(value)
