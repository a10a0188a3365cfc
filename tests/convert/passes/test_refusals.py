"""Refusals that the passes' own tests do not reach: each leaves the graph alone and says why."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from xdsl.dialects.builtin import IntegerType

from bnn_lab.convert import ir_text
from bnn_lab.convert.ir.attributes import F32, I8, I32, QuantParams, tensor_type
from bnn_lab.convert.ir.lq_dialect import Bconv2d, Quantize
from bnn_lab.convert.ir.tfl_dialect import tensor_names
from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.binarize_other_convs import BinarizeOtherConvs
from bnn_lab.convert.passes.cancel_dequantize import CancelDequantize
from bnn_lab.convert.passes.center_two_values import CenterTwoValues
from bnn_lab.convert.passes.correct_zero_padding import CorrectZeroPadding
from bnn_lab.convert.passes.dense_to_conv import DenseToConv
from bnn_lab.convert.passes.emit_bits import EmitBits
from bnn_lab.convert.passes.fold_one_padding import FoldOnePadding
from bnn_lab.convert.passes.fold_zero_padding import FoldZeroPadding
from bnn_lab.convert.passes.fuse_scale import FuseScale
from bnn_lab.convert.passes.pack_filters import PackFilters
from bnn_lab.convert.passes.quantize_before_concat import QuantizeBeforeConcat
from bnn_lab.convert.passes.quantize_before_layout import QuantizeBeforeLayout
from bnn_lab.convert.passes.quantize_before_pad import QuantizeBeforePad
from bnn_lab.convert.passes.quantize_from_int8 import QuantizeFromInt8
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps
from bnn_lab.convert.passes.scale_before_pool import ScaleBeforePool

BOOL = IntegerType(1)
SHAPE = (1, 6, 6, 32)
SIGN = RecognizeSign(), RemoveDeadOps()
CONV = *SIGN, BinarizeConv(), CancelDequantize(), RemoveDeadOps()


class Case(NamedTuple):
    build: Callable[..., Any]
    step: Any
    prepare: tuple[Any, ...]
    reason: str


CASES: list[Case] = []


def case(step: Any, *prepare: Any, reason: str) -> Callable[[Any], Any]:
    def register(build: Callable[..., Any]) -> Callable[..., Any]:
        CASES.append(Case(build, step, prepare, reason))
        return build

    return register


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def raw_conv(g: Any, x: Any, filters: Any, bias: Any, shape: tuple[int, ...], **options: Any):
    return g.op(
        "conv_2d", x, filters, bias, shape=shape, table="Conv2DOptions",
        **{"padding": "valid", "strideH": 1, "strideW": 1, **options},
    )  # fmt: skip


def bconv(g: Any, **options: Any) -> Any:
    return g.conv(g.sign(g.input(*SHAPE)), ones(8, 3, 3, 32), **options)


@case(RecognizeSign(), reason="a scalar, which has no channels")
def sign_of_a_scalar(g):
    return g.sign(g.input())


@case(RecognizeSign(), reason="number of channels is dynamic")
def sign_of_dynamic_channels(g):
    return g.sign(g.input(1, 6, 6, -1))


@case(CenterTwoValues(), reason="number of channels is dynamic")
def zero_one_of_dynamic_channels(g):
    zero_one = g.op("sign", g.op("relu", g.input(1, 6, 6, -1)))
    return raw_conv(g, zero_one, g.const(ones(8, 3, 3, 32)), g.absent(), (1, 4, 4, 8))


@case(FoldZeroPadding(), *SIGN, reason="filter or the padding is computed at run time")
def zero_padding_by_computed_widths(g):
    widths = g.input(4, 2, name="widths")
    padded = g.op("pad", g.sign(g.input(*SHAPE)), widths, shape=(1, 8, 8, 32), table="PadOptions")
    return raw_conv(g, padded, g.const(ones(8, 3, 3, 32)), g.absent(), (1, 6, 6, 8))


@case(CorrectZeroPadding(), *SIGN, reason="covers batch or channels, or its size is dynamic")
def zero_padding_of_channels(g):
    widths = g.const(np.int32([[0, 0], [2, 0], [0, 0], [0, 4]]))
    padded = g.op("pad", g.sign(g.input(*SHAPE)), widths, shape=(1, 8, 6, 36), table="PadOptions")
    return g.conv(padded, ones(8, 3, 3, 36))


@case(FoldOnePadding(), *SIGN, BinarizeConv(), reason="padding is computed at run time")
def one_padding_by_computed_widths(g):
    widths = g.input(4, 2, name="widths")
    padded = g.op(
        "padv2", g.sign(g.input(*SHAPE)), widths, g.const(np.float32(1)), shape=(1, 8, 8, 32),
        table="PadV2Options",
    )  # fmt: skip
    return raw_conv(g, padded, g.const(ones(8, 3, 3, 32)), g.absent(), (1, 6, 6, 8))


@case(FoldOnePadding(), *SIGN, BinarizeConv(), reason="its padding with ones is not SAME: it pads")
def one_padding_that_is_not_same(g):
    return g.conv(g.pad(g.sign(g.input(*SHAPE)), [(2, 0), (1, 1)], 1), ones(8, 3, 3, 32))


@case(DenseToConv(), *SIGN, reason="bias is computed at run time")
def dense_with_computed_bias(g):
    return g.op(
        "fully_connected", g.sign(g.input(1, 32)), g.const(ones(7, 32)), g.input(7, name="b"),
        shape=(1, 7), table="FullyConnectedOptions",
    )  # fmt: skip


@case(DenseToConv(), *SIGN, reason="size is dynamic")
def dense_of_dynamic_rows(g):
    return g.op(
        "fully_connected", g.sign(g.input(1, -1, 32)), g.const(ones(7, 32)), g.absent(),
        shape=(1, -1, 7), table="FullyConnectedOptions",
    )  # fmt: skip


@case(BinarizeConv(), *SIGN, reason="not a float32 NHWC tensor")
def conv_of_rank_3(g):
    return raw_conv(g, g.sign(g.input(1, 6, 32)), g.const(ones(8, 3, 3, 32)), g.absent(), (1, 4, 8))


@case(BinarizeConv(), reason="number of input channels is dynamic")
def conv_of_dynamic_channels(g):
    x = g.input(1, 6, 6, -1)
    return raw_conv(g, x, g.const(ones(8, 3, 3, 32)), g.absent(), (1, 4, 4, 8))


@case(BinarizeConv(), *SIGN, reason="32 input channels do not divide into groups of 20")
def conv_of_uneven_groups(g):
    x = g.sign(g.input(*SHAPE))
    return raw_conv(g, x, g.const(ones(8, 3, 3, 20)), g.absent(), (1, 4, 4, 8))


@case(BinarizeConv(), *SIGN, reason="bias is computed at run time")
def conv_with_computed_bias(g):
    bias = g.input(8, name="b")
    return raw_conv(g, g.sign(g.input(*SHAPE)), g.const(ones(8, 3, 3, 32)), bias, (1, 4, 4, 8))


@case(BinarizeConv(), *SIGN, reason="fused activation sign_bit has no op of its own")
def conv_with_odd_activation(g):
    return bconv(g, activation="sign_bit")


def depthwise(g: Any, x: Any, filters: np.ndarray, bias: Any = None, **options: Any) -> Any:
    return g.op(
        "depthwise_conv_2d", x, g.const(filters), bias or g.absent(),
        shape=(1, 4, 4, filters.shape[-1]), table="DepthwiseConv2DOptions",
        **{"padding": "valid", "strideH": 1, "strideW": 1, "depthMultiplier": 1, **options},
    )  # fmt: skip


@case(BinarizeOtherConvs(), *SIGN, reason="not a float32 NHWC tensor of fixed size")
def depthwise_of_dynamic_size(g):
    return depthwise(g, g.sign(g.input(1, -1, 6, 32)), ones(1, 3, 3, 32))


@case(BinarizeOtherConvs(), *SIGN, reason="does not fit 32 channels")
def depthwise_of_other_channels(g):
    return depthwise(g, g.sign(g.input(*SHAPE)), ones(1, 3, 3, 40))


@case(BinarizeOtherConvs(), *SIGN, reason="its filter 'w' is given at run time")
def depthwise_with_computed_filter(g):
    return g.op(
        "depthwise_conv_2d", g.sign(g.input(*SHAPE)), g.input(1, 3, 3, 32, name="w"), g.absent(),
        shape=(1, 4, 4, 32), table="DepthwiseConv2DOptions",
    )  # fmt: skip


@case(BinarizeOtherConvs(), *SIGN, reason="bias is computed at run time")
def depthwise_with_computed_bias(g):
    return depthwise(g, g.sign(g.input(*SHAPE)), ones(1, 3, 3, 32), g.input(32, name="b"))


@case(BinarizeOtherConvs(), *SIGN, reason="fused activation sign_bit has no op of its own")
def depthwise_with_odd_activation(g):
    x = g.sign(g.input(*SHAPE))
    return depthwise(g, x, ones(1, 3, 3, 32), fusedActivationFunction="sign_bit")


def transposed(g: Any, channels: int, size: int) -> Any:
    return g.op(
        "transpose_conv", g.const(np.int32([1, size, size, 8])), g.const(ones(8, 3, 3, channels)),
        g.sign(g.input(*SHAPE)), shape=(1, size, size, 8), table="TransposeConvOptions",
        padding="same", strideH=2, strideW=2,
    )  # fmt: skip


@case(BinarizeOtherConvs(), *SIGN, reason="does not fit 32 channels")
def transposed_of_other_channels(g):
    return transposed(g, 40, 12)


@case(BinarizeOtherConvs(), *SIGN, reason="no convolution of 30 values gives the 6 of its input")
def transposed_to_another_size(g):
    return transposed(g, 32, 30)


@case(ScaleBeforePool(), *CONV, reason="has other readers")
def scale_of_a_pool_with_readers(g):
    pooled = g.pool(bconv(g))
    return pooled, g.mul(pooled, g.const(np.float32(2)))


@case(ScaleBeforePool(), *CONV, reason="the reshape takes channels apart")
def scale_behind_a_reshape(g):
    flat = g.op("reshape", bconv(g), g.const(np.int32([1, 128])), shape=(1, 128))
    return g.mul(flat, g.const(np.float32(2)))


@case(ScaleBeforePool(), *CONV, reason="constant is not finite")
def infinite_scale_behind_a_pool(g):
    return g.mul(g.pool(bconv(g)), g.const(np.float32(np.inf)))


@case(FuseScale(), *CONV, EmitBits(), reason="no constant multiplier and bias")
def scale_of_absent_multiplier(g):
    x = g.input(*SHAPE)
    words = Quantize.build(operands=[x], result_types=[tensor_type(I32, (1, 6, 6, 1))])
    g.block.add_op(words)
    operands = [words.output, g.const(ones(8, 3, 3, 32)), g.absent(), g.absent(), g.absent()]
    result = tensor_type(F32, (1, 4, 4, 8))
    conv = Bconv2d.make(operands, result, tensor_names("net/conv"), channels_in=32)
    g.block.add_op(conv)
    return g.mul(conv.output, g.const(np.float32(2)))


@case(FuseScale(), *CONV, reason="fused activation sign_bit has no op of its own")
def scale_with_odd_activation(g):
    return g.mul(bconv(g), g.const(np.float32(2)), "sign_bit")


@case(QuantizeBeforeConcat(), *SIGN, reason="the concatenation has a fused relu")
def sign_of_a_clamped_concatenation(g):
    x = g.input(*SHAPE)
    return g.sign(
        g.op(
            "concatenation", x, x, shape=(1, 6, 6, 64), table="ConcatenationOptions", axis=3,
            fusedActivationFunction="relu",
        )
    )  # fmt: skip


@case(QuantizeBeforeLayout(), *SIGN, reason="its size is dynamic")
def sign_of_a_dynamic_reshape(g):
    target = g.const(np.int32([1, -1, 32]))
    return g.sign(g.op("reshape", g.input(1, -1, 6, 32), target, shape=(1, -1, 32)))


@case(QuantizeBeforePad(), *SIGN, reason="it pads the channels")
def sign_of_padded_channels(g):
    widths = g.const(np.int32([[0, 0], [0, 0], [0, 0], [0, 4]]))
    return g.sign(g.op("pad", g.input(*SHAPE), widths, shape=(1, 6, 6, 36), table="PadOptions"))


@case(QuantizeBeforePad(), *SIGN, QuantizeFromInt8(), reason="it pads quantized values")
def sign_of_padded_int8(g):
    quant = QuantParams((0.5,), (0,))
    small = g.typed("quantize", [g.input(*SHAPE)], tensor_type(I8, SHAPE, quant))
    widths = g.const(np.int32([[0, 0], [1, 1], [1, 1], [0, 0]]))
    grown = (1, 8, 8, 32)
    padded = g.typed("pad", [small, widths], tensor_type(I8, grown, quant), "PadOptions")
    return g.sign(g.typed("dequantize", [padded], tensor_type(F32, grown)))


@case(EmitBits(), *CONV, PackFilters(), reason="its filter is already packed")
def bits_of_a_packed_filter(g):
    return g.sign(bconv(g))


@case(EmitBits(), *CONV, reason="multiplier or bias is not finite")
def bits_of_an_infinite_bias(g):
    return g.sign(bconv(g, bias=np.full(8, np.inf)))


@case(EmitBits(False), *CONV, reason="33 channels: accumulators are even and odd")
def bits_of_zero_padding(g):
    conv = g.conv(g.sign(g.input(1, 6, 6, 33)), ones(8, 3, 3, 33), padding="same")
    return g.sign(conv)


@pytest.mark.parametrize("which", CASES, ids=[c.build.__name__ for c in CASES])
def test_refusal(graph, which):
    outputs = which.build(graph)
    module = graph.module(*(outputs if isinstance(outputs, tuple) else (outputs,)))
    for step in which.prepare:
        step.run(module)
    before = ir_text(module)
    reasons = [outcome.reason for outcome in which.step.run(module) if not outcome.applied]
    assert any(which.reason in reason for reason in reasons), reasons
    assert ir_text(module) == before
