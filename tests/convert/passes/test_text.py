"""Each pass on the smallest graph it changes: the text before and after, and equal outputs.

A case is a function that builds the graph and returns its outputs; its docstring holds filecheck
lines, BEFORE for the graph the pass is given and AFTER for the one it leaves. Both graphs run on
every interpreter that knows their ops, and on plain LiteRT before any pass.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from inspect import getdoc
from typing import Any, NamedTuple

import numpy as np
import pytest
from filecheck.finput import FInput
from filecheck.matcher import Matcher
from filecheck.options import Options as CheckOptions
from filecheck.parser import Parser, pattern_for_opts
from xdsl.dialects.builtin import IntegerType

from bnn_lab.convert import ir_text, make_pipeline
from bnn_lab.convert.ir.attributes import F32, I8, I32, QuantParams, tensor_type
from bnn_lab.convert.ir.tfl_dialect import Const
from bnn_lab.convert.passes import (
    BinarizeConv,
    BinarizeOtherConvs,
    CancelDequantize,
    CenterZeroOne,
    CorrectZeroPadding,
    DenseToConv,
    EmitBits,
    EmitInt8,
    ExplainFloatOps,
    FoldConstants,
    FoldOnePadding,
    FoldZeroPadding,
    FuseScale,
    LiftInt8Convs,
    LiftInt8Sign,
    MergeQuantizes,
    MergeReshapes,
    PackFilters,
    PadAfterReshape,
    PadGroups,
    QuantizeAfterMoves,
    QuantizeBeforeConcat,
    QuantizeBeforeLayout,
    QuantizeBeforePad,
    QuantizeBeforePool,
    QuantizeFromInt8,
    RecognizeSelect,
    RecognizeSign,
    RemoveDeadOps,
    RoundBeforeSign,
    ScaleBeforePool,
    ShrinkFilters,
    Together,
)

BOOL = IntegerType(1)
SIGN = RecognizeSign(), RemoveDeadOps()
CONV = *SIGN, BinarizeConv(), CancelDequantize(), RemoveDeadOps()


class Case(NamedTuple):
    """A pass, what must run before it, and the graph to run both on."""

    step: Any
    prepare: tuple[Any, ...]
    build: Callable[..., Any]
    shape: tuple[int, ...]
    own_ops: bool  # in the file after the pass: LCE cannot run it


CASES: list[Case] = []


def case(
    step: Any,
    *prepare: Any,
    shape: tuple[int, ...] = (1, 5, 5, 32),
    own_ops: bool = False,
) -> Callable[[Any], Any]:
    """Register a builder of the graph that `step` is shown on."""

    def register(build: Callable[..., Any]) -> Callable[..., Any]:
        CASES.append(Case(step, prepare, build, shape, own_ops))
        return build

    return register


def reshape(g: Any, value: Any, *shape: int) -> Any:
    target = g.const(np.array(shape, np.int32), "shape")
    return g.op("reshape", value, target, shape=shape, table="ReshapeOptions")


def int8(shape: tuple[int, ...], scale: float, zero_point: int = 0) -> Any:
    return tensor_type(I8, shape, QuantParams((scale,), (zero_point,)))


def stored(g: Any, values: Any, type_: Any, name: str) -> Any:
    op = Const.of(values, name, type_)
    g.block.add_op(op)
    op.result.name_hint = name
    return op.result


@case(RecognizeSign())
def recognize_sign(g, rng):
    """
    BEFORE:      %[[INNER:[a-z0-9_]+]] = tfl.sign(%x)
    BEFORE:      %[[SUM:[a-z0-9_]+]] = tfl.add(%[[INNER]],
    BEFORE-NEXT: tfl.sign(%[[SUM]])
    AFTER:       %bits = lq.Quantize(%x) : tensor<1x5x5x1xi32>
    AFTER-NEXT:  lq.Dequantize(%bits) : tensor<1x5x5x32xf32>
    """
    return [g.sign(g.input(1, 5, 5, 32))]


@case(RecognizeSelect())
def recognize_select(g, rng):
    """
    BEFORE:      tfl.less(%x,
    BEFORE:      tfl.select_v2(
    AFTER:       [[SHIFT:%[a-z0-9_]+]] = tfl.const() {-0.5} : tensor<f32>
    AFTER-NEXT:  %shifted = tfl.add(%x, [[SHIFT]])
    AFTER-NEXT:  %bits = lq.Quantize(%shifted)
    AFTER-NEXT:  lq.Dequantize(%bits)
    """
    x = g.input(1, 5, 5, 32)
    low = g.typed("less", [x, g.const(np.float32(0.5))], tensor_type(IntegerType(1), (1, 5, 5, 32)))
    ones = g.const(np.float32(-1)), g.const(np.float32(1))
    return [g.op("select_v2", low, *ones, shape=(1, 5, 5, 32), table="SelectV2Options")]


@case(CenterZeroOne())
def center_zero_one(g, rng):
    """
    BEFORE:      [[RELU:%[a-z0-9_]+]] = tfl.relu(%x)
    BEFORE-NEXT: [[U:%[a-z0-9_]+]] = tfl.sign([[RELU]])
    BEFORE:      tfl.conv_2d([[U]], {{.*}} {padding = same,
    AFTER:       [[MINUS:%[a-z0-9_]+]] = tfl.const() {-1} : tensor<f32>
    AFTER-NEXT:  %negated = tfl.mul(%x, [[MINUS]])
    AFTER-NEXT:  %bits = lq.Quantize(%negated)
    AFTER-NEXT:  [[S:%[a-z0-9_]+]] = lq.Dequantize(%bits)
    AFTER:       [[ONE:%[a-z0-9_]+]] = tfl.const() {1} : tensor<f32>
    AFTER-NEXT:  [[PAD:%[a-z0-9_]+]] = tfl.padv2([[S]], %paddings, [[ONE]])
    AFTER:       %bias = tfl.const()
    AFTER-NEXT:  tfl.conv_2d([[PAD]], %filter, %bias) {padding = valid,
    """
    zero_one = g.op("sign", g.op("relu", g.input(1, 5, 5, 32)))
    return [g.conv(zero_one, ones(rng, 8, 3), rng.normal(size=8), padding="same")]


@case(CenterZeroOne())
def center_comparison(g, rng):
    """
    BEFORE:      [[BOOL:%[a-z0-9_]+]] = tfl.greater_equal(%x,
    BEFORE-NEXT: [[U:%[a-z0-9_]+]] = tfl.cast([[BOOL]])
    BEFORE:      tfl.conv_2d([[U]],
    AFTER-NOT:   tfl.{{mul|add}}
    AFTER:       %bits = lq.Quantize(%x)
    AFTER-NEXT:  [[S:%[a-z0-9_]+]] = lq.Dequantize(%bits)
    AFTER:       tfl.conv_2d([[S]], %filter, %bias)
    """
    x = g.input(1, 5, 5, 32)
    at_least = g.typed(
        "greater_equal", [x, g.const(np.float32(0))], tensor_type(BOOL, (1, 5, 5, 32))
    )
    zero_one = g.typed("cast", [at_least], tensor_type(F32, (1, 5, 5, 32)))
    return [g.conv(zero_one, 2 * ones(rng, 8, 3))]


@case(PadGroups(), *SIGN, shape=(1, 5, 5, 28))
def pad_groups(g, rng):
    """
    BEFORE:      [[SIGN:%[a-z0-9_]+]] = lq.Dequantize
    BEFORE:      tfl.const() {{.*}} : tensor<8x3x3x14xf32>
    BEFORE:      tfl.conv_2d([[SIGN]],
    AFTER:       [[APART:%[a-z0-9_]+]] = tfl.reshape({{.*}} : tensor<1x5x5x2x14xf32>
    AFTER:       [[MORE:%[a-z0-9_]+]] = tfl.padv2([[APART]], %paddings, %one)
    AFTER-SAME:  tensor<1x5x5x2x32xf32>
    AFTER:       [[JOINED:%[a-z0-9_]+]] = tfl.reshape([[MORE]], {{.*}} : tensor<1x5x5x64xf32>
    AFTER-NEXT:  %filter = tfl.const() {{.*}} : tensor<8x3x3x32xf32>
    AFTER:       tfl.conv_2d([[JOINED]], %filter, %bias) {padding = same,
    """
    return [g.conv(g.sign(g.input(1, 5, 5, 28)), ones(rng, 8, 3, 14), padding="same")]


@case(FoldConstants(), shape=(1, 5, 5, 32))
def fold_constants(g, rng):
    """
    BEFORE:      tfl.mean(
    BEFORE:      tfl.sign(
    BEFORE:      tfl.mul(
    BEFORE:      tfl.transpose(
    BEFORE:      tfl.conv_2d(%x,
    AFTER-NOT:   tfl.{{sign|abs|mean|mul|transpose}}(
    AFTER:       [[FILTER:%[a-z0-9_]+]] = tfl.const() {{.*}} : tensor<8x3x3x32xf32>
    AFTER:       tfl.conv_2d(%x, [[FILTER]],
    """
    latent = g.const(rng.normal(size=(3, 3, 32, 8)).astype(np.float32), "net/latent")
    axes = g.const(np.int32([0, 1, 2]))
    mean = g.op(
        "mean", g.op("abs", latent), axes, shape=(1, 1, 1, 8), table="ReducerOptions",
        keepDims=True,
    )  # fmt: skip
    kernel = g.mul(g.sign(latent), mean)
    bias, order = g.const(np.zeros(8, np.float32)), g.const(np.int32([3, 0, 1, 2]))
    filters = g.op("transpose", kernel, order, shape=(8, 3, 3, 32), table="TransposeOptions")
    return [
        g.op(
            "conv_2d", g.input(1, 5, 5, 32), filters, bias, shape=(1, 3, 3, 8),
            table="Conv2DOptions", padding="valid", strideH=1, strideW=1, dilationHFactor=1,
            dilationWFactor=1,
        )
    ]  # fmt: skip


@case(LiftInt8Sign())
def lift_int8_sign(g, rng):
    """
    BEFORE:      tfl.sign(%x)
    BEFORE-NEXT: tfl.quantize
    BEFORE:      tfl.add({{.*}} : tensor<1x5x5x32xi8
    BEFORE-NEXT: tfl.dequantize
    AFTER:       [[SIGN:%[a-z0-9_]+]] = tfl.sign(%x)
    AFTER:       tfl.const() {[0.5]} : tensor<1xf32>
    AFTER-NEXT:  tfl.add([[SIGN]], {{.*}} : tensor<1x5x5x32xf32>
    """
    shape = (1, 5, 5, 32)
    sign = g.typed("quantize", [g.op("sign", g.input(*shape))], int8(shape, 0.25))
    shift = stored(g, np.array([2], np.int8), int8((1,), 0.25), "shift")
    total = g.typed("add", [sign, shift], int8(shape, 0.25), "AddOptions")
    return [g.op("sign", g.typed("dequantize", [total], tensor_type(F32, shape)))]


@case(QuantizeAfterMoves(), *SIGN)
def quantize_after_moves(g, rng):
    """
    BEFORE:      [[SIGN:%[a-z0-9_]+]] = lq.Dequantize
    BEFORE-NEXT: tfl.quantize([[SIGN]])
    BEFORE:      tfl.reshape({{.*}} : tensor<1x800xi8
    AFTER:       tfl.reshape({{.*}} : tensor<1x800xf32>
    AFTER-NEXT:  tfl.quantize({{.*}} : tensor<1x800xi8
    """
    sign = g.sign(g.input(1, 5, 5, 32))
    small = g.typed("quantize", [sign], int8((1, 5, 5, 32), 1 / 127))
    target = g.const(np.int32([1, 800]), "shape")
    flat = g.typed("reshape", [small, target], int8((1, 800), 1 / 127), "ReshapeOptions")
    return [g.typed("dequantize", [flat], tensor_type(F32, (1, 800)))]


@case(LiftInt8Convs(), *SIGN)
def lift_int8_convs(g, rng):
    """
    BEFORE:      [[SIGN:%[a-z0-9_]+]] = lq.Dequantize
    BEFORE:      tfl.conv_2d({{.*}} : tensor<1x3x3x8xi8
    AFTER:       [[SIGN:%[a-z0-9_]+]] = lq.Dequantize
    AFTER:       [[CONV:%[a-z0-9_]+]] = tfl.conv_2d([[SIGN]], {{.*}} : tensor<1x3x3x8xf32>
    AFTER-NEXT:  tfl.quantize([[CONV]]) : tensor<1x3x3x8xi8
    """
    small = g.typed("quantize", [g.sign(g.input(1, 5, 5, 32))], int8((1, 5, 5, 32), 1 / 127))
    values = rng.choice(np.int8([-127, 127]), (8, 3, 3, 32))
    scales = QuantParams((1 / 127,) * 8, (0,) * 8, 0)
    filters = stored(g, values, tensor_type(I8, values.shape, scales), "filter")
    steps = QuantParams((1 / 127**2,) * 8, (0,) * 8, 0)
    # Accumulators are even, so with an odd bias no sum lies between two steps of the output.
    bias = np.arange(1, 17, 2, dtype=np.int32) * 127 * 127
    bias = stored(g, bias, tensor_type(I32, (8,), steps), "bias")
    conv = g.typed(
        "conv_2d", [small, filters, bias], int8((1, 3, 3, 8), 4.0), "Conv2DOptions",
        padding="valid", strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1,
    )  # fmt: skip
    return [g.typed("dequantize", [conv], tensor_type(F32, (1, 3, 3, 8)))]


@case(PadAfterReshape(), *SIGN, shape=(1, 6, 40))
def pad_after_reshape(g, rng):
    """
    BEFORE:      [[PAD:%[a-z0-9_]+]] = tfl.pad({{.*}} : tensor<1x9x40xf32>
    BEFORE:      tfl.reshape([[PAD]], {{.*}} : tensor<1x1x9x40xf32>
    AFTER:       [[IMAGE:%[a-z0-9_]+]] = tfl.reshape({{.*}} : tensor<1x1x6x40xf32>
    AFTER-NEXT:  %paddings = tfl.const() {{.*}} : tensor<4x2xi32>
    AFTER-NEXT:  tfl.pad([[IMAGE]], %paddings)
    """
    widths = g.const(np.int32([[0, 0], [2, 1], [0, 0]]))
    padded = g.op("pad", g.sign(g.input(1, 6, 40)), widths, shape=(1, 9, 40), table="PadOptions")
    return [reshape(g, padded, 1, 1, 9, 40)]


@case(FoldZeroPadding(), *SIGN)
def fold_zero_padding(g, rng):
    """
    BEFORE:      [[SIGN:%[a-z0-9_]+]] = lq.Dequantize
    BEFORE:      [[PAD:%[a-z0-9_]+]] = tfl.pad([[SIGN]],
    BEFORE:      tfl.conv_2d([[PAD]], {{.*}} {padding = valid,
    AFTER:       [[SIGN:%[a-z0-9_]+]] = lq.Dequantize
    AFTER:       tfl.conv_2d([[SIGN]], {{.*}} {padding = same,
    """
    return [g.conv(g.pad(g.sign(g.input(1, 5, 5, 32)), [(1, 1), (1, 1)], 0), ones(rng, 8, 3))]


@case(CorrectZeroPadding(), *SIGN)
def correct_zero_padding(g, rng):
    """
    BEFORE:      tfl.pad(
    BEFORE:      tfl.conv_2d({{.*}}fusedActivationFunction = relu
    AFTER:       [[ONE:%[a-z0-9_]+]] = tfl.const() {1} : tensor<f32>
    AFTER-NEXT:  [[PAD:%[a-z0-9_]+]] = tfl.padv2({{.*}}, [[ONE]])
    AFTER-NEXT:  [[CONV:%[a-z0-9_]+]] = tfl.conv_2d([[PAD]], {{.*}}fusedActivationFunction = none
    AFTER-NEXT:  %correction = tfl.const() {{.*}} : tensor<1x5x3x8xf32>
    AFTER-NEXT:  tfl.sub([[CONV]], %correction) {fusedActivationFunction = relu}
    """
    padded = g.pad(g.sign(g.input(1, 5, 5, 32)), [(2, 0), (0, 0)], 0)
    return [g.conv(padded, ones(rng, 8, 3), activation="relu")]


@case(DenseToConv(), *SIGN, shape=(1, 40))
def dense_to_conv(g, rng):
    """
    BEFORE:      tfl.fully_connected({{.*}} : tensor<1x7xf32>
    AFTER:       [[IMAGE:%[a-z0-9_]+]] = tfl.reshape({{.*}} : tensor<1x1x1x40xf32>
    AFTER-NEXT:  tfl.const() {{.*}} : tensor<7x1x1x40xf32>
    AFTER:       tfl.conv_2d([[IMAGE]], {{.*}} : tensor<1x1x1x7xf32>
    AFTER:       tfl.reshape({{.*}} : tensor<1x7xf32>
    """
    weights = g.const(rng.choice(np.float32([-1, 1]), (7, 40)), "net/dense/w")
    dense = g.op(
        "fully_connected", g.sign(g.input(1, 40)), weights, g.absent(), shape=(1, 7),
        table="FullyConnectedOptions",
    )  # fmt: skip
    return [dense]


@case(BinarizeConv(), *SIGN)
def binarize_conv(g, rng):
    """
    BEFORE:      [[SIGN:%[a-z0-9_]+]] = lq.Dequantize
    BEFORE:      tfl.conv_2d([[SIGN]], {{.*}}fusedActivationFunction = relu
    AFTER:       [[SIGN:%[a-z0-9_]+]] = lq.Dequantize
    AFTER:       [[BITS:%bits[_0-9]*]] = lq.Quantize([[SIGN]]) : tensor<1x5x5x1xi32>
    AFTER:       %multiplier = tfl.const() {[0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]}
    AFTER:       lq.Bconv2d([[BITS]], %filter, %multiplier, %bias, %absent) {channels_in = 32,
    AFTER-SAME:  padding = valid, pad_values = 0, fused_activation_function = relu}
    AFTER-NOT:   tfl.relu
    """
    return [g.conv(g.sign(g.input(1, 5, 5, 32)), ones(rng, 8, 3) / 2, activation="relu")]


@case(BinarizeOtherConvs(), *SIGN, own_ops=True)
def binarize_depthwise(g, rng):
    """
    BEFORE:      tfl.depthwise_conv_2d(
    AFTER:       %bits{{[_0-9]*}} = lq.Quantize(
    AFTER:       lq.Depthwise2d({{.*}} {channels_in = 32, depth_multiplier = 2,
    AFTER-SAME:  padding = valid
    AFTER-SAME:  tensor<1x3x3x64xf32>
    AFTER-NOT:   tfl.depthwise_conv_2d
    """
    filters = rng.choice(np.float32([-0.5, 0.5]), (1, 3, 3, 64))
    conv = g.op(
        "depthwise_conv_2d", g.sign(g.input(1, 5, 5, 32)), g.const(filters),
        g.const(rng.normal(size=64).astype(np.float32)), shape=(1, 3, 3, 64),
        table="DepthwiseConv2DOptions", padding="valid", strideH=1, strideW=1, depthMultiplier=2,
        dilationHFactor=1, dilationWFactor=1,
    )  # fmt: skip
    return [conv]


@case(BinarizeOtherConvs(), *SIGN, own_ops=True)
def binarize_transposed(g, rng):
    """
    BEFORE:      tfl.transpose_conv({{.*}} {padding = same,
    AFTER:       %bits{{[_0-9]*}} = lq.Quantize(
    AFTER:       lq.Transpose2d({{.*}} {channels_in = 32, output_height = 10, output_width = 10,
    AFTER-SAME:  stride_height = 2, stride_width = 2, padding = same
    AFTER-SAME:  tensor<1x10x10x8xf32>
    AFTER-NOT:   tfl.transpose_conv
    """
    size = g.const(np.int32([1, 10, 10, 8]), "size")
    conv = g.op(
        "transpose_conv", size, g.const(ones(rng, 8, 3)), g.sign(g.input(1, 5, 5, 32)),
        shape=(1, 10, 10, 8), table="TransposeConvOptions", padding="same", strideH=2, strideW=2,
    )  # fmt: skip
    return [conv]


@case(FoldOnePadding(), *SIGN, BinarizeConv())
def fold_one_padding(g, rng):
    """
    BEFORE:      [[SIGN:%[a-z0-9_]+]] = lq.Dequantize
    BEFORE:      [[PAD:%[a-z0-9_]+]] = tfl.padv2([[SIGN]],
    BEFORE:      lq.Quantize([[PAD]])
    BEFORE:      padding = valid, pad_values = 0
    AFTER:       [[SIGN:%[a-z0-9_]+]] = lq.Dequantize
    AFTER:       [[BITS:%bits[_0-9]*]] = lq.Quantize([[SIGN]])
    AFTER:       lq.Bconv2d([[BITS]], {{.*}} padding = same, pad_values = 1
    """
    return [g.conv(g.pad(g.sign(g.input(1, 5, 5, 32)), [(1, 1), (1, 1)], 1), ones(rng, 8, 3))]


@case(RemoveDeadOps())
def remove_dead_ops(g, rng):
    """
    BEFORE:      tfl.relu(%x)
    BEFORE:      tfl.abs(%x)
    AFTER-NOT:   tfl.relu
    AFTER:       tfl.abs(%x)
    """
    x = g.input(1, 5, 5, 32)
    g.op("relu", x)
    return [g.op("abs", x)]


@case(RoundBeforeSign(), *SIGN)
def round_before_sign(g, rng):
    """
    BEFORE:      [[VALUE:%[a-z0-9_]+]] = tfl.mul(%x,
    BEFORE-NEXT: tfl.quantize([[VALUE]])
    BEFORE-NEXT: tfl.dequantize
    BEFORE-NEXT: lq.Quantize
    AFTER:       [[VALUE:%[a-z0-9_]+]] = tfl.mul(%x,
    AFTER-NEXT:  %half_step = tfl.const() {0.125} : tensor<f32>
    AFTER-NEXT:  [[SUM:%[a-z0-9_]+]] = tfl.add([[VALUE]], %half_step)
    AFTER-NEXT:  lq.Quantize([[SUM]])
    """
    shape = (1, 5, 5, 32)
    value = g.mul(g.input(*shape), g.const(np.float32(2)))
    small = g.typed("quantize", [value], int8(shape, 0.25))
    return [g.sign(g.typed("dequantize", [small], tensor_type(F32, shape)))]


@case(QuantizeFromInt8(), *SIGN)
def quantize_from_int8(g, rng):
    """
    BEFORE:      [[SMALL:%[a-z0-9_]+]] = tfl.quantize(%x)
    BEFORE-NEXT: [[REAL:%[a-z0-9_]+]] = tfl.dequantize([[SMALL]])
    BEFORE-NEXT: lq.Quantize([[REAL]])
    AFTER:       [[SMALL:%[a-z0-9_]+]] = tfl.quantize(%x)
    AFTER-NEXT:  lq.Quantize([[SMALL]])
    """
    shape = (1, 5, 5, 32)
    small = g.typed("quantize", [g.input(*shape)], int8(shape, 0.25, 13))
    return [g.sign(g.typed("dequantize", [small], tensor_type(F32, shape)))]


@case(ScaleBeforePool(), *CONV, shape=(1, 6, 6, 32))
def scale_before_pool(g, rng):
    """
    BEFORE:      [[CONV:%[a-z0-9_]+]] = lq.Bconv2d
    BEFORE:      [[POOL:%[a-z0-9_]+]] = tfl.max_pool_2d([[CONV]])
    BEFORE:      tfl.mul([[POOL]],
    AFTER:       [[CONV:%[a-z0-9_]+]] = lq.Bconv2d
    AFTER:       [[SCALED:%[a-z0-9_]+]] = tfl.mul([[CONV]],
    AFTER-NEXT:  tfl.max_pool_2d([[SCALED]])
    """
    conv = g.conv(g.sign(g.input(1, 6, 6, 32)), ones(rng, 8, 3))
    scale = g.const(rng.uniform(0, 2, 8).astype(np.float32), "scale")
    return [g.mul(g.pool(conv), scale)]


@case(FuseScale(), *CONV)
def fuse_scale(g, rng):
    """
    BEFORE:      tfl.const() {[1, 1, 1, 1, 1, 1, 1, 1]}
    BEFORE:      [[CONV:%[a-z0-9_]+]] = lq.Bconv2d
    BEFORE:      [[MUL:%[a-z0-9_]+]] = tfl.mul([[CONV]],
    BEFORE:      tfl.add([[MUL]],
    AFTER:       [[M:%multiplier[_0-9]*]] = tfl.const() {[-2, -2, -2, -2, -2, -2, -2, -2]}
    AFTER:       [[B:%bias[_0-9]*]] = tfl.const() {[3, 3, 3, 3, 3, 3, 3, 3]}
    AFTER:       lq.Bconv2d({{.*}}, [[M]], [[B]], %absent)
    AFTER-NOT:   tfl.{{mul|add}}
    """
    conv = g.conv(g.sign(g.input(1, 5, 5, 32)), ones(rng, 8, 3))
    return [g.add(g.mul(conv, g.const(np.float32(-2))), g.const(np.full(8, 3, np.float32)))]


@case(CancelDequantize(), *SIGN, BinarizeConv())
def cancel_dequantize(g, rng):
    """
    BEFORE:      %bits = lq.Quantize(%x)
    BEFORE-NEXT: [[SIGN:%[a-z0-9_]+]] = lq.Dequantize(%bits)
    BEFORE:      [[AGAIN:%[a-z0-9_]+]] = lq.Quantize([[SIGN]])
    BEFORE:      lq.Bconv2d([[AGAIN]],
    AFTER:       %bits = lq.Quantize(%x)
    AFTER:       lq.Bconv2d(%bits,
    """
    return [g.conv(g.sign(g.input(1, 5, 5, 32)), ones(rng, 8, 3))]


@case(QuantizeBeforePool(), *SIGN, shape=(1, 6, 6, 40))
def quantize_before_pool(g, rng):
    """
    BEFORE:      [[POOL:%[a-z0-9_]+]] = tfl.max_pool_2d(%x)
    BEFORE-NEXT: lq.Quantize([[POOL]])
    AFTER:       %bits = lq.Quantize(%x) : tensor<1x6x6x2xi32>
    AFTER-NEXT:  %pooled_bits = lq.BMaxPool2d(%bits) {filter_height = 2, filter_width = 2,
    AFTER-NEXT:  lq.Dequantize(%pooled_bits)
    """
    return [g.sign(g.pool(g.input(1, 6, 6, 40)))]


@case(QuantizeBeforeLayout(), *SIGN, shape=(1, 2, 2, 64))
def quantize_before_layout(g, rng):
    """
    BEFORE:      [[FLAT:%[a-z0-9_]+]] = tfl.reshape(%x, {{.*}} : tensor<1x256xf32>
    BEFORE-NEXT: lq.Quantize([[FLAT]])
    AFTER:       %bits = lq.Quantize(%x) : tensor<1x2x2x2xi32>
    AFTER:       tfl.reshape(%bits, {{.*}} : tensor<1x8xi32>
    """
    return [g.sign(reshape(g, g.input(1, 2, 2, 64), 1, 256))]


@case(QuantizeBeforePad(), *SIGN, shape=(1, 2, 3, 40))
def quantize_before_pad(g, rng):
    """
    BEFORE:      [[PAD:%[a-z0-9_]+]] = tfl.padv2(%x,
    BEFORE-NEXT: lq.Quantize([[PAD]])
    AFTER:       %bits = lq.Quantize(%x)
    AFTER-NEXT:  [[WORD:%[a-z0-9_]+]] = tfl.const() {0} : tensor<i32>
    AFTER-NEXT:  tfl.padv2(%bits, {{.*}}, [[WORD]]) : tensor<1x3x6x2xi32>
    """
    return [g.sign(g.pad(g.input(1, 2, 3, 40), [(1, 0), (2, 1)], 2.5))]


@case(QuantizeBeforeConcat(), *SIGN, shape=(1, 2, 2, 40))
def quantize_before_concat(g, rng):
    """
    BEFORE:      [[ALL:%[a-z0-9_]+]] = tfl.concatenation({{.*}} : tensor<1x2x2x72xf32>
    BEFORE-NEXT: lq.Quantize([[ALL]])
    AFTER:       lq.Quantize({{.*}} : tensor<1x2x2x1xi32>
    AFTER-NEXT:  lq.Quantize(%x) : tensor<1x2x2x2xi32>
    AFTER-NEXT:  tfl.concatenation({{.*}} : tensor<1x2x2x3xi32>
    """
    x = g.input(1, 2, 2, 40)
    at, size = g.const(np.int32([0, 0, 0, 3])), g.const(np.int32([1, 2, 2, 32]))
    part = g.op("slice", x, at, size, shape=(1, 2, 2, 32))
    joined = g.op(
        "concatenation", part, x, shape=(1, 2, 2, 72), table="ConcatenationOptions", axis=3
    )
    return [g.sign(joined)]


@case(MergeReshapes(), shape=(1, 2, 20))
def merge_reshapes(g, rng):
    """
    BEFORE:      [[FIRST:%[a-z0-9_]+]] = tfl.reshape(%x, {{.*}} : tensor<1x40xf32>
    BEFORE:      tfl.reshape([[FIRST]], {{.*}} : tensor<1x8x5xf32>
    AFTER-NOT:   tensor<1x40xf32>
    AFTER:       tfl.reshape(%x, {{.*}} : tensor<1x8x5xf32>
    """
    return [reshape(g, reshape(g, g.input(1, 2, 20), 1, 40), 1, 8, 5)]


@case(MergeQuantizes(), *SIGN)
def merge_quantizes(g, rng):
    """
    BEFORE-COUNT-2: lq.Quantize(%x)
    AFTER:       [[BITS:%bits[_0-9]*]] = lq.Quantize(%x)
    AFTER-NEXT:  lq.Dequantize([[BITS]])
    AFTER-NOT:   lq.Quantize
    """
    x = g.input(1, 5, 5, 32)
    return [g.sign(x), g.sign(x)]


@case(EmitBits(), *CONV)
def emit_bits(g, rng):
    """
    BEFORE:      [[CONV:%[a-z0-9_]+]] = lq.Bconv2d({{.*}} : tensor<1x3x3x40xf32>
    BEFORE-NEXT: lq.Quantize([[CONV]])
    AFTER:       %threshold = tfl.const() {{.*}} : tensor<40xi32>
    AFTER:       [[CONV:%[a-z0-9_]+]] = lq.Bconv2d({{.*}} %threshold) {{.*}} : tensor<1x3x3x2xi32>
    AFTER-NEXT:  lq.Dequantize([[CONV]])
    """
    filters = ones(rng, 40, 3) * rng.uniform(0.5, 2, (40, 1, 1, 1)).astype(np.float32)
    return [g.sign(g.conv(g.sign(g.input(1, 5, 5, 32)), filters, rng.normal(size=40) * 9))]


@case(EmitInt8(), *CONV)
def emit_int8(g, rng):
    """
    BEFORE:      [[CONV:%[a-z0-9_]+]] = lq.Bconv2d({{.*}} : tensor<1x3x3x8xf32>
    BEFORE-NEXT: tfl.quantize([[CONV]])
    AFTER:       [[CONV:%[a-z0-9_]+]] = lq.Bconv2d({{.*}} : tensor<1x3x3x8xi8, #tfl.quant<4 * q>>
    AFTER-NEXT:  tfl.dequantize([[CONV]])
    """
    conv = g.conv(g.sign(g.input(1, 5, 5, 32)), ones(rng, 8, 3), np.full(8, 1.0))
    small = g.typed("quantize", [conv], int8((1, 3, 3, 8), 4.0))
    return [g.typed("dequantize", [small], tensor_type(F32, (1, 3, 3, 8)))]


@case(PackFilters(), *CONV, shape=(1, 5, 5, 40))
def pack_filters(g, rng):
    """
    BEFORE:      %filter = tfl.const() {{.*}} : tensor<8x3x3x40xf32>
    BEFORE:      lq.Bconv2d(%bits, %filter,
    AFTER:       [[WORDS:%[a-z0-9_]+]] = tfl.const() {{.*}} : tensor<8x3x3x2xi32>
    AFTER-NEXT:  lq.Bconv2d(%bits, [[WORDS]],
    """
    return [g.conv(g.sign(g.input(1, 5, 5, 40)), ones(rng, 8, 3, 40))]


@case(ShrinkFilters())
def shrink_filters(g, rng):
    """
    BEFORE:      tfl.const() {{.*}} : tensor<8x3x3x32xf32>
    BEFORE:      tfl.conv_2d(%x,
    AFTER:       %levels = tfl.const() {{.*}} : tensor<8x3x3x32xi8
    AFTER-NEXT:  %filter = tfl.dequantize(%levels) : tensor<8x3x3x32xf32>
    AFTER-NEXT:  tfl.conv_2d(%x, %filter,
    """
    return [g.conv(g.input(1, 5, 5, 32), ones(rng, 8, 3) / 3)]


@case(ExplainFloatOps(), shape=(1, 40))
def explain_float_ops(g, rng):
    """It changes nothing.

    BEFORE:      tfl.fully_connected(%x,
    AFTER:       tfl.fully_connected(%x,
    """
    weights = g.const(rng.normal(size=(7, 40)).astype(np.float32))
    dense = g.op(
        "fully_connected", g.input(1, 40), weights, g.absent(), shape=(1, 7),
        table="FullyConnectedOptions",
    )  # fmt: skip
    return [dense]


def ones(rng: np.random.Generator, count: int, size: int, channels: int = 32) -> np.ndarray:
    return rng.choice(np.float32([-1, 1]), (count, size, size, channels))


def filecheck(text: str, checks: str, prefix: str) -> None:
    options = CheckOptions("the docstring", "the graph", check_prefixes=[prefix])
    parser = Parser(options, io.StringIO(checks), *pattern_for_opts(options))
    assert Matcher(options, FInput("the graph", text), parser).run() == 0, text


@pytest.mark.parametrize("which", CASES, ids=[c.build.__name__ for c in CASES])
def test_text_and_outputs(graph, rng, interpreters, executable, litert, export, which):
    module = graph.module(*which.build(graph, rng))
    x = rng.normal(size=(3, *which.shape[1:])).astype(np.float32)
    want = litert(export(module), x)
    for step in which.prepare:
        step.run(module)
    checks = getdoc(which.build) + "\n"
    filecheck(ir_text(module), checks, "BEFORE")
    before = executable(module)
    outcomes = which.step.run(module)
    module.verify()
    tidy = module.clone()  # without the constants that lost their reader
    RemoveDeadOps().run(tidy)
    filecheck(ir_text(tidy), checks, "AFTER")
    assert outcomes
    assert all(outcome.applied for outcome in outcomes) != isinstance(which.step, ExplainFloatOps)
    files = {"before": before, "after": executable(module)}
    for stage, file in files.items():
        for name, run in interpreters.items():
            if name == "lce" and which.own_ops and stage == "after":
                continue
            got = run(file, x)
            assert len(got) == len(want)
            for expected, result in zip(want, got, strict=True):
                size = max(1.0, float(np.abs(expected).max()))
                np.testing.assert_allclose(
                    result, expected, rtol=0, atol=1e-6 * size, err_msg=f"{stage} on {name}"
                )


def test_every_pass_has_a_case():
    steps = [
        member
        for step in make_pipeline(lce_compatible=False)
        for member in (step.passes if isinstance(step, Together) else [step])
    ]
    assert {type(step) for step in steps} == {type(c.step) for c in CASES}
