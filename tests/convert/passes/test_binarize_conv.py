from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.convert import ir_text
from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps


def image(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def bconv_text(module) -> str:
    (line,) = [line for line in ir_text(module).splitlines() if "lq.Bconv2d" in line]
    return line


def last(outcomes):
    return next(o for o in outcomes if o.pass_name == "binarize_conv")


@pytest.mark.parametrize("channels", [1, 7, 31, 32, 33, 63, 65, 97])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_equal_outputs(graph, apply, op_names, rng, signs, channels, padding):
    conv = graph.conv(
        graph.sign(graph.input(1, 5, 6, channels)), signs(channels, 3, 3, channels), padding=padding
    )
    module = graph.module(conv)
    apply(module, image(rng, 1, 5, 6, channels), RecognizeSign(), BinarizeConv(), RemoveDeadOps())
    assert op_names(module) == ["lq.Quantize", "lq.Dequantize", "lq.Quantize", "lq.Bconv2d"]
    text = bconv_text(module)
    assert f"channels_in = {channels}," in text
    assert f"padding = {padding}, pad_values = 0, fused_activation_function = none" in text


@pytest.mark.parametrize("stride", [(2, 2), (1, 3), (2, 1)])
@pytest.mark.parametrize("dilation", [(1, 1), (2, 3)])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_strides_and_dilation(graph, apply, rng, signs, stride, dilation, padding):
    if max(stride) > 1 and max(dilation) > 1:
        dilation = (dilation[0], 1)
    conv = graph.conv(
        graph.sign(graph.input(1, 9, 10, 32)),
        signs(8, 3, 2, 32),
        padding=padding,
        stride=stride,
        dilation=dilation,
    )
    module = graph.module(conv)
    apply(module, image(rng, 1, 9, 10, 32), RecognizeSign(), BinarizeConv(), RemoveDeadOps())
    text = bconv_text(module)
    assert f"stride_height = {stride[0]}, stride_width = {stride[1]}" in text
    assert f"dilation_height_factor = {dilation[0]}, " in text


def test_magnitudes_become_the_multiplier(graph, apply, rng, signs):
    # What a folded BatchNorm leaves: ±c per channel, one channel scaled to 0.
    scale = rng.normal(size=6).astype(np.float32)
    scale[2] = 0
    filters = signs(6, 3, 3, 32) * scale[:, None, None, None]
    conv = graph.conv(graph.sign(graph.input(1, 5, 5, 32)), filters, rng.normal(size=6))
    module = graph.module(conv)
    outcomes = apply(module, image(rng, 1, 5, 5, 32), RecognizeSign(), BinarizeConv())
    assert "1 channels with multiplier 0" in last(outcomes).reason
    bconv = next(op for op in module.walk() if op.name == "lq.Bconv2d")
    np.testing.assert_array_equal(bconv.multiplier.owner.value.values, np.abs(scale))
    assert set(np.unique(bconv.filter.owner.value.values)) == {-1, 1}


def test_tiny_scale_is_not_kept_in_float(graph, apply, rng, signs):
    filters = signs(4, 1, 1, 32)
    filters[1] *= 1e-42  # subnormal
    module = graph.module(graph.conv(graph.sign(graph.input(1, 3, 3, 32)), filters))
    outcomes = apply(module, image(rng, 1, 3, 3, 32), RecognizeSign(), BinarizeConv())
    assert last(outcomes).applied


@pytest.mark.parametrize(
    ("activation", "scale", "bias", "padding", "inside"),
    [
        ("relu", 1, 0, "valid", True),
        ("relu", 0.3, 0, "valid", True),
        ("relu", 1, 5, "valid", False),
        ("relu", 1, 0, "same", False),  # SAME with zeros takes no fused activation
        ("relu6", 1, 0, "valid", True),
        ("relu6", 0.5, 0, "valid", False),
        ("relu_n1_to_1", 1, 0, "valid", True),
        ("relu_n1_to_1", 0.01, -0.5, "same", False),
    ],
)
def test_activation(graph, apply, op_names, rng, signs, activation, scale, bias, padding, inside):
    conv = graph.conv(
        graph.sign(graph.input(1, 5, 5, 32)),
        signs(8, 3, 3, 32) * np.float32(scale),
        np.full(8, bias),
        padding=padding,
        activation=activation,
    )
    module = graph.module(conv)
    apply(module, image(rng, 1, 5, 5, 32), RecognizeSign(), BinarizeConv(), RemoveDeadOps())
    fused = activation if inside else "none"
    assert f"fused_activation_function = {fused}" in bconv_text(module)
    assert op_names(module)[-1] == ("lq.Bconv2d" if inside else f"tfl.{activation}")


def test_same_that_pads_nothing_is_valid(graph, apply, rng, signs):
    conv = graph.conv(
        graph.sign(graph.input(1, 4, 4, 32)), signs(8, 1, 1, 32), padding="same", activation="relu"
    )
    module = graph.module(conv)
    apply(module, image(rng, 1, 4, 4, 32), RecognizeSign(), BinarizeConv())
    assert "padding = valid, pad_values = 0, fused_activation_function = relu" in bconv_text(module)


def test_groups(graph, apply, rng, signs):
    conv = graph.conv(graph.sign(graph.input(1, 5, 5, 96)), signs(6, 3, 3, 32))
    module = graph.module(conv)
    x = image(rng, 1, 5, 5, 96)
    outcomes = apply(module, x, RecognizeSign(), BinarizeConv(), groups=True)
    assert "3 groups" in last(outcomes).reason


def test_groups_of_partial_words_are_refused(graph, signs):
    conv = graph.conv(graph.sign(graph.input(1, 5, 5, 48)), signs(6, 3, 3, 16))
    module = graph.module(conv)
    RecognizeSign().run(module)
    (outcome,) = BinarizeConv().run(module)
    assert not outcome.applied
    assert "3 groups have 16 input channels each" in outcome.reason
    assert "multiple of 96" in outcome.advice


@pytest.mark.parametrize("moved", ["reshape", "max_pool_2d", "padv2"])
def test_sees_through_ops_that_keep_values_binary(graph, apply, rng, signs, moved):
    s = graph.sign(graph.input(1, 4, 4, 32))
    if moved == "reshape":
        s = graph.op(
            "reshape", s, graph.const(np.int32([1, 2, 8, 32])), shape=(1, 2, 8, 32),
            table="ReshapeOptions",
        )  # fmt: skip
    elif moved == "max_pool_2d":
        s = graph.op(
            "max_pool_2d", s, shape=(1, 2, 2, 32), table="Pool2DOptions", padding="valid",
            strideW=2, strideH=2, filterWidth=2, filterHeight=2,
        )  # fmt: skip
    else:
        s = graph.pad(s, [(2, 0), (0, 1)], -1)
    module = graph.module(graph.conv(s, signs(8, 2, 2, 32)))
    outcomes = apply(module, image(rng, 1, 4, 4, 32), RecognizeSign(), BinarizeConv())
    assert last(outcomes).applied


class TestRefusals:
    def refusal(self, module):
        RecognizeSign().run(module)
        before = ir_text(module)
        (outcome,) = BinarizeConv().run(module)
        assert not outcome.applied
        assert ir_text(module) == before
        return outcome

    def test_float_input(self, graph, signs):
        outcome = self.refusal(graph.module(graph.conv(graph.input(1, 5, 5, 3), signs(8, 3, 3, 3))))
        assert "its input 'x' is not binary (a model input)" in outcome.reason
        assert "input_quantizer" in outcome.advice

    def test_float_filter(self, graph, rng):
        s = graph.sign(graph.input(1, 5, 5, 32))
        outcome = self.refusal(graph.module(graph.conv(s, rng.normal(size=(8, 3, 3, 32)))))
        assert "its filter is not binary: output channel 0 holds magnitudes" in outcome.reason
        assert "kernel_quantizer" in outcome.advice

    def test_ternary_filter(self, graph, signs):
        filters = signs(8, 3, 3, 32)
        filters[5, 1, 1, 7] = 0
        s = graph.sign(graph.input(1, 5, 5, 32))
        outcome = self.refusal(graph.module(graph.conv(s, filters)))
        assert "output channel 5 holds zeros besides ±1" in outcome.reason

    def test_zero_padded_input(self, graph, signs):
        s = graph.pad(graph.sign(graph.input(1, 5, 5, 32)), [(1, 1), (1, 1)], 0)
        outcome = self.refusal(graph.module(graph.conv(s, signs(8, 3, 3, 32))))
        assert "padded with 0" in outcome.reason

    def test_computed_filter(self, graph):
        s = graph.sign(graph.input(1, 5, 5, 32))
        filters = graph.input(8, 3, 3, 32, name="weights")
        conv = graph.op(
            "conv_2d", s, filters, graph.absent(), shape=(1, 3, 3, 8), table="Conv2DOptions",
            padding="valid", strideH=1, strideW=1,
        )  # fmt: skip
        assert "is given at run time" in self.refusal(graph.module(conv)).reason
