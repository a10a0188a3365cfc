"""Layers of 0 and 1, as Heaviside quantizers and folded casts make them."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.builtin import IntegerType

from bnn_lab.convert import ir_text
from bnn_lab.convert.ir.attributes import F32, tensor_type
from bnn_lab.convert.ir.tfl_dialect import make_tfl, tensor_names
from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.center_zero_one import CenterZeroOne
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps

SHAPE = (1, 5, 6, 40)
STEPS = CenterZeroOne(), BinarizeConv(), RemoveDeadOps()


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
    apply(module, x, CenterZeroOne(), RemoveDeadOps())
    assert op_names(module) == [
        "tfl.mul", "lq.Quantize", "lq.Dequantize", "tfl.reshape", "tfl.fully_connected"
    ]  # fmt: skip


def refusal(module):
    before = ir_text(module)
    (outcome,) = CenterZeroOne().run(module)
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


@pytest.mark.parametrize("threshold", [1e-38, np.inf])
def test_threshold_that_cannot_be_subtracted(graph, signs, threshold):
    zero_one = compared(graph, "greater_equal", threshold)
    outcome = refusal(graph.module(graph.conv(zero_one, signs(5, 3, 3, 40))))
    assert "cannot be subtracted exactly" in outcome.reason


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
    assert CenterZeroOne().run(module) == []
