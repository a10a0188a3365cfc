"""An int8 convolution or dense layer of binary values is taken out of int8.

    x (float, all ±1) -> tfl.quantize -> tfl.conv_2d int8 (filter = ±q per channel)
=>
    x -> tfl.conv_2d float (filter = ±c per channel) -> tfl.quantize

The scale of a binary filter's channel is c / 127, so its int8 values are 127 and -127 throughout
and c comes back exactly. Binary the layer needs no int8 at all; its result stays quantized.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import F32, tensor_type
from bnn_lab.convert.ir.tfl_dialect import Const, is_absent, is_tfl, make_tfl, name_of, producer
from bnn_lab.convert.rewrite.base import Fact, Pass
from bnn_lab.convert.rewrite.binary_values import channel_magnitudes, is_binary
from bnn_lab.convert.rewrite.build import shape_of, with_operands
from bnn_lab.convert.rewrite.int8_values import dequantized, is_int8

# Op -> positions of input, filter and bias among its operands.
_SUBJECTS = {
    "conv_2d": (0, 1, 2),
    "depthwise_conv_2d": (0, 1, 2),
    "fully_connected": (0, 1, 2),
    "transpose_conv": (2, 1, 3),
}


class _Match(NamedTuple):
    source: SSAValue
    filters: NDArray[np.float32]
    bias: NDArray[np.float32] | None


class LiftInt8Convs(Pass):
    """QUANTIZE, CONV_2D int8 => CONV_2D, QUANTIZE, where input and filter are binary."""

    name = "lift_int8_convs"
    summary = "int8 convolutions and dense layers of binary values compute in float again"
    needs = (Fact.BINARY_KNOWN, Fact.MOVES_IN_FLOAT)
    gives = (Fact.LAYERS_IN_FLOAT,)

    def check(self, op: Operation) -> _Match | None:
        """Match an int8 layer whose input is a quantized binary value."""
        if not is_tfl(op, *_SUBJECTS):
            return None
        layer: Any = op
        at_source, at_filter, at_bias = _SUBJECTS[layer.MNEMONIC]
        quantize: Any = producer(layer.operands[at_source])
        if not is_tfl(quantize, "quantize") or not is_int8(layer.results[0]):
            return None
        source = quantize.operands[0]
        filters = dequantized(layer.operands[at_filter])
        if not is_binary(source) or filters is None:
            return None
        by_channel = np.moveaxis(filters, -1, 0) if "depthwise" in layer.MNEMONIC else filters
        if channel_magnitudes(by_channel) is None:
            return None
        bias = None
        if len(layer.operands) > at_bias and not is_absent(layer.operands[at_bias]):
            bias = dequantized(layer.operands[at_bias])
            if bias is None:
                return None
        return _Match(source, filters, bias)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Compute in float, quantize the result."""
        at_source, at_filter, at_bias = _SUBJECTS[op.MNEMONIC]
        operands = list(op.operands)
        filters = Const.of(match.filters, name_of(operands[at_filter]))
        new_ops: list[Operation] = [filters]
        operands[at_source], operands[at_filter] = match.source, filters.result
        if match.bias is not None:
            bias = Const.of(match.bias, name_of(operands[at_bias]))
            new_ops.append(bias)
            operands[at_bias] = bias.result
        name = op.tensor_name()
        result = tensor_type(F32, shape_of(op.results[0]))
        layer = with_operands(op, operands, result, f"{name}/float")
        quantize = make_tfl("quantize", [layer.results[0]], op.result_types, names=op.names)
        rewriter.replace(op, [*new_ops, layer, quantize])
        return "input and filter are binary: no int8 values are multiplied"
