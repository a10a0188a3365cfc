"""An int8 convolution or dense layer of binary values is taken out of int8.

    x (float, all ±1) -> tfl.quantize -> tfl.conv_2d int8 (filter = ±q per channel)
=>
    x -> tfl.conv_2d float (filter = ±c per channel) -> tfl.quantize

    x (int8, of two values) -> tfl.conv_2d int8
=>
    x -> tfl.dequantize -> tfl.conv_2d float -> tfl.quantize

    x (float, of two values) -> tfl.conv_2d with an int8 filter, whose result is float ("hybrid")
=>
    x -> tfl.conv_2d float

The scale of a binary filter's channel is c / 127, so its int8 values are 127 and -127 throughout
and c comes back exactly. Binary the layer needs no int8 at all; its result stays quantized.
"""

from __future__ import annotations

from math import prod
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import F32, tensor_type
from bnn_lab.convert.ir.tfl_dialect import (
    Const,
    is_absent,
    is_tfl,
    make_tfl,
    name_of,
    producer,
    tensor_names,
)
from bnn_lab.convert.rewrite.base import Fact, Pass
from bnn_lab.convert.rewrite.binary_values import (
    channel_magnitudes,
    is_binary,
    is_padded_with_zeros,
)
from bnn_lab.convert.rewrite.build import shape_of, with_operands
from bnn_lab.convert.rewrite.int8_values import dequantized, is_int8
from bnn_lab.convert.rewrite.layer_ops import LAYER_OPS, layer_op
from bnn_lab.convert.rewrite.steps import step_of, two_values_behind

_SUBJECTS = ("conv_2d", "depthwise_conv_2d", "fully_connected", "transpose_conv")


class _Match(NamedTuple):
    source: SSAValue
    filters: NDArray[np.float32]
    bias: NDArray[np.float32] | None


class LiftInt8Convs(Pass):
    """QUANTIZE, CONV_2D int8 => CONV_2D, QUANTIZE, where input and filter are binary."""

    name = "lift_int8_convs"
    summary = "int8 layers of two values with a binary filter compute in float again"
    needs = (Fact.SIGNS_KNOWN, Fact.MOVES_IN_FLOAT)
    gives = (Fact.LAYERS_IN_FLOAT,)

    def check(self, op: Operation) -> _Match | None:
        """Match an int8 layer whose input is a quantized binary value."""
        where = layer_op(op, *_SUBJECTS)
        if where is None:
            return None
        layer: Any = op
        source = layer.operands[where.source]
        if _is_float(layer.results[0]) and _is_float(source):
            known = is_binary(source)
        elif is_int8(layer.results[0]) and is_int8(source):
            quantize: Any = producer(source)
            known = is_tfl(quantize, "quantize") and (
                is_binary(quantize.operands[0]) or _can_lose_zeros(layer, quantize.operands[0])
            )
            source = quantize.operands[0] if known else source
        else:
            return None
        if not known and step_of(two_values_behind(source)[1]) is None:
            return None
        filters = dequantized(layer.operands[where.filter])
        if filters is None:
            return None
        if channel_magnitudes(np.moveaxis(filters, where.axis, 0)) is None:
            return None
        bias = None
        if len(layer.operands) > where.bias and not is_absent(layer.operands[where.bias]):
            bias = dequantized(layer.operands[where.bias])
            if bias is None and not _is_float(layer.operands[where.bias]):
                return None
        return _Match(source, filters, bias)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Compute in float, quantize the result."""
        where = LAYER_OPS[op.MNEMONIC]
        operands = list(op.operands)
        filters = Const.of(match.filters, name_of(operands[where.filter]))
        new_ops: list[Operation] = [filters]
        source = match.source
        if is_int8(source):
            real = tensor_type(F32, shape_of(source))
            names = tensor_names(f"{op.tensor_name()}/input")
            new_ops.append(make_tfl("dequantize", [source], [real], names=names))
            source = new_ops[-1].results[0]
        operands[where.source], operands[where.filter] = source, filters.result
        if match.bias is not None:
            bias = Const.of(match.bias, name_of(operands[where.bias]))
            new_ops.append(bias)
            operands[where.bias] = bias.result
        name = op.tensor_name()
        result = tensor_type(F32, shape_of(op.results[0]))
        if not is_int8(op.results[0]):
            layer = with_operands(op, operands, result, name)
            rewriter.replace(op, [*new_ops, layer])
            return "input and filter are binary: the filter need not be int8"
        layer = with_operands(op, operands, result, f"{name}/float")
        quantize = make_tfl("quantize", [layer.results[0]], op.result_types, names=op.names)
        rewriter.replace(op, [*new_ops, layer, quantize])
        return "input and filter are binary: no int8 values are multiplied"


def _is_float(value: SSAValue) -> bool:
    return value.type.element_type == F32  # type: ignore[attr-defined]


def _can_lose_zeros(layer: Any, source: SSAValue) -> bool:
    """Whether a binary value is padded with zeros that a later pass corrects: see there."""
    filters = shape_of(layer.operands[1])
    few = prod(shape_of(layer.results[0])) <= prod(filters)
    return is_tfl(layer, "conv_2d") and few and is_padded_with_zeros(source)
