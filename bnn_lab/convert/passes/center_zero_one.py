"""A convolution or dense layer of 0 and 1 becomes one of -1 and +1.

    x -> tfl.relu -> tfl.sign           -> [tfl.padv2(p)] -> tfl.conv_2d(filter f, bias b)
    x -> tfl.greater_equal(t) -> tfl.cast -> [tfl.padv2(p)] -> tfl.conv_2d(filter f, bias b)
=>
    x -> lq.Quantize -> lq.Dequantize -> [tfl.padv2(2p - 1)] -> tfl.conv_2d(f / 2, b + sum(f) / 2)

Heaviside's u in {0, 1} is (1 + s) / 2 for a binary s, so the sum over u is half the sum over s
plus half the sum of the filter: the same for every pixel. TensorFlow's does the reverse to
a sign written as 2 * cast(x >= 0) - 1, folding the 2 and the -1 into the layer. Where a bit cannot
tell s (which needs -1 at x = 0), it tells -s, and the filter is negated. Zeros of SAME padding are
values of u like others: -1 of s, padded by an op of its own.
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
    producer,
    tensor_names,
)
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal
from bnn_lab.convert.rewrite.binary_values import (
    bias_or_zeros,
    channel_magnitudes,
    pad_value,
    pad_widths,
)
from bnn_lab.convert.rewrite.build import shape_of, with_operands
from bnn_lab.convert.rewrite.comparison import (
    Comparison,
    bit_refusal,
    comparison_of,
    negative_where,
    sign_ops,
)
from bnn_lab.reference import window_axis

_SUBJECTS = ("conv_2d", "fully_connected")


class _Match(NamedTuple):
    comparison: Comparison
    flipped: bool  # the bits tell -s
    moves: list[TflOp]  # reshapes and paddings between u and the layer, the last one first
    filters: NDArray[np.float32]
    bias: NDArray[np.float32]


class CenterZeroOne(Pass):
    """CONV_2D or FULLY_CONNECTED of 0 / 1 => the same of -1 / +1."""

    name = "center_zero_one"
    summary = "a layer of 0 and 1 with a binary filter becomes one of -1 and +1, its bias shifted"
    needs = (Fact.SIGNS_KNOWN,)
    gives = (Fact.BINARY_KNOWN,)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match a layer with a binary filter whose input is 0 or 1."""
        if not isinstance(op, TflOp) or not is_tfl(op, *_SUBJECTS):
            return None
        filters = constant(op.operands[1])
        if filters is None or filters.dtype != np.float32 or filters.ndim < 2:
            return None
        found = _zero_one(op.operands[0])
        if found is None or channel_magnitudes(filters) is None:
            return None
        moves, comparison, type_ = found
        if op.results[0].type.element_type != F32:  # type: ignore[attr-defined]
            return None
        if any(pad_value(move) not in (0.0, 1.0) for move in moves if is_tfl(move, "pad", "padv2")):
            return Refusal(
                "its input of 0 and 1 is padded with another value",
                "pad with 0 or 1, or use a quantizer with values -1 and +1",
            )
        bias = bias_or_zeros(op, len(filters))
        if bias is None:
            return Refusal("its bias is computed at run time")
        refusal = bit_refusal(comparison, type_)
        if refusal is not None:
            return refusal
        # +1 where the comparison holds needs a bit where it does not; else tell the opposite.
        flipped = negative_where(comparison.kind, holds=False) not in ("less", "greater")
        return _Match(comparison, flipped, moves, filters, bias)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Take signs, move and pad them alike, and change the layer's constants."""
        name = op.tensor_name()
        sign = -1.0 if match.flipped else 1.0
        negative = negative_where(match.comparison.kind, holds=match.flipped)
        type_ = match.comparison.source.type
        new_ops = sign_ops(match.comparison, negative, type_, f"{name}/sign")
        value: SSAValue = new_ops[-1].results[0]
        for move in reversed(match.moves):
            value = _moved(move, value, sign, new_ops)
        same = is_tfl(op, "conv_2d") and op.choice("padding") == "same"
        if same:
            value = _padded_as_same(op, match.filters, value, sign, new_ops)
        half = (match.filters * np.float32(sign / 2)).astype(np.float32)
        others = tuple(range(1, match.filters.ndim))
        total = match.bias + match.filters.astype(np.float64).sum(axis=others) / 2
        filters = Const.of(half, name_of(op.operands[1]))
        has_bias = len(op.operands) > 2 and not is_absent(op.operands[2])
        bias_name = name_of(op.operands[2]) if has_bias else f"{name}/bias"
        bias = Const.of(total.astype(np.float32), bias_name)
        filters.result.name_hint, bias.result.name_hint = "filter", "bias"
        operands = [value, filters.result, bias.result]
        options = {"padding": "valid"} if same else {}
        layer = with_operands(op, operands, op.results[0].type, name, **options)
        rewriter.replace(op, [*new_ops, filters, bias, layer])
        return "0 and 1 are half of 1 and a sign; the bias takes half of the filter's sum"


