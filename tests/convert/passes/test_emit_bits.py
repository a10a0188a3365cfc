from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.convert import ir_text
from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.cancel_dequantize import CancelDequantize
from bnn_lab.convert.passes.emit_bits import EmitBits, thresholds
from bnn_lab.convert.passes.fuse_scale import FuseScale
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps
from bnn_lab.reference import ACTIVATION_RANGES

PIPELINE = (
    RecognizeSign(),
    BinarizeConv(),
    CancelDequantize(),
    RemoveDeadOps(),
    FuseScale(),
    EmitBits(),
    RemoveDeadOps(),
)


def outcome(outcomes):
    (only,) = [o for o in outcomes if o.pass_name == "emit_bits"]
    return only


def two_convs(graph, rng, signs, channels=40, activation="none", padding="valid", gamma=None):
    s = graph.sign(graph.input(1, 6, 6, 33))
    y = graph.conv(s, signs(channels, 3, 3, 33), padding=padding, activation=activation)
    if gamma is not None:
        y = graph.mul(y, graph.const(gamma.astype(np.float32)))
        y = graph.add(y, graph.const((rng.normal(size=channels) * 5).astype(np.float32)))
    return y, graph.conv(graph.sign(y), signs(8, 2, 2, channels))


@pytest.mark.parametrize("activation", ["none", "relu", "relu6", "relu_n1_to_1"])
@pytest.mark.parametrize("channels", [1, 31, 32, 65])
def test_both_signs_of_the_multiplier(graph, apply, op_names, rng, signs, activation, channels):
    gamma = rng.normal(size=channels)
    gamma[0] = 0
    _, y = two_convs(graph, rng, signs, channels, activation, gamma=gamma)
    module = graph.module(y)
    x = rng.normal(size=(1, 6, 6, 33)).astype(np.float32)
    found = outcome(apply(module, x, *PIPELINE))
    assert found.reason == f"{channels} thresholds, {np.sum(gamma < 0)} channels with flipped signs"
    assert op_names(module) == ["lq.Quantize", "lq.Bconv2d", "lq.Bconv2d"]
    assert f"tensor<1x4x4x{-(-channels // 32)}xi32>" in ir_text(module)


@pytest.mark.parametrize("activation", list(ACTIVATION_RANGES))
@pytest.mark.parametrize("depth", [1, 2, 9, 32])
def test_thresholds_equal_the_sign_for_every_accumulator(rng, activation, depth):
    scale = rng.normal(size=200).astype(np.float32)
    scale[:3] = 0, 1, -1
    shift = (rng.normal(size=200) * depth).astype(np.float32)
    shift[:6] = 0
    shift[6:40] = -scale[6:40] * np.float32(depth - 2 * (depth // 2))  # zero is reached exactly
    found = thresholds(scale, shift, depth, activation)
    low, high = ACTIVATION_RANGES[activation]
    for accumulator in range(-depth, depth + 1, 2):
        clamped = np.float32(np.clip(accumulator, low, high))
        negative = scale * clamped + shift < 0
        popcount = (depth - accumulator) // 2
        popcount = np.where(scale < 0, depth - popcount, popcount)  # flipped filters
        np.testing.assert_array_equal(popcount > found, negative)


def test_float_reader_is_refused(graph, apply, op_names, rng, signs):
    first, second = two_convs(graph, rng, signs)
    module = graph.module(first, second)
    x = rng.normal(size=(1, 6, 6, 33)).astype(np.float32)
    refused = outcome(apply(module, x, *PIPELINE))
    assert not refused.applied
    assert "other readers" in refused.reason


def test_zero_padding_is_refused(graph, apply, rng, signs):
    _, y = two_convs(graph, rng, signs, padding="same")
    x = rng.normal(size=(1, 6, 6, 33)).astype(np.float32)
    refused = outcome(apply(graph.module(y), x, *PIPELINE))
    assert not refused.applied
    assert "pad_values=1" in refused.advice
