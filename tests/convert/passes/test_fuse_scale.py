from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.convert import ir_text
from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.fuse_scale import FuseScale
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps

PIPELINE = (RecognizeSign(), BinarizeConv(), FuseScale(), RemoveDeadOps())


@pytest.fixture
def conv(graph, signs, rng):
    x = graph.sign(graph.input(1, 5, 5, 32))
    return graph.conv(x, signs(8, 3, 3, 32) * np.float32(0.7), rng.normal(size=8))


@pytest.fixture
def x(rng):
    return rng.normal(size=(1, 5, 5, 32)).astype(np.float32)


def fused(outcomes):
    return [o for o in outcomes if o.pass_name == "fuse_scale"]


@pytest.mark.parametrize("shape", [(8,), (), (1,), (1, 1, 1, 8), (1, 1, 1, 1)])
def test_mul_add_sub(graph, apply, op_names, rng, conv, x, shape):
    constants = [graph.const(rng.normal(size=shape).astype(np.float32)) for _ in range(4)]
    y = graph.mul(conv, constants[0])
    y = graph.add(y, constants[1])
    y = graph.sub(y, constants[2])
    y = graph.op("mul", constants[3], y, shape=(1, 3, 3, 8), table="MulOptions")
    module = graph.module(y)
    outcomes = apply(module, x, *PIPELINE)
    assert all(o.applied for o in fused(outcomes))
    assert op_names(module) == ["lq.Quantize", "lq.Dequantize", "lq.Quantize", "lq.Bconv2d"]


def test_relu_before_batchnorm(graph, apply, op_names, rng, signs, x):
    s = graph.sign(graph.input(1, 5, 5, 32))
    y = graph.conv(s, signs(8, 3, 3, 32), activation="relu")
    gamma = rng.normal(size=8).astype(np.float32)  # of both signs: the order matters
    y = graph.add(graph.mul(y, graph.const(gamma)), graph.const(np.float32([3.0])))
    module = graph.module(y)
    apply(module, x, *PIPELINE)
    assert op_names(module)[-1] == "lq.Bconv2d"
    assert "fused_activation_function = relu" in ir_text(module)


def test_activation_of_the_sum_becomes_an_op(graph, apply, op_names, conv, x):
    module = graph.module(graph.add(conv, graph.const(np.float32([0.5])), activation="relu6"))
    apply(module, x, *PIPELINE)
    assert op_names(module)[-2:] == ["lq.Bconv2d", "tfl.relu6"]


def test_two_readers_are_refused(graph, apply, op_names, conv, x):
    module = graph.module(conv, graph.mul(conv, graph.const(np.float32([2]))))
    (outcome,) = fused(apply(module, x, *PIPELINE))
    assert not outcome.applied
    assert "other readers" in outcome.reason


def test_constant_that_varies_over_the_image_is_refused(graph, apply, rng, conv, x):
    values = graph.const(rng.normal(size=(1, 3, 3, 8)).astype(np.float32))
    (outcome,) = fused(apply(graph.module(graph.mul(conv, values)), x, *PIPELINE))
    assert not outcome.applied
    assert "not one value per channel" in outcome.reason


def test_constant_minus_convolution_is_left_alone(graph, apply, op_names, conv, x):
    y = graph.op("sub", graph.const(np.float32([1])), conv, shape=(1, 3, 3, 8), table="SubOptions")
    module = graph.module(y)
    assert fused(apply(module, x, *PIPELINE)) == []
    assert op_names(module)[-1] == "tfl.sub"
