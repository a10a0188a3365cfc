"""Padding binary values with +1 joins its binary convolution.

    bits -> lq.Dequantize -> tfl.padv2(1.0) -> lq.Quantize -> lq.Bconv2d(valid)
=>
    bits -> lq.Dequantize -> lq.Quantize -> lq.Bconv2d(same, pad_values = 1)

+1 is bit 0, so a kernel pads by reading zeros, at no cost. Only where SAME pads exactly the same
elements before and after on each axis.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.lq_dialect import Bconv2d, Depthwise2d, Quantize
from bnn_lab.convert.ir.tfl_dialect import constant, is_tfl, producer
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal
from bnn_lab.convert.rewrite.binary_values import is_binary, pad_value, pad_widths
from bnn_lab.convert.rewrite.build import quantize_of
from bnn_lab.convert.rewrite.windows import same_padding_mismatch


class _Match(NamedTuple):
    source: SSAValue


class FoldOnePadding(Pass):
    """PADV2 1, Quantize, Bconv2d valid => Quantize, Bconv2d same with pad_values 1."""

    name = "fold_one_padding"
    summary = "padding with +1 in front of a valid lq.Bconv2d becomes SAME with pad_values = 1"
    needs = (Fact.CONVS_ARE_BINARY, Fact.FILTERS_ARE_FLOAT)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match a valid binary convolution whose input is padded with +1."""
        if not isinstance(op, Bconv2d | Depthwise2d) or op.option("padding") != "valid":
            return None
        quantize: Any = producer(op.input)
        pad: Any = producer(quantize.input) if isinstance(quantize, Quantize) else None
        if not is_tfl(pad, "padv2") or pad_value(pad) != 1.0 or not is_binary(pad.operands[0]):
            return None
        filters, widths = constant(op.filter), pad_widths(pad)
        if filters is None or widths is None:
            return Refusal("the padding is computed at run time")
        mismatch = same_padding_mismatch(
            widths,
            pad.operands[0].type.get_shape()[1:3],
            filters.shape[1:3],
            (op.option("stride_height"), op.option("stride_width")),
            (op.option("dilation_height_factor"), op.option("dilation_width_factor")),
        )
        if mismatch:
            return Refusal(
                f"its padding with ones is not SAME: {mismatch}; an op of its own pads the words",
                'use padding="same", pad_values=1',
            )
        return _Match(pad.operands[0])

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Quantize the unpadded value."""
        quantize = quantize_of(match.source)
        options = {**op.options, "padding": "same", "pad_values": 1}
        operands = [quantize.output, *op.operands[1:]]
        bconv = type(op).make(operands, op.output.type, op.names, **options)
        rewriter.replace(op, [quantize, bconv])
        return "padding with +1 became pad_values = 1"
