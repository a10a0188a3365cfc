"""A layer of two values becomes one of -1 and +1.

    x -> tfl.relu -> tfl.sign             -> [tfl.padv2(p)] -> tfl.conv_2d(filter f, bias b)
    x -> tfl.greater_equal(t) -> tfl.cast -> [tfl.padv2(p)] -> tfl.conv_2d(filter f, bias b)
=>
    x -> lq.Quantize -> lq.Dequantize -> [tfl.padv2(2p - 1)] -> tfl.conv_2d(f / 2, b + sum(f) / 2)

Heaviside's u in {0, 1} is (1 + s) / 2 for a binary s, so the sum over u is half the sum over s
plus half the sum of the filter: the same for every pixel. Any two values are m + h * s: the filter
takes h, the bias m times the filter's sum. The stock converter does the reverse to a sign written
as 2 * cast(x >= 0) - 1, folding the 2 and the -1 into the layer. Zeros of SAME padding are values
like others, if zero is one of the two: an op of its own pads their signs; where m is 0 they stay.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import F32, tensor_type
from bnn_lab.convert.ir.options import Options, OptionsAttr
from bnn_lab.convert.ir.tfl_dialect import (
    Const,
    TflOp,
    constant,
    is_absent,
    is_tfl,
    make_tfl,
    name_of,
    tensor_names,
)
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal, Role
from bnn_lab.convert.rewrite.binary_values import (
    bias_or_zeros,
    channel_magnitudes,
    is_binary,
    pad_value,
)
from bnn_lab.convert.rewrite.build import shape_of, with_operands
from bnn_lab.convert.rewrite.layer_ops import LAYER_OPS, layer_op
from bnn_lab.convert.rewrite.signs import bit_refusal, ops_in_front, signs_of
from bnn_lab.convert.rewrite.steps import Step, step_of, two_values_behind
from bnn_lab.convert.rewrite.windows import same_pads_nothing
from bnn_lab.reference import window_axis

_SUBJECTS = ("conv_2d", "depthwise_conv_2d", "fully_connected", "transpose_conv")


class _Match(NamedTuple):
    step: Step
    value: SSAValue  # where the step ends
    moves: list[TflOp]  # between it and the layer, the last one first
    filters: NDArray[np.float32]
    bias: NDArray[np.float32] | None  # None to leave the layer's as it is
    negated: bool = False  # the bits tell -s

    @property
    def middle(self) -> float:
        """Halfway between the two values."""
        return (self.step.low + self.step.high) / 2

    @property
    def half(self) -> float:
        """Half of their difference, negative if the bits tell -s."""
        half = (self.step.high - self.step.low) / 2
        return -half if self.negated else half

    def sign_of(self, number: float) -> np.float32 | None:
        """What a padded number is among the signs, None if it is neither of the two values."""
        known = {self.step.low: -1, self.step.high: 1}
        if self.negated:
            known = {self.step.low: 1, self.step.high: -1}
        if self.middle == 0:
            known[0.0] = 0
        return np.float32(known[number]) if number in known else None


class CenterTwoValues(Pass):
    """CONV_2D, DEPTHWISE_CONV_2D, FULLY_CONNECTED of two values => the same of -1 / +1."""

    name = "center_two_values"
    summary = "a layer of any two values with a binary filter becomes one of -1 and +1"
    role = Role.PREPARES
    needs = (Fact.SIGNS_KNOWN, Fact.LAYERS_IN_FLOAT)
    gives = (Fact.BINARY_KNOWN,)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match a layer with a binary filter whose input takes two values."""
        where = layer_op(op, *_SUBJECTS)
        if where is None or not isinstance(op, TflOp):
            return None
        source, filters = op.operands[where.source], constant(op.operands[where.filter])
        if filters is None or filters.dtype != np.float32 or filters.ndim < 2:
            return None
        by_channel = np.moveaxis(filters, where.axis, 0)
        if channel_magnitudes(by_channel) is None or op.results[0].type.element_type != F32:  # type: ignore[attr-defined]
            return None
        moves, value = two_values_behind(source)
        step = step_of(value)
        if step is None or is_binary(source):
            return None
        others = tuple(range(1, by_channel.ndim))
        bias = bias_or_zeros(op, len(by_channel), where.bias)
        pooled = any(is_tfl(move, "max_pool_2d") for move in moves)
        # The filter can take the minus, which may spare an op in front of the bits.
        negated = not pooled and ops_in_front(step.negated()) < ops_in_front(step)
        match = _Match(step, value, moves, filters, None, negated)
        if match.middle:
            if bias is None:
                return Refusal("its bias is computed at run time")
            if is_tfl(op, "transpose_conv"):
                return Refusal(
                    f"its input takes the values {step.low:.6g} and {step.high:.6g}, and what they "
                    "add up to differs at the edge",
                    "use a quantizer with values -1 and +1, such as ste_sign",
                )
            shift = match.middle * by_channel.astype(np.float64).sum(axis=others)
            match = match._replace(bias=(bias + shift).astype(np.float32))
        padded = [pad_value(move) for move in moves if is_tfl(move, "pad", "padv2")]
        if _pads_zeros(op, filters):
            padded.append(0.0)
        for number in padded:
            if number is None or match.sign_of(number) is None:
                return Refusal(
                    f"its input of {step.low:.6g} and {step.high:.6g} is padded with another value",
                    f"pad with {step.low:.6g} or {step.high:.6g}, or use a quantizer with values "
                    "-1 and +1",
                )
        return bit_refusal(step) or match

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Take signs, move and pad them alike, and change the layer's constants."""
        name = op.tensor_name()
        where = LAYER_OPS[op.MNEMONIC]
        step = match.step.negated() if match.negated else match.step
        new_ops, value = signs_of(step, shape_of(match.value), f"{name}/sign")
        for move in reversed(match.moves):
            value = _moved(move, value, match, new_ops)
        same = _pads_zeros(op, match.filters) and match.middle != 0
        if same:
            padded = match.sign_of(0.0)
            assert padded is not None
            value = _padded_as_same(op, match.filters, value, padded, new_ops)
        filters = Const.of(
            (match.filters * np.float32(match.half)), name_of(op.operands[where.filter])
        )
        filters.result.name_hint = "filter"
        new_ops.append(filters)
        operands = list(op.operands)
        operands[where.source], operands[where.filter] = value, filters.result
        if match.bias is not None:
            has_bias = len(op.operands) > where.bias and not is_absent(op.operands[where.bias])
            bias_name = name_of(op.operands[where.bias]) if has_bias else f"{name}/bias"
            bias = Const.of(match.bias, bias_name)
            bias.result.name_hint = "bias"
            new_ops.append(bias)
            operands[where.bias :] = [bias.result]
        options = {"padding": "valid"} if same else {}
        layer = with_operands(op, operands, op.results[0].type, name, **options)
        rewriter.replace(op, [*new_ops, layer])
        shown = f"{match.step.low:.6g} and {match.step.high:.6g}"
        if not match.middle:
            return f"the filter takes the size of {shown}"
        centered = f"{match.middle:.6g} ± {abs(match.half):.6g}"
        return f"{shown} are {centered}; the bias takes what they share"


