"""Dense layers as 1x1 convolutions."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.dense_to_conv import DenseToConv
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps


def dense(graph, source, weights, shape, **options):
    return graph.op(
        "fully_connected", source, graph.const(weights, "net/dense/w"), graph.absent(),
        shape=shape, table="FullyConnectedOptions", **options,
    )  # fmt: skip


@pytest.mark.parametrize("activation", ["none", "relu"])
@pytest.mark.parametrize("shape", [(1, 40), (1, 5, 40), (1, 2, 3, 40)])
def test_rewrite(apply, graph, rng, signs, op_names, shape, activation):
    weights = signs(7, 40) * rng.uniform(0.5, 2, (7, 1)).astype(np.float32)
    out = dense(
        graph, graph.sign(graph.input(*shape)), weights, (*shape[:-1], 7),
        keepNumDims=True, fusedActivationFunction=activation,
    )  # fmt: skip
    module = graph.module(out)
    x = rng.normal(size=(2, *shape[1:])).astype(np.float32)
    apply(module, x, RecognizeSign(), DenseToConv(), BinarizeConv(), RemoveDeadOps())
    names = op_names(module)
    assert names[-4:] == ["tfl.reshape", "lq.Quantize", "lq.Bconv2d", "tfl.reshape"]


@pytest.mark.parametrize("what", ["input", "weights"])
def test_leaves_float_layers_alone(graph, rng, signs, what):
    x = graph.input(1, 40)
    weights = signs(7, 40)
    if what == "weights":
        weights[2, 3] = 0.25
    module = graph.module(dense(graph, x if what == "input" else graph.sign(x), weights, (1, 7)))
    RecognizeSign().run(module)
    assert DenseToConv().run(module) == []


def test_refuses_weights_in_another_order(graph, signs):
    out = dense(graph, graph.sign(graph.input(1, 40)), signs(7, 40), (1, 7), weightsFormat=1)
    module = graph.module(out)
    RecognizeSign().run(module)
    (refusal,) = DenseToConv().run(module)
    assert "shuffled" in refusal.reason
