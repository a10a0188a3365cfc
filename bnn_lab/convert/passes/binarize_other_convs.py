"""Depthwise and transposed convolutions of binary values, as ops of bnn_lab's own.

    x (all ±1) -> tfl.depthwise_conv_2d(filter = ±c per channel)   =>   lq.Quantize, lq.Depthwise2d
    x (all ±1) -> tfl.transpose_conv(filter = ±c per channel)      =>   lq.Quantize, lq.Transpose2d

LCE has no such ops, so its interpreter cannot run the file. With `lce_compatible` both stay float.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import F32
from bnn_lab.convert.ir.lq_dialect import BinaryConv, Depthwise2d, Transpose2d
from bnn_lab.convert.ir.tfl_dialect import MNEMONICS, TflOp, constant, is_tfl
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal, Role
from bnn_lab.convert.rewrite.binary_values import (
    bias_or_zeros,
    channel_magnitudes,
    is_binary,
)
from bnn_lab.convert.rewrite.build import BinaryPlan, binary_conv_ops, shape_of
from bnn_lab.convert.rewrite.layer_ops import LAYER_OPS
from bnn_lab.convert.rewrite.reasons import why_float
from bnn_lab.convert.rewrite.windows import same_pads_nothing
from bnn_lab.reference import window_axis

_OWN_OPS = "pass lce_compatible=False for a file that runs on bnn_lab alone"
_WHAT = {"depthwise_conv_2d": "a depthwise", "transpose_conv": "a transposed"}


class BinarizeOtherConvs(Pass):
    """DEPTHWISE_CONV_2D, TRANSPOSE_CONV of binary values => lq.Depthwise2d, lq.Transpose2d.

    Attributes:
        lce_compatible: refuse, because LCE's interpreter has no such op.
    """

    name = "binarize_other_convs"
    summary = "depthwise and transposed convolutions of ±1 values become ops of bnn_lab's own"
    role = Role.BINARIZES
    needs = (Fact.BINARY_KNOWN, Fact.LAYERS_IN_FLOAT, Fact.NO_ZERO_PADDING)
    gives = (Fact.CONVS_ARE_BINARY,)

    def __init__(self, lce_compatible: bool = False) -> None:
        self.lce_compatible = lce_compatible

    def check(self, op: Operation) -> BinaryPlan | Refusal | None:
        """Match any depthwise or transposed convolution; refuse with the reason."""
        if not isinstance(op, TflOp) or not is_tfl(op, *_WHAT):
            return None
        depthwise, where = is_tfl(op, "depthwise_conv_2d"), LAYER_OPS[op.MNEMONIC]
        source = op.operands[where.source]
        if refusal := why_float(op):
            if self.lce_compatible and refusal.advice:
                also = f"{refusal.advice}, and {_OWN_OPS}, since LCE has no op for it"
                return Refusal(refusal.reason, also)
            return refusal
        type_: Any = source.type
        if type_.element_type != F32 or len(shape_of(source)) != 4 or min(shape_of(source)) < 0:
            return Refusal(f"its input is {type_}, not a float32 NHWC tensor of fixed size")
        filters = constant(op.operands[1])
        if filters is None or filters.ndim != 4 or not is_binary(source):
            return Refusal("its input or its filter is not a float32 tensor of ±1")
        magnitudes = channel_magnitudes(np.moveaxis(filters, where.axis, 0))
        if magnitudes is None:
            return Refusal("its filter is not a float32 constant")
        bias = bias_or_zeros(op, len(magnitudes), at=where.bias)
        if bias is None:
            return Refusal("its bias is computed at run time")
        options = _depthwise(op, filters) if depthwise else _transposed(op, filters)
        if isinstance(options, Refusal):
            return options
        if self.lce_compatible:
            return Refusal(
                f"it is {_WHAT[op.MNEMONIC]} convolution on binary values, and LCE has no op for "
                "it; it computes in float, with the same result",
                _OWN_OPS,
            )
        after = None if op.activation == "none" else op.activation
        if after is not None and after not in MNEMONICS:
            return Refusal(f"its fused activation {after} has no op of its own")
        signs = np.where(filters < 0, np.float32(-1), np.float32(1))
        kind: type[BinaryConv] = Depthwise2d if depthwise else Transpose2d
        return BinaryPlan(kind, options, source, signs, magnitudes, bias, after)

    def rewrite(self, op: Any, match: BinaryPlan, rewriter: PatternRewriter) -> str:
        """Insert quantize, constants and the binary convolution."""
        rewriter.replace(op, binary_conv_ops(op, match))
        return f"{len(match.multiplier)} output channels, runs on bnn_lab alone"


def _depthwise(op: TflOp, filters: NDArray) -> dict[str, Any] | Refusal:
    _, height, width, channels = shape_of(op.operands[0])
    stride = op.option("strideH"), op.option("strideW")
    dilation = op.option("dilationHFactor"), op.option("dilationWFactor")
    factor, rest = divmod(filters.shape[3], channels)
    if rest or filters.shape[0] != 1 or not factor:
        return Refusal(f"its filter of shape {filters.shape} does not fit {channels} channels")
    same = op.choice("padding") == "same"
    kernel = filters.shape[1], filters.shape[2]
    if same_pads_nothing((height, width), kernel, stride, dilation):
        same = False
    return {
        "channels_in": channels,
        "depth_multiplier": factor,
        "stride_height": stride[0],
        "stride_width": stride[1],
        "dilation_height_factor": dilation[0],
        "dilation_width_factor": dilation[1],
        "padding": "same" if same else "valid",
    }


def _transposed(op: TflOp, filters: NDArray) -> dict[str, Any] | Refusal:
    _, height, width, channels = shape_of(op.operands[2])
    _, out_h, out_w, _ = shape_of(op.results[0])
    stride, padding = (op.option("strideH"), op.option("strideW")), op.choice("padding")
    if filters.shape[3] != channels or min(out_h, out_w) < 1:
        return Refusal(f"its filter of shape {filters.shape} does not fit {channels} channels")
    for size, out, axis in ((height, out_h, 0), (width, out_w, 1)):
        if window_axis(out, filters.shape[1 + axis], stride[axis], 1, padding).out != size:  # type: ignore[arg-type]
            return Refusal(f"no convolution of {out} values gives the {size} of its input")
    return {
        "channels_in": channels,
        "output_height": out_h,
        "output_width": out_w,
        "stride_height": stride[0],
        "stride_width": stride[1],
        "padding": padding,
    }
