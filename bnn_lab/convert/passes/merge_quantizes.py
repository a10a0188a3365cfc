"""A value is quantized once.

    x -> lq.Quantize -> a,  x -> lq.Quantize -> b
=>
    x -> lq.Quantize -> a, b
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.lq_dialect import Quantize
from bnn_lab.convert.rewrite.base import Fact, Pass


class _Match(NamedTuple):
    earlier: Quantize


class MergeQuantizes(Pass):
    """Quantize, Quantize of one value => Quantize."""

    name = "merge_quantizes"
    summary = "several lq.Quantize of one value become one"
    needs = (Fact.CONVS_ARE_BINARY,)
    gives = (Fact.QUANTIZES_MOVED,)

    def check(self, op: Operation) -> _Match | None:
        """Match a quantize of a value that was quantized before."""
        if not isinstance(op, Quantize):
            return None
        for use in op.input.uses:
            other = use.operation
            if not isinstance(other, Quantize) or other is op or other.parent is not op.parent:
                continue
            if other.is_before_in_block(op) and other.output.type == op.output.type:
                return _Match(other)
        return None

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Read the earlier bits."""
        rewriter.replace(op, [], [match.earlier.output])
        return "reads the bits there are"