def _pads_zeros(op: TflOp, filters: NDArray) -> bool:
    """Whether the layer itself pads zeros."""
    if is_tfl(op, "fully_connected") or op.choice("padding") != "same":
        return False
    if is_tfl(op, "transpose_conv"):
        return True
    stride = op.option("strideH"), op.option("strideW")
    dilation = op.option("dilationHFactor"), op.option("dilationWFactor")
    size = shape_of(op.operands[0])[1:3]
    return not same_pads_nothing(size, filters.shape[1:3], stride, dilation)  # type: ignore[arg-type]


def _moved(move: TflOp, value: SSAValue, match: _Match, new_ops: list[Operation]) -> SSAValue:
    """The same move of signs."""
    if is_tfl(move, "quantize", "dequantize"):
        return value
    # A move may be of truth values or of int8.
    result, name = tensor_type(F32, shape_of(move.results[0])), f"{move.tensor_name()}/sign"
    if not is_tfl(move, "pad", "padv2"):
        made = with_operands(move, [value, *move.operands[1:]], result, name)
    else:
        padded = match.sign_of(pad_value(move) or 0.0)
        assert padded is not None
        made = _pad(value, move.operands[1], padded, result, name, new_ops)
    new_ops.append(made)
    return made.results[0]


def _padded_as_same(
    conv: TflOp,
    filters: NDArray,
    value: SSAValue,
    padded: np.float32,
    new_ops: list[Operation],
) -> SSAValue:
    """The signs of the zeros that a SAME convolution of 0 and 1 pads, if it pads any."""
    batch, *size, channels = shape_of(value)
    widths = np.zeros((4, 2), np.int32)
    strides = conv.option("strideH"), conv.option("strideW")
    dilations = conv.option("dilationHFactor"), conv.option("dilationWFactor")
    for axis in (0, 1):
        window = window_axis(
            size[axis], filters.shape[axis + 1], strides[axis], dilations[axis], "same"
        )
        widths[axis + 1] = window.before, window.after
    grown = [int(length + widths[axis + 1].sum()) for axis, length in enumerate(size)]
    result = tensor_type(F32, (batch, *grown, channels))
    name = f"{conv.tensor_name()}/padded"
    paddings = Const.of(widths, f"{name}/paddings")
    paddings.result.name_hint = "paddings"
    new_ops.append(paddings)
    made = _pad(value, paddings.result, padded, result, name, new_ops)
    new_ops.append(made)
    return made.results[0]


def _pad(
    value: SSAValue,
    widths: SSAValue,
    padded: np.float32,
    result: Any,
    name: str,
    new_ops: list[Operation],
) -> TflOp:
    constant_op = Const.of(padded, f"{name}/value")
    new_ops.append(constant_op)
    options = OptionsAttr(Options.make("PadV2Options"))
    operands = [value, widths, constant_op.result]
    return make_tfl("padv2", operands, [result], options, tensor_names(name))
