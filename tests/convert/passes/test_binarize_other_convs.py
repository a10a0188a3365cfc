from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.convert import ir_text
from bnn_lab.convert.passes.binarize_other_convs import BinarizeOtherConvs
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps

from_sign = RecognizeSign(), RemoveDeadOps()


def depthwise(graph, source, filters):
    return graph.op(
        "depthwise_conv_2d", source, graph.const(filters),
        graph.const(np.zeros(filters.shape[3], np.float32)),
        shape=(1, 3, 3, filters.shape[3]), table="DepthwiseConv2DOptions", padding="valid",
        strideH=1, strideW=1, depthMultiplier=1, dilationHFactor=1, dilationWFactor=1,
    )  # fmt: skip


def run(module, lce_compatible):
    for step in from_sign:
        step.run(module)
    (outcome,) = BinarizeOtherConvs(lce_compatible).run(module)
    return outcome


def test_depthwise(graph, op_names, signs):
    source = graph.sign(graph.input(1, 5, 5, 40))
    module = graph.module(depthwise(graph, source, signs(1, 3, 3, 40)))
    outcome = run(module, lce_compatible=False)
    assert outcome.reason == "40 output channels, runs on bnn_lab alone"
    assert "lq.Depthwise2d" in op_names(module)
    assert "channels_in = 40, depth_multiplier = 1" in ir_text(module)


@pytest.mark.parametrize(
    "binary, zeros, lce_compatible, reason",
    [
        (True, False, True, "LCE has no op for it"),
        (True, True, False, "its filter is not binary"),
        (False, False, False, "not binary"),
    ],
)
def test_refusals(graph, signs, binary, zeros, lce_compatible, reason):
    x = graph.input(1, 5, 5, 40)
    filters = signs(1, 3, 3, 40)
    if zeros:
        filters[0, 0, 0, 3] = 0
    module = graph.module(depthwise(graph, graph.sign(x) if binary else x, filters))
    outcome = run(module, lce_compatible)
    assert not outcome.applied
    assert reason in outcome.reason
    assert "tfl.depthwise_conv_2d" in ir_text(module)
