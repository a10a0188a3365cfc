"""Two reshapes in a row are one, or none.

    x -> tfl.reshape -> tfl.reshape -> reader
=>
    x -> tfl.reshape -> reader           (x -> reader, if x already has that shape)
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.tfl_dialect import TflOp, is_tfl, producer
from bnn_lab.convert.rewrite.base import Fact, Pass
from bnn_lab.convert.rewrite.build import with_operands


class _Match(NamedTuple):
    first: TflOp
    source: SSAValue


class MergeReshapes(Pass):
    """RESHAPE, RESHAPE => RESHAPE or nothing."""

    name = "merge_reshapes"
    summary = "two reshapes in a row become one, or none if the shape is the first one again"
    needs = (Fact.CONVS_ARE_BINARY,)
    gives = (Fact.QUANTIZES_MOVED,)

    def check(self, op: Operation) -> _Match | None:
        """Match a reshape of a reshape."""
        if not is_tfl(op, "reshape"):
            return None
        first: Any = producer(op.operands[0])
        if not is_tfl(first, "reshape"):
            return None
        return _Match(first, first.operands[0])

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Read the first reshape's source."""
        if match.source.type == op.results[0].type:
            rewriter.replace(op, [], [match.source])
        else:
            operands = [match.source, *op.operands[1:]]
            rewriter.replace(op, with_operands(op, operands, op.results[0].type, op.tensor_name()))
        return "the reshape before it is skipped"
