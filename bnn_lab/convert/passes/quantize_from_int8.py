"""Bits are taken from int8 values directly, or from the floats that calibration made int8.

    x8 (int8) -> tfl.dequantize -> lq.Quantize    =>    x8 -> lq.Quantize
    x -> tfl.quantize (int8)    -> lq.Quantize    =>    x -> lq.Quantize

An int8 value is negative iff it lies below its zero point. Where the floats are still there and
int8 came by calibration only, their own sign is that of the Keras model: rounding to int8 would
make +1 of small negative values. A model trained with fake quantization means it so.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import F32
from bnn_lab.convert.ir.lq_dialect import Quantize
from bnn_lab.convert.ir.tfl_dialect import is_tfl, producer
from bnn_lab.convert.rewrite.base import Fact, Pass
from bnn_lab.convert.rewrite.build import quantize_of
from bnn_lab.convert.rewrite.int8_values import is_calibrated, is_int8


class _Match(NamedTuple):
    source: SSAValue


class QuantizeFromInt8(Pass):
    """DEQUANTIZE or QUANTIZE, lq.Quantize => lq.Quantize."""

    name = "quantize_from_int8"
    summary = "lq.Quantize reads int8 values, or the floats they were made of"
    needs = (Fact.ROUNDING_SHIFTS, Fact.CONVS_ARE_BINARY)
    gives = (Fact.QUANTIZES_MOVED,)

    def check(self, op: Operation) -> _Match | None:
        """Match lq.Quantize after a change of type."""
        if not isinstance(op, Quantize):
            return None
        change: Any = producer(op.input)
        if is_tfl(change, "dequantize") and is_int8(change.operands[0]):
            return _Match(change.operands[0])
        floats = is_tfl(change, "quantize") and change.operands[0].type.element_type == F32
        if floats and is_calibrated(op):
            return _Match(change.operands[0])
        return None

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Read the source."""
        rewriter.replace(op, quantize_of(match.source))
        return "no conversion in front of it"
