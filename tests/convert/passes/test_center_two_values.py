"""Layers of 0 and 1, as Heaviside quantizers and folded casts make them."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.builtin import IntegerType

from bnn_lab.convert import ir_text
from bnn_lab.convert.ir.attributes import F32, tensor_type
from bnn_lab.convert.ir.tfl_dialect import make_tfl, tensor_names
from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.cancel_dequantize import CancelDequantize
from bnn_lab.convert.passes.center_two_values import CenterTwoValues
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps

SHAPE = (1, 5, 6, 40)
STEPS = CenterTwoValues(), BinarizeConv(), RemoveDeadOps()


@pytest.fixture
def x(rng):
    values = rng.choice(np.float32([-1, -0.5, 0, 0.5, 0.75, 1]), (3, *SHAPE[1:]))
    values[0, 0] = -0.0
    return values


def compared(graph, kind, threshold, x=None, mirrored=False):
    x = graph.input(*SHAPE) if x is None else x
    operands = [x, graph.const(np.asarray(threshold, np.float32))]
    condition = make_tfl(
        kind, operands[::-1] if mirrored else operands, [tensor_type(IntegerType(1), SHAPE)],
        names=tensor_names(kind),
    )  # fmt: skip
    cast = make_tfl("cast", condition.results, [tensor_type(F32, SHAPE)], names=tensor_names("u"))
    graph.block.add_ops([condition, cast])
    return cast.results[0]


@pytest.mark.parametrize("kind", ["less", "less_equal", "greater", "greater_equal"])
@pytest.mark.parametrize("threshold", [0, 0.5, -0.5])
@pytest.mark.parametrize("mirrored", [False, True])
def test_every_comparison(apply, graph, rng, signs, op_names, x, kind, threshold, mirrored):
    zero_one = compared(graph, kind, threshold, mirrored=mirrored)
    module = graph.module(graph.conv(zero_one, 3 * signs(5, 3, 3, 40), rng.normal(size=5)))
    apply(module, x, *STEPS)
    assert op_names(module)[-2:] == ["lq.Quantize", "lq.Bconv2d"]


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("activation", ["none", "relu"])
def test_padding(apply, graph, rng, signs, op_names, x, value, padding, activation):
    zero_one = graph.op("sign", graph.op("relu", graph.input(*SHAPE)))
    padded = graph.pad(zero_one, [(2, 0), (1, 1)], value)
    conv = graph.conv(
        padded, signs(5, 3, 3, 40), rng.normal(size=5), padding=padding, stride=(2, 1),
        activation=activation,
    )  # fmt: skip
    module = graph.module(conv)
    apply(module, x, *STEPS)
    assert "lq.Bconv2d" in op_names(module)


@pytest.mark.parametrize("clamp", ["relu", "relu6", "fused", "pooled"])
def test_sign_of_what_is_never_below_zero(apply, graph, signs, op_names, x, clamp):
    value = graph.input(*SHAPE)
    if clamp == "fused":
        value = graph.add(value, value, activation="relu")
    else:
        value = graph.op("relu6" if clamp == "relu6" else "relu", value)
    if clamp == "pooled":
        value = graph.op(
            "max_pool_2d", value, shape=SHAPE, table="Pool2DOptions", padding="same", strideW=1,
            strideH=1, filterWidth=2, filterHeight=2,
        )  # fmt: skip
    module = graph.module(graph.conv(graph.op("sign", value), signs(5, 3, 3, 40)))
    apply(module, x, *STEPS)
    assert "tfl.sign" not in op_names(module)
    assert ("tfl.relu" in op_names(module)) == (clamp == "pooled")


def test_dense(apply, graph, rng, signs, op_names, x):
    flat = graph.op(
        "reshape", graph.op("relu", graph.input(*SHAPE)), graph.const(np.int32([-1, 1200])),
        shape=(1, 1200), table="ReshapeOptions",
    )  # fmt: skip
    weights = graph.const(signs(7, 1200) / np.float32(2))
    out = graph.op(
        "fully_connected", graph.op("sign", flat), weights, graph.absent(), shape=(1, 7),
        table="FullyConnectedOptions",
    )  # fmt: skip
    module = graph.module(out)
    apply(module, x, CenterTwoValues(), RemoveDeadOps())
    assert op_names(module) == [
        "tfl.mul", "lq.Quantize", "lq.Dequantize", "tfl.reshape", "tfl.fully_connected"
    ]  # fmt: skip


def refusal(module):
    before = ir_text(module)
    (outcome,) = CenterTwoValues().run(module)
    assert not outcome.applied
    assert ir_text(module) == before
    return outcome


def test_padding_with_another_value(graph, signs):
    zero_one = graph.op("sign", graph.op("relu", graph.input(*SHAPE)))
    conv = graph.conv(graph.pad(zero_one, [(1, 1), (1, 1)], 0.5), signs(5, 3, 3, 40))
    assert "0 and 1 is padded with another value" in refusal(graph.module(conv)).reason


def test_computed_bias(graph, signs):
    zero_one = graph.op("sign", graph.op("relu", graph.input(*SHAPE)))
    conv = graph.op(
        "conv_2d", zero_one, graph.const(signs(5, 3, 3, 40)), graph.input(5, name="b"),
        shape=(1, 3, 4, 5), table="Conv2DOptions", padding="valid", strideH=1, strideW=1,
    )  # fmt: skip
    assert "bias is computed at run time" in refusal(graph.module(conv)).reason


@pytest.mark.parametrize("threshold", [1e-38, -1e-38, 3e38])
def test_thresholds_that_are_hard_to_subtract(graph, apply, signs, rng, threshold):
    zero_one = compared(graph, "greater_equal", threshold)
    module = graph.module(graph.conv(zero_one, signs(5, 3, 3, 40)))
    small = rng.choice(np.float32([-1, -2e-38, -1.2e-38, 0, 1.2e-38, 2e-38, 1]), SHAPE)
    apply(module, small, *STEPS)


@pytest.mark.parametrize("values", [(-3, 3), (0, 2), (1, 3), (-1, 0), (3, -1)])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_any_two_values(graph, apply, op_names, signs, rng, x, values, padding):
    source = graph.input(*SHAPE)
    compare = graph.typed(
        "greater", [source, graph.const(np.float32(0.5))], tensor_type(IntegerType(1), SHAPE)
    )
    ends = [graph.const(np.float32(value)) for value in values]
    chosen = graph.op("select_v2", compare, *ends, shape=SHAPE)
    module = graph.module(
        graph.conv(chosen, signs(5, 3, 3, 40), rng.normal(size=5), padding=padding)
    )
    outcomes = apply(module, x, *STEPS)
    zero_fits = 0 in values or sum(values) == 0
    assert ("lq.Bconv2d" in op_names(module)) == (padding == "valid" or zero_fits)
    if not outcomes[0].applied:
        assert "is padded with another value" in outcomes[0].reason


@pytest.mark.parametrize("kind", ["depthwise_conv_2d", "transpose_conv"])
@pytest.mark.parametrize("values", [(-2, 2), (0, 1)])
def test_other_convolutions(graph, apply, op_names, signs, rng, x, kind, values):
    source = graph.input(*SHAPE)
    compare = graph.typed(
        "less", [source, graph.const(np.float32(0.5))], tensor_type(IntegerType(1), SHAPE)
    )
    ends = [graph.const(np.float32(value)) for value in values]
    chosen = graph.op("select_v2", compare, *ends, shape=SHAPE)
    options = {"padding": "same", "strideH": 1, "strideW": 1}
    if kind == "transpose_conv":
        filters = graph.const(signs(5, 3, 3, 40))
        size = graph.const(np.int32([1, 5, 6, 5]))
        out = graph.op(
            kind, size, filters, chosen, shape=(1, 5, 6, 5), table="TransposeConvOptions", **options
        )
    else:
        operands = [chosen, graph.const(signs(1, 3, 3, 40)), graph.const(np.zeros(40, np.float32))]
        out = graph.op(
            kind, *operands, shape=SHAPE, table="DepthwiseConv2DOptions", depthMultiplier=1,
            **options,
        )  # fmt: skip
    module = graph.module(out)
    outcomes = apply(module, x, CenterTwoValues(), RemoveDeadOps())
    works = kind == "depthwise_conv_2d" or values == (-2, 2)
    assert ("lq.Quantize" in op_names(module)) == works
    if not works:
        assert "differs at the edge" in outcomes[0].reason


def test_the_opposite_of_a_sign(graph, apply, op_names, signs, x):
    module = graph.module(
        graph.conv(graph.op("neg", graph.sign(graph.input(*SHAPE))), signs(5, 3, 3, 40))
    )
    apply(module, x, RecognizeSign(), *STEPS, CancelDequantize())
    assert op_names(module) == ["lq.Quantize", "lq.Bconv2d"]


@pytest.mark.parametrize("case", ["a sign that may be negative", "a float filter", "binary input"])
def test_leaves_alone(graph, signs, rng, case):
    value = graph.op("sign", graph.input(*SHAPE))
    filters = signs(5, 3, 3, 40)
    if case == "a float filter":
        value, filters = graph.op("relu", value), rng.normal(size=(5, 3, 3, 40))
    if case == "binary input":
        value = graph.sign(value)
    module = graph.module(graph.conv(value, filters))
    RecognizeSign().run(module)
    assert CenterTwoValues().run(module) == []


def test_signs_that_turn_in_some_channels(graph, apply, op_names, signs, x):
    """Of a sign: times -1 in some channels, and fixed in others."""
    factor = np.resize(np.float32([1, -1, 0]), 40)
    scaled = graph.mul(graph.sign(graph.input(*SHAPE)), graph.const(factor))
    again = graph.sign(scaled)
    module = graph.module(graph.conv(again, signs(5, 3, 3, 40)))
    apply(module, x, RecognizeSign(), *STEPS)
    assert "lq.Bconv2d" in op_names(module)
