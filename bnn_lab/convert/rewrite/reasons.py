"""Why a layer is not binary: the first cause that a user can change, and how."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.func import ReturnOp
from xdsl.ir import Operation, SSAValue

from bnn_lab.convert.ir.lq_dialect import BinaryConv
from bnn_lab.convert.ir.tfl_dialect import TflOp, constant, is_tfl, name_of, producer
from bnn_lab.convert.rewrite.base import Refusal
from bnn_lab.convert.rewrite.binary_values import (
    MOVES,
    channel_magnitudes,
    describe_filter,
    is_binary,
    pad_value,
)
from bnn_lab.convert.rewrite.int8_values import dequantized
from bnn_lab.convert.rewrite.layer_ops import LAYER_OPS, source_and_filter
from bnn_lab.convert.rewrite.pointwise import chain_of
from bnn_lab.convert.rewrite.steps import Pieces, pieces_of, step_of, two_values_behind

STE_SIGN = 'use input_quantizer="ste_sign"'
_SPLIT = (
    'write it as a QuantDepthwiseConv2D and a QuantConv2D of size 1 with input_quantizer="ste_sign"'
    ' and kernel_quantizer="ste_sign"'
)
_PADDING = 'use padding="same" (with pad_values=1 for the fastest result)'
_IMAGE = (
    "it reads the model's input: binarizing the image costs accuracy, so networks keep such a "
    "layer float"
)
_CLASSIFIER = (
    "its result is the model's output: binarizing what a classifier reads costs accuracy, so "
    "networks keep such a layer float"
)


def why_float(op: TflOp) -> Refusal | None:
    """Why a layer's input or filter is not binary, None if both are.

    Args:
        op: one of `LAYER_OPS`, float or int8.

    Returns:
        The input's fault, if it is meant to be binary or the filter is; else the filter's.
    """
    layer = LAYER_OPS[op.MNEMONIC]
    given = _input_fault(op.operands[layer.source])
    kernel = _filter_fault(op, op.operands[layer.filter])
    if given is None or kernel is None:
        return (given and _with_place(op, given)) or kernel
    if given.advice == _PADDING:
        return kernel  # with a binary one the padding would be corrected
    if _is_quantized(op.operands[layer.source]):
        return given
    if given.advice == _SPLIT:
        return _with_place(op, given)
    both = f'use input_quantizer="ste_sign" and {layer.larq_option}="ste_sign"'
    reason = f"{given.reason}, and neither is its filter"
    return _with_place(op, Refusal(reason, both))


def _with_place(op: TflOp, refusal: Refusal) -> Refusal:
    """Does not urge to binarize what networks keep float for good reason."""
    if STE_SIGN.removeprefix("use ") not in refusal.advice or "whose zero" in refusal.advice:
        return refusal
    place = _IMAGE if _reads_input(op) else _CLASSIFIER if _gives_output(op) else ""
    return Refusal(refusal.reason, f"{refusal.advice}; but {place}" if place else refusal.advice)


def _reads_input(op: TflOp) -> bool:
    """Whether no other layer stands between the model's inputs and this one."""
    layer = LAYER_OPS[op.MNEMONIC]
    stack, seen = [op.operands[layer.source]], set()
    while stack:
        value = stack.pop()
        maker = producer(value)
        if value in seen or maker is None:
            continue
        seen.add(value)
        if source_and_filter(maker) is not None:
            return False
        stack += maker.operands
    return True


def _gives_output(op: TflOp) -> bool:
    """Whether no other layer stands between this one and the model's outputs."""
    stack: list[Operation] = [op]
    seen: set[Operation] = set()
    ends = False
    while stack:
        at = stack.pop()
        for use in (use for result in at.results for use in result.uses):
            reader = use.operation
            if source_and_filter(reader) is not None:
                return False
            ends |= isinstance(reader, ReturnOp)
            if reader not in seen:
                seen.add(reader)
                stack.append(reader)
    return ends


def _is_quantized(source: SSAValue) -> bool:
    """Whether something like a quantizer makes a value."""
    return chain_of(two_values_behind(source)[1], through_signs=True).jumps


