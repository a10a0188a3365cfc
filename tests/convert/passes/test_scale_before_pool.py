"""Scales in front of pooling, and bits in front of moves."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.fuse_scale import FuseScale
from bnn_lab.convert.passes.quantize_before_layout import QuantizeBeforeLayout
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps
from bnn_lab.convert.passes.scale_before_pool import ScaleBeforePool
from bnn_lab.convert.rewrite.base import Together


def pooled(graph, signs):
    conv = graph.conv(graph.sign(graph.input(1, 7, 7, 40)), signs(9, 2, 2, 40))
    return graph.op(
        "max_pool_2d", conv, shape=(1, 3, 3, 9), table="Pool2DOptions", padding="valid",
        filterHeight=2, filterWidth=2, strideH=2, strideW=2,
    )  # fmt: skip


@pytest.mark.parametrize("negative", [False, True])
def test_pooling(apply, graph, rng, signs, op_names, negative):
    scale = rng.uniform(0.1, 2, 9).astype(np.float32)
    scale[3] = -1 if negative else 0
    shift = rng.normal(size=9).astype(np.float32)
    scaled = graph.add(graph.mul(pooled(graph, signs), graph.const(scale)), graph.const(shift))
    module = graph.module(scaled)
    x = rng.normal(size=(2, 7, 7, 40)).astype(np.float32)
    moved = Together("moved", "", ScaleBeforePool(), FuseScale())
    outcomes = apply(module, x, RecognizeSign(), BinarizeConv(), RemoveDeadOps(), moved)
    refused = [o.reason for o in outcomes if not o.applied]
    if negative:
        assert op_names(module)[-3:] == ["tfl.max_pool_2d", "tfl.mul", "tfl.add"]
        assert any("the maximum becomes a minimum" in reason for reason in refused)
    else:
        assert op_names(module)[-2:] == ["lq.Bconv2d", "tfl.max_pool_2d"]


@pytest.mark.parametrize(
    ("before", "after", "moves"),
    [
        ((1, 4, 5, 33), (1, 20, 33), True),
        ((1, 2, 2, 64), (1, 256), True),
        ((1, 2, 2, 64), (1, 8, 32), True),
        ((1, 2, 2, 40), (1, 160), False),
    ],
)
def test_reshape(apply, graph, rng, op_names, before, after, moves):
    shape = graph.const(np.array(after, np.int32))
    reshaped = graph.op("reshape", graph.input(*before), shape, shape=after)
    module = graph.module(graph.sign(reshaped))
    x = rng.normal(size=(2, *before[1:])).astype(np.float32)
    outcomes = apply(module, x, RecognizeSign(), RemoveDeadOps(), QuantizeBeforeLayout())
    assert outcomes[-1].applied == moves
    want = ["lq.Quantize", "tfl.reshape"] if moves else ["tfl.reshape", "lq.Quantize"]
    assert op_names(module) == [*want, "lq.Dequantize"]
    assert moves or "cut words" in outcomes[-1].reason
