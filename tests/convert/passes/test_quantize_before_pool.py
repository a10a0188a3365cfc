from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.convert import ir_text
from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.cancel_dequantize import CancelDequantize
from bnn_lab.convert.passes.quantize_before_pool import QuantizeBeforePool
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps
from bnn_lab.reference import window_axis

PIPELINE = (
    RecognizeSign(),
    BinarizeConv(),
    CancelDequantize(),
    RemoveDeadOps(),
    QuantizeBeforePool(),
    RemoveDeadOps(),
)


def pool(graph, x, size=(2, 2), stride=(2, 2), padding="valid", activation="none"):
    _, height, width, channels = x.type.get_shape()
    out = [
        window_axis(total, size[a], stride[a], 1, padding).out
        for a, total in enumerate((height, width))
    ]
    return graph.op(
        "max_pool_2d", x, shape=(1, *out, channels), table="Pool2DOptions", padding=padding,
        filterHeight=size[0], filterWidth=size[1], strideH=stride[0], strideW=stride[1],
        fusedActivationFunction=activation,
    )  # fmt: skip


def outcome(outcomes):
    (only,) = [o for o in outcomes if o.pass_name == "quantize_before_pool"]
    return only


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("size", "stride"), [((2, 2), (2, 2)), ((3, 2), (2, 1)), ((3, 3), (1, 1))])
def test_pool_works_on_bits(graph, apply, op_names, rng, signs, padding, size, stride):
    pooled = pool(graph, graph.input(1, 7, 6, 40), size, stride, padding)
    module = graph.module(graph.conv(graph.sign(pooled), signs(8, 2, 2, 40)))
    # Mostly negative, so that windows of -1 alone occur.
    x = (rng.normal(size=(1, 7, 6, 40)) - 1).astype(np.float32)
    assert outcome(apply(module, x, *PIPELINE)).applied
    assert op_names(module) == ["lq.Quantize", "lq.BMaxPool2d", "lq.Bconv2d"]
    assert (
        f"filter_height = {size[0]}, filter_width = {size[1]}, stride_height = {stride[0]}, "
        f"stride_width = {stride[1]}, padding = {padding}"
    ) in ir_text(module)


def test_other_readers_are_refused(graph, apply, rng, signs):
    pooled = pool(graph, graph.input(1, 6, 6, 40))
    conv = graph.conv(graph.sign(pooled), signs(8, 2, 2, 40))
    module = graph.module(conv, pooled)
    x = rng.normal(size=(1, 6, 6, 40)).astype(np.float32)
    assert "other readers" in outcome(apply(module, x, *PIPELINE)).reason


def test_activation_is_refused(graph, apply, rng, signs):
    pooled = pool(graph, graph.input(1, 6, 6, 40), activation="relu")
    module = graph.module(graph.conv(graph.sign(pooled), signs(8, 2, 2, 40)))
    x = rng.normal(size=(1, 6, 6, 40)).astype(np.float32)
    refused = outcome(apply(module, x, *PIPELINE))
    assert not refused.applied
    assert "fused relu" in refused.reason