def _input_fault(source: SSAValue) -> Refusal | None:
    maker = producer(source)
    if is_tfl(maker, "quantize", "dequantize") and is_binary(maker.operands[0]):  # type: ignore[union-attr]
        return None
    if is_binary(source):
        return None
    pad: Any = maker
    while is_tfl(pad, *MOVES, "quantize", "dequantize"):
        pad = producer(pad.operands[0])
    if is_tfl(pad, "pad", "padv2") and is_binary(pad.operands[0]):
        return Refusal(
            f"its binary input is padded with {pad_value(pad)}, which is not +1 or -1",
            _PADDING,
        )
    value = two_values_behind(source)[1]
    if step_of(value) is not None:
        return None
    if _is_half_of_separable(source):
        return Refusal("its pointwise half reads the sums of its depthwise half", _SPLIT)
    chain = chain_of(value, through_signs=True)
    pieces = pieces_of(chain) if chain.jumps else None
    if pieces is not None:
        return _quantizer_fault(source, pieces)
    return Refusal(
        f"its input '{name_of(source)}' is not binary ({_origin(chain.ops, maker)})", STE_SIGN
    )


def _is_half_of_separable(source: SSAValue) -> bool:
    """Whether it is the depthwise half of a separable convolution: nothing can stand after it.

    TensorFlow names it so; an op of our own or a quantization in int8 may have taken its place.
    """
    names = [name_of(source)]
    while is_tfl(maker := producer(source), "quantize", "dequantize"):
        source = maker.operands[0]  # type: ignore[union-attr]
        names.append(name_of(source))
    named = any("/separable_conv2d/" in name for name in names)
    return named and (is_tfl(maker, "depthwise_conv_2d") or isinstance(maker, BinaryConv))


def _quantizer_fault(source: SSAValue, pieces: Pieces) -> Refusal:
    numbers = pieces.numbers
    shown = ", ".join(f"{number:.6g}" for number in numbers[:-1]) + f" and {numbers[-1]:.6g}"
    name = name_of(source)
    if len(numbers) == 1:
        return Refusal(f"its input '{name}' is always {numbers[0]:.6g}", "check the quantizer")
    if len(numbers) == 2:
        return Refusal(
            f"its input '{name}' is {shown}, but changes more than once: a bit tells one side of a "
            "threshold from the other",
            "use a quantizer with one threshold, such as ste_sign",
        )
    if _is_plain_sign(pieces):
        middle = numbers[1]
        return Refusal(
            f"its input '{name}' takes {len(numbers)} values, {shown}: a plain sign, which is "
            f"{middle:.6g} at 0",
            f"{STE_SIGN}, whose zero is +1",
        )
    return Refusal(
        f"its input '{name}' takes {len(numbers)} values, {shown}, as ternary and DoReFa "
        "quantizers have it",
        "use a quantizer of two values, such as ste_sign",
    )


def _is_plain_sign(pieces: Pieces) -> bool:
    """Whether the value in the middle is that of one number only."""
    if len(pieces.numbers) != 3 or len(pieces.starts) != 3:
        return False
    middle = pieces.starts[1]
    return bool(np.all(np.nextafter(middle, np.float32(np.inf)) == pieces.starts[2]))


def _origin(ops: list[TflOp], maker: Any) -> str:
    if maker is None:
        return "a model input"
    if any(is_tfl(op, "round", "floor", "ceil") for op in ops):
        return "rounded to several levels, as DoReFa does"
    if is_tfl(maker, "depthwise_conv_2d") or isinstance(maker, BinaryConv):
        return f"sums computed by {maker.name}"
    return f"computed by {maker.name}"


def _filter_fault(op: TflOp, filters: SSAValue) -> Refusal | None:
    layer = LAYER_OPS[op.MNEMONIC]
    values = filter_values(filters)
    if values is None:
        maker = producer(filters)
        origin = "given at run time" if maker is None else f"computed at run time, by {maker.name}"
        return Refusal(f"its filter '{name_of(filters)}' is {origin}")
    by_channel = np.moveaxis(values, layer.axis, 0) if values.ndim > 1 else values[None]
    if channel_magnitudes(by_channel) is not None:
        return None
    return Refusal(
        f"its filter is not binary: {describe_filter(by_channel)}",
        f'use {layer.larq_option}="ste_sign"',
    )


def filter_values(filters: SSAValue) -> NDArray[np.float32] | None:
    """The numbers of a constant filter, int8 or float32; None if it is computed."""
    real = dequantized(filters)
    data = constant(filters) if real is None else real
    return data if data is not None and data.dtype == np.float32 else None
