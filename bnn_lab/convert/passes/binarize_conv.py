"""A convolution of binary values with a binary filter becomes a binary convolution.

    x (all ±1) -> tfl.conv_2d(filter = ±c per output channel, bias b) {activation}
=>
    x -> lq.Quantize -> lq.Bconv2d(filter = ±1, multiplier c, bias b) [-> tfl.<activation>]

TensorFlow's converter folds a BatchNorm's scale into the ±1 filter, exactly, so c differs by
channel and a negative scale has flipped the signs; c = 0 gives multiplier 0.

lq.Bconv2d clamps the raw accumulator *before* multiplier and bias, TFLite after. So RELU moves
inside only if b = 0 and c >= 0, RELU6 and RELU_N1_TO_1 only if also c = 1; any other activation
becomes an op of its own. LCE's kernels take no fused activation with SAME padding of zeros.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import F32
from bnn_lab.convert.ir.lq_dialect import Bconv2d
from bnn_lab.convert.ir.tfl_dialect import MNEMONICS, constant, is_tfl
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal, Role
from bnn_lab.convert.rewrite.binary_values import bias_or_zeros, channel_magnitudes, is_binary
from bnn_lab.convert.rewrite.build import BinaryPlan, binary_conv_ops
from bnn_lab.convert.rewrite.reasons import why_float
from bnn_lab.convert.rewrite.windows import same_pads_nothing
from bnn_lab.reference import WORD_BITS

_FUSABLE = ("relu", "relu6", "relu_n1_to_1")


class BinarizeConv(Pass):
    """CONV_2D of binary values => lq.Bconv2d.

    Attributes:
        lce_compatible: use no combination of options that LCE's kernels reject.
    """

    name = "binarize_conv"
    summary = "a convolution of ±1 values with a ±c filter becomes lq.Bconv2d"
    role = Role.BINARIZES
    needs = (
        Fact.BINARY_KNOWN,
        Fact.LAYERS_IN_FLOAT,
        Fact.NO_ZERO_PADDING,
        Fact.WORDS_FILLED,
        Fact.DENSE_ARE_CONVS,
    )
    gives = (Fact.CONVS_ARE_BINARY,)

    def __init__(self, lce_compatible: bool = True) -> None:
        self.lce_compatible = lce_compatible

    def check(self, op: Operation) -> BinaryPlan | Refusal | None:
        """Match any convolution; refuse with the first thing that is not binary."""
        if not is_tfl(op, "conv_2d"):
            return None
        conv: Any = op
        if refusal := _check_values(conv):
            return refusal
        filters = constant(conv.operands[1])
        magnitudes = channel_magnitudes(filters)
        assert magnitudes is not None
        out_channels, kernel_h, kernel_w, group_in = filters.shape
        _, height, width, channels = conv.operands[0].type.get_shape()
        groups = channels // group_in
        if groups * group_in != channels or out_channels % groups:
            return Refusal(f"{channels} input channels do not divide into groups of {group_in}")
        if groups > 1 and group_in % WORD_BITS:
            return Refusal(
                f"its {groups} groups have {group_in} input channels each, and bits are packed in "
                f"words of {WORD_BITS} channels",
                f"make the input channels a multiple of {WORD_BITS * groups}, or at least of "
                f"{2 * groups} (then channels are added that cancel), or use pad_values=1",
            )
        bias = bias_or_zeros(conv, out_channels)
        if bias is None:
            return Refusal("its bias is computed at run time")

        padding = conv.choice("padding")
        stride = conv.option("strideH"), conv.option("strideW")
        dilation = conv.option("dilationHFactor"), conv.option("dilationWFactor")
        if same_pads_nothing((height, width), (kernel_h, kernel_w), stride, dilation):
            padding = "valid"
        inside = padding == "valid" or not self.lce_compatible
        fused, after = _place_activation(conv.activation, inside, magnitudes, bias)
        if after is not None and after not in MNEMONICS:
            return Refusal(f"its fused activation {after} has no op of its own")
        options = {
            "channels_in": channels,
            "stride_height": stride[0],
            "stride_width": stride[1],
            "dilation_height_factor": dilation[0],
            "dilation_width_factor": dilation[1],
            "padding": padding,
            "fused_activation_function": fused,
        }
        signs = np.where(filters < 0, np.float32(-1), np.float32(1))
        return BinaryPlan(Bconv2d, options, conv.operands[0], signs, magnitudes, bias, after)

    def rewrite(self, op: Any, match: BinaryPlan, rewriter: PatternRewriter) -> str:
        """Insert quantize, constants and the binary convolution."""
        rewriter.replace(op, binary_conv_ops(op, match))
        return _describe(match)


def _check_values(conv: Any) -> Refusal | None:
    source = conv.operands[0]
    shape = source.type.get_shape()
    if len(shape) == 4 and shape[3] < 0:
        return Refusal("its number of input channels is dynamic", "fix the input's shape")
    if refusal := why_float(conv):
        return refusal
    filters = constant(conv.operands[1])
    if source.type.element_type != F32 or len(shape) != 4 or not is_binary(source):
        return Refusal(f"its input is {source.type}, not a float32 NHWC tensor of ±1")
    if filters is None or filters.dtype != np.float32 or filters.ndim != 4:
        return Refusal("its filter is not a float32 constant")
    return None


def _place_activation(
    activation: str, allowed: bool, multiplier: NDArray, bias: NDArray
) -> tuple[str, str | None]:
    """(activation fused before the multiplier, activation op after the convolution)."""
    if activation == "none":
        return "none", None
    exact = activation == "relu" or bool(np.all(multiplier == 1))
    if activation in _FUSABLE and allowed and exact and not bias.any():
        return activation, None
    return "none", activation


def _describe(plan: BinaryPlan) -> str:
    out_channels, kernel_h, kernel_w, group_in = plan.signs.shape
    channels, fused = plan.options["channels_in"], plan.options["fused_activation_function"]
    parts = [f"{kernel_h}x{kernel_w} filter, {channels} to {out_channels} channels"]
    if channels > group_in:
        parts.append(f"{channels // group_in} groups")
    if zero := int(np.sum(plan.multiplier == 0)):
        parts.append(f"{zero} channels with multiplier 0")
    if plan.activation_after:
        parts.append(f"{plan.activation_after} stays a separate op")
    elif fused != "none":
        parts.append(f"{fused} clamps the accumulator")
    return ", ".join(parts)
