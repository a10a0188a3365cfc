"""A dense layer of binary values becomes a 1x1 convolution of an image one pixel high.

    x (N, C), all ±1 -> tfl.fully_connected(weights (O, C), all ±c per output)
=>
    x -> tfl.reshape (N, 1, 1, C) -> tfl.conv_2d 1x1 (weights (O, 1, 1, C)) -> tfl.reshape (N, O)

The file format has no binary dense op, but one pixel of a convolution is a dense layer. More
leading dimensions become more pixels: (N, L, C) is an image of 1 x L.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab._words import counted
from bnn_lab.convert.ir.attributes import F32, tensor_type
from bnn_lab.convert.ir.options import Options, OptionsAttr
from bnn_lab.convert.ir.tfl_dialect import Const, constant, is_tfl, make_tfl, name_of, tensor_names
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal, Role
from bnn_lab.convert.rewrite.binary_values import (
    bias_or_zeros,
    channel_magnitudes,
    is_binary,
)
from bnn_lab.convert.rewrite.build import reshape_ops, shape_of


class _Match(NamedTuple):
    pixels: tuple[int, int, int]  # batch, height 1, width
    weights: NDArray[np.float32]
    bias: NDArray[np.float32]


class DenseToConv(Pass):
    """FULLY_CONNECTED of binary values => RESHAPE, CONV_2D 1x1, RESHAPE."""

    name = "dense_to_conv"
    summary = "a dense layer of ±1 values and weights becomes a 1x1 convolution"
    role = Role.PREPARES
    needs = (Fact.BINARY_KNOWN, Fact.LAYERS_IN_FLOAT)
    gives = (Fact.DENSE_ARE_CONVS,)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match a dense layer of binary values and weights."""
        if not is_tfl(op, "fully_connected"):
            return None
        dense: Any = op
        source, weights = dense.operands[0], constant(dense.operands[1])
        if not is_binary(source) or weights is None or weights.dtype != np.float32:
            return None  # explain_float_ops says why
        if weights.ndim != 2 or channel_magnitudes(weights) is None:
            return None
        if dense.option("weightsFormat") != 0:
            return Refusal("its weights are stored in a shuffled format")
        outputs, depth = weights.shape
        bias = bias_or_zeros(dense, outputs)
        if bias is None:
            return Refusal("its bias is computed at run time")
        shape = shape_of(source)
        rows = int(np.prod(shape)) // depth
        if min(shape) < 0 or rows * depth != int(np.prod(shape)):
            return Refusal("its input's size is dynamic", "fix the input's shape")
        batch = shape[0] if rows % shape[0] == 0 else 1
        return _Match((batch, 1, rows // batch), weights, bias)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Replace the dense layer; later passes make the convolution binary."""
        name = op.tensor_name()
        outputs, depth = match.weights.shape
        image = tensor_type(F32, (*match.pixels, depth))
        first = reshape_ops(op.operands[0], image, f"{name}/image")
        filters = Const.of(match.weights.reshape(outputs, 1, 1, depth), name_of(op.operands[1]))
        bias = Const.of(match.bias, f"{name}/bias" if len(op.operands) < 3 else _bias_name(op))
        filters.result.name_hint, bias.result.name_hint = "weights", "bias"
        options = Options.make(
            "Conv2DOptions",
            padding="valid",
            strideH=1,
            strideW=1,
            fusedActivationFunction=op.activation,
        )
        conv = make_tfl(
            "conv_2d",
            [first[-1].results[0], filters.result, bias.result],
            [tensor_type(F32, (*match.pixels, outputs))],
            OptionsAttr(options),
            tensor_names(f"{name}/pixels"),
        )
        last = reshape_ops(conv.results[0], op.results[0].type, name)
        rewriter.replace(op, [*first, filters, bias, conv, *last])
        return f"{depth} to {outputs} features, {counted(match.pixels[2], 'pixel')} an image"


def _bias_name(op: Any) -> str:
    return name_of(op.operands[2]) or f"{op.tensor_name()}/bias"
