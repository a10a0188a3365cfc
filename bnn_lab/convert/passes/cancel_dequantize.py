"""Quantizing what was just dequantized gives the same bits.

    bits -> lq.Dequantize -> lq.Quantize -> reader
=>
    bits -> reader
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.lq_dialect import Dequantize, Quantize
from bnn_lab.convert.ir.tfl_dialect import producer
from bnn_lab.convert.rewrite.base import Fact, Pass


class _Match(NamedTuple):
    bits: SSAValue


class CancelDequantize(Pass):
    """Dequantize, Quantize => nothing."""

    name = "cancel_dequantize"
    summary = "lq.Dequantize followed by lq.Quantize disappears"
    needs = (Fact.CONVS_ARE_BINARY,)
    gives = (Fact.QUANTIZES_MOVED,)

    def check(self, op: Operation) -> _Match | None:
        """Match a quantize of a dequantize."""
        if not isinstance(op, Quantize):
            return None
        source: Any = producer(op.input)
        if not isinstance(source, Dequantize) or source.input.type != op.output.type:
            return None
        return _Match(source.input)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Read the bits directly."""
        rewriter.replace(op, [], [match.bits])
        return "bits are read directly"