def _moves(value: SSAValue) -> tuple[list[TflOp], SSAValue]:
    """(reshapes and paddings that lead to a value, the last one first; what they start from)."""
    moves: list[TflOp] = []
    while True:
        op: Any = producer(value)
        padded = is_tfl(op, "pad", "padv2") and pad_widths(op) is not None
        if not padded and not is_tfl(op, "reshape"):
            return moves, value
        moves.append(op)
        value = op.operands[0]


def _zero_one(value: SSAValue) -> tuple[list[TflOp], Comparison, Any] | None:
    """(moves as of `_moves`, comparison whose truth they move, its type in float32)."""
    moves, value = _moves(value)
    op: Any = producer(value)
    if not is_tfl(op, "cast", "sign") or value.type.element_type != F32:  # type: ignore[attr-defined]
        return None
    between, inner = _moves(op.operands[0])
    if not all(is_tfl(move, "reshape") for move in between):
        return None
    if is_tfl(op, "cast"):
        comparison = comparison_of(inner)
    else:
        positive = _above_zero(inner)
        zero = np.zeros((), np.float32)
        comparison = None if positive is None else Comparison(positive, "greater", zero)
    if comparison is None:
        return None
    return [*moves, *between], comparison, tensor_type(F32, shape_of(inner))


def _above_zero(value: SSAValue) -> SSAValue | None:
    """What is above zero where `value`, which is never below, is; None if it may be below."""
    op: Any = producer(value)
    if is_tfl(op, "relu", "relu6"):
        return op.operands[0]
    clamped: Any = op
    while is_tfl(clamped, "max_pool_2d", "reshape") and clamped.activation == "none":
        clamped = producer(clamped.operands[0])
    never_below = is_tfl(clamped, "relu", "relu6") or (
        isinstance(clamped, TflOp) and clamped.activation in ("relu", "relu6")
    )
    return value if never_below else None


def _moved(move: TflOp, value: SSAValue, sign: float, new_ops: list[Operation]) -> SSAValue:
    """The same reshape or padding of signs."""
    # A reshape may be of the comparison's bools.
    result, name = tensor_type(F32, shape_of(move.results[0])), f"{move.tensor_name()}/sign"
    if is_tfl(move, "reshape"):
        made = with_operands(move, [value, *move.operands[1:]], result, name)
    else:
        padded = np.float32(sign * (2 * (pad_value(move) or 0.0) - 1))
        made = _pad(value, move.operands[1], padded, result, name, new_ops)
    new_ops.append(made)
    return made.results[0]


def _padded_as_same(
    conv: TflOp, filters: NDArray, value: SSAValue, sign: float, new_ops: list[Operation]
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
    if not widths.any():
        return value
    grown = [int(length + widths[axis + 1].sum()) for axis, length in enumerate(size)]
    result = tensor_type(F32, (batch, *grown, channels))
    name = f"{conv.tensor_name()}/padded"
    paddings = Const.of(widths, f"{name}/paddings")
    paddings.result.name_hint = "paddings"
    new_ops.append(paddings)
    made = _pad(value, paddings.result, np.float32(-sign), result, name, new_ops)
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
