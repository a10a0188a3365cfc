"""A binary convolution writes int8 itself.

    lq.Bconv2d (float) -> tfl.quantize -> reader
=>
    lq.Bconv2d (int8, with the scale and zero point of the quantized tensor) -> reader

A reshape between the two, as a dense layer has it, then moves int8 values.

LCE's kernels have no int8 output with SAME padding of zeros: there the two stay apart.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import F32, quant_of, tensor_type
from bnn_lab.convert.ir.lq_dialect import Bconv2d, BinaryConv
from bnn_lab.convert.ir.tfl_dialect import TflOp, is_tfl, producer, tensor_names
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal
from bnn_lab.convert.rewrite.build import shape_of, with_operands
from bnn_lab.convert.rewrite.int8_values import is_int8


class _Match(NamedTuple):
    conv: BinaryConv
    reshape: TflOp | None


class EmitInt8(Pass):
    """Bconv2d, QUANTIZE => Bconv2d with int8 output.

    Attributes:
        lce_compatible: leave SAME padding with zeros alone.
    """

    name = "emit_int8"
    summary = "tfl.quantize after a binary convolution becomes the convolution's int8 output"
    needs = (Fact.ALL_READ, Fact.SCALES_JOINED, Fact.QUANTIZES_MOVED)

    def __init__(self, lce_compatible: bool = True) -> None:
        self.lce_compatible = lce_compatible

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match a quantize that alone reads a binary convolution."""
        if not is_tfl(op, "quantize") or not is_int8(op.results[0]):
            return None
        conv: Any = producer(op.operands[0])
        reshape = conv if is_tfl(conv, "reshape") and op.operands[0].has_one_use() else None
        if reshape is not None:
            conv = producer(reshape.operands[0])
        if not isinstance(conv, BinaryConv):
            return None
        written: Any = conv.output.type
        if written.element_type != F32:
            return None
        if not conv.output.has_one_use():
            return Refusal("the convolution's float result has other readers")
        zeros = isinstance(conv, Bconv2d) and conv.option("padding") == "same"
        if self.lce_compatible and zeros and not conv.option("pad_values"):
            return Refusal(
                "LCE writes no int8 with SAME padding of zeros: an op of its own quantizes",
                'use padding="same", pad_values=1',
            )
        return _Match(conv, reshape)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Give the convolution the quantized type."""
        old, reshape = match
        result, names = op.results[0].type, op.names
        if reshape is not None:
            result = tensor_type(result.element_type, shape_of(old.output), quant_of(result))
            names = tensor_names(f"{op.tensor_name()}/pixels")
        conv = type(old).make(old.operands, result, names, **old.options)
        conv.output.name_hint = old.output.name_hint
        new_ops: list[Operation] = [conv]
        if reshape is not None:
            operands = [conv.output, *reshape.operands[1:]]
            new_ops.append(with_operands(reshape, operands, op.results[0].type, op.tensor_name()))
        rewriter.replace(op, new_ops)
        return "writes int8"
