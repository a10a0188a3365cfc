"""round_before_sign, quantize_from_int8, emit_int8, signs in int8: text before and after."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.builtin import UnitAttr

from bnn_lab.convert import ir_text
from bnn_lab.convert.ir.attributes import F32, I8, I32, QuantParams, tensor_type
from bnn_lab.convert.ir.options import Options, OptionsAttr
from bnn_lab.convert.ir.tfl_dialect import CALIBRATED, Const
from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.cancel_dequantize import CancelDequantize
from bnn_lab.convert.passes.emit_int8 import EmitInt8
from bnn_lab.convert.passes.lift_int8_convs import LiftInt8Convs
from bnn_lab.convert.passes.quantize_from_int8 import QuantizeFromInt8
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps
from bnn_lab.convert.passes.round_before_sign import RoundBeforeSign
from bnn_lab.convert.pipeline import make_pipeline, run_pipeline
from bnn_lab.convert.rewrite.int8_values import dequantized

SHAPE = (1, 1, 1, 8)
STEP = 0.25
# No value lies on a boundary of rounding, where runtimes differ.
X = np.float32([-3, -0.26, -0.13, -0.12, -1e-6, 0, 0.2, 3]).reshape(SHAPE)


def int8_type(shape=SHAPE, zero_point=0):
    return tensor_type(I8, shape, QuantParams((STEP,), (zero_point,)))


def rounded(graph, value, zero_point=0):
    """(int8, float32) of a value."""
    shape = tuple(value.type.get_shape())
    stored = graph.typed("quantize", [value], int8_type(shape, zero_point))
    return stored, graph.typed("dequantize", [stored], tensor_type(F32, shape))


@pytest.mark.parametrize("zero_point", [0, 13, -127])
def test_round_before_sign(graph, apply, op_names, zero_point):
    _, value = rounded(
        graph, graph.mul(graph.input(*SHAPE), graph.const(np.float32(1))), zero_point
    )
    module = graph.module(graph.sign(value))
    outcomes = apply(module, X, RecognizeSign(), RemoveDeadOps(), RoundBeforeSign())
    assert op_names(module) == ["tfl.mul", "tfl.add", "lq.Quantize", "lq.Dequantize"]
    assert "%half_step = tfl.const() {0.125}" in ir_text(module)
    assert outcomes[-1].reason == "0.125 is added before the sign"


def test_round_before_sign_keeps_int8_that_others_read(graph, op_names):
    x = graph.mul(graph.input(*SHAPE), graph.const(np.float32(1)))
    _, value = rounded(graph, x)
    module = graph.module(graph.sign(value), value)
    RecognizeSign().run(module)
    RemoveDeadOps().run(module)
    (outcome,) = RoundBeforeSign().run(module)
    assert "other readers" in outcome.reason
    assert "tfl.quantize" in op_names(module)


def test_round_before_sign_refuses_a_range_without_negative_values(graph, apply, op_names):
    x = graph.mul(graph.input(*SHAPE), graph.const(np.float32(1)))
    _, value = rounded(graph, x, -128)
    module = graph.module(graph.sign(value))
    outcomes = apply(module, X, RecognizeSign(), RemoveDeadOps(), RoundBeforeSign())
    assert outcomes[-1].reason == "its int8 range holds no negative value: every bit is +1"
    assert "tfl.add" not in op_names(module)


def test_quantize_from_int8_keeps_the_rounding(graph, apply, op_names):
    _, value = rounded(graph, graph.input(*SHAPE))
    module = graph.module(graph.sign(value))
    apply(module, X, RecognizeSign(), RemoveDeadOps(), RoundBeforeSign(), QuantizeFromInt8())
    assert op_names(module) == ["tfl.quantize", "lq.Quantize", "lq.Dequantize"]


def test_quantize_from_int8_reads_floats_of_a_calibrated_model(graph, op_names):
    _, value = rounded(graph, graph.mul(graph.input(*SHAPE), graph.const(np.float32(1))))
    module = graph.module(graph.sign(value))
    module.attributes[CALIBRATED] = UnitAttr()
    RecognizeSign().run(module)
    RemoveDeadOps().run(module)
    assert RoundBeforeSign().run(module) == []
    assert all(outcome.applied for outcome in QuantizeFromInt8().run(module))
    assert op_names(module) == ["tfl.mul", "lq.Quantize", "lq.Dequantize"]


def int8_sum(graph, activation="none"):
    """Larq's sign as calibration leaves it."""
    stored, _ = rounded(graph, graph.op("sign", graph.input(*SHAPE)))
    shift = Const.of(np.array([2], np.int8), "shift", int8_type((1,)))
    graph.block.add_op(shift)
    total = graph.typed("add", [stored, shift.result], int8_type(), "AddOptions")
    if activation != "none":
        table = Options.make("AddOptions", fusedActivationFunction=activation)
        total.op.options = OptionsAttr(table)
    value = graph.typed("dequantize", [total], tensor_type(F32, SHAPE))
    return graph.module(graph.op("sign", value))


@pytest.mark.parametrize("calibrated", [True, False])
def test_larqs_sign_with_an_int8_sum(graph, apply, op_names, calibrated):
    module = int8_sum(graph)
    assert op_names(module) == [
        "tfl.sign", "tfl.quantize", "tfl.dequantize", "tfl.add", "tfl.dequantize", "tfl.sign"
    ]  # fmt: skip
    if calibrated:
        module.attributes[CALIBRATED] = UnitAttr()
    apply(module, X, RecognizeSign(), RemoveDeadOps())
    assert op_names(module) == ["lq.Quantize", "lq.Dequantize"]


def test_a_clamped_int8_sum_is_no_sign(graph):
    module = int8_sum(graph, "relu")
    before = ir_text(module)
    assert RecognizeSign().run(module) == []
    assert ir_text(module) == before


IMAGE = (1, 5, 5, 32)


@pytest.fixture
def image(rng):
    return rng.normal(size=IMAGE).astype(np.float32)


def binary_conv(graph, signs, padding="valid"):
    return graph.conv(graph.sign(graph.input(*IMAGE)), signs(8, 3, 3, 32), padding=padding)


def test_emit_int8(graph, apply, op_names, signs, image):
    _, value = rounded(graph, binary_conv(graph, signs))
    module = graph.module(value)
    steps = RecognizeSign(), BinarizeConv(), CancelDequantize(), RemoveDeadOps(), EmitInt8()
    apply(module, image, *steps)
    assert op_names(module) == ["lq.Quantize", "lq.Bconv2d", "tfl.dequantize"]
    assert "tensor<1x3x3x8xi8, #tfl.quant<0.25 * q>>" in ir_text(module)


def test_emit_int8_refuses_other_readers_and_zero_padding(new_graph, signs):
    for padding, shared, reason in [
        ("valid", True, "the convolution's float result has other readers"),
        ("same", False, "LCE writes no int8 with SAME padding of zeros"),
    ]:
        graph = new_graph()
        result = binary_conv(graph, signs, padding)
        _, value = rounded(graph, result)
        module = graph.module(value, *([result] if shared else []))
        for step in (RecognizeSign(), BinarizeConv(lce_compatible=True), RemoveDeadOps()):
            step.run(module)
        assert "lq.Bconv2d" in ir_text(module)
        (outcome,) = EmitInt8().run(module)
        assert reason in outcome.reason


def test_lift_int8_convs(graph, op_names, signs):
    """Input and filter are ±127 steps of 1/127, as calibration writes binary values."""
    unit = QuantParams((1 / 127,), (0,))
    stored = graph.typed(
        "quantize", [graph.sign(graph.input(*IMAGE))], tensor_type(I8, IMAGE, unit)
    )
    values = signs(8, 3, 3, 32)
    filters = Const.of(
        (127 * values).astype(np.int8), "filter", tensor_type(I8, values.shape, unit)
    )
    bias = Const.of(
        np.arange(8, dtype=np.int32) * 127 * 127,
        "bias",
        tensor_type(I32, (8,), QuantParams((1 / 127**2,), (0,))),
    )
    graph.block.add_ops([filters, bias])
    result = tensor_type(I8, (1, 3, 3, 8), QuantParams((4.0,), (0,)))
    made = graph.typed("conv_2d", [stored, filters.result, bias.result], result, "Conv2DOptions")
    made.op.options = OptionsAttr(
        Options.make("Conv2DOptions", padding="valid", strideH=1, strideW=1,
                     dilationHFactor=1, dilationWFactor=1)
    )  # fmt: skip
    module = graph.module(graph.typed("dequantize", [made], tensor_type(F32, (1, 3, 3, 8))))
    for step in (RecognizeSign(), RemoveDeadOps()):
        step.run(module)
    (outcome,) = LiftInt8Convs().run(module)
    RemoveDeadOps().run(module)
    assert outcome.reason == "input and filter are binary: no int8 values are multiplied"
    assert op_names(module)[2:] == ["tfl.conv_2d", "tfl.quantize", "tfl.dequantize"]
    conv = next(op for op in module.walk() if op.name == "tfl.conv_2d")
    lifted = [operand.owner.value.values for operand in conv.operands[1:]]
    np.testing.assert_allclose(lifted[0], values, rtol=1e-6)
    np.testing.assert_allclose(lifted[1], np.arange(8), rtol=1e-6)


KINDS = {
    # Axis of the output channels, and the table of the options.
    "conv_2d": (0, "Conv2DOptions"),
    "depthwise_conv_2d": (3, "DepthwiseConv2DOptions"),
    "transpose_conv": (0, "TransposeConvOptions"),
    "fully_connected": (0, "FullyConnectedOptions"),
}


def hybrid(graph, kind, values, source, *, as_floats=False):
    """A layer of floats whose filter is int8, as TensorFlow writes it where an output is float."""
    axis, table = KINDS[kind]
    channels = values.shape[axis]
    scales = tuple(float(scale) for scale in 0.01 * np.arange(1, channels + 1))
    quant = QuantParams(scales, (0,) * channels, axis)
    filters = Const.of(values.astype(np.int8), "filter", tensor_type(I8, values.shape, quant))
    if as_floats:
        filters = Const.of(dequantized(filters.result), "filter")
    graph.block.add_op(filters)
    bias = graph.const(np.arange(channels, dtype=np.float32))
    operands = [source, filters.result, bias]
    options = {"padding": "valid", "strideH": 1, "strideW": 1}
    if kind == "fully_connected":
        return graph.op(kind, *operands, shape=(1, channels), table=table)
    if kind == "transpose_conv":
        operands = [graph.const(np.int32([1, 7, 7, channels])), filters.result, source, bias]
        return graph.op(kind, *operands, shape=(1, 7, 7, channels), table=table, **options)
    if kind == "depthwise_conv_2d":
        options["depthMultiplier"] = 1
    return graph.op(kind, *operands, shape=(1, 3, 3, channels), table=table, **options)


@pytest.mark.parametrize("binary", [True, False], ids=["binary", "three values"])
@pytest.mark.parametrize("given", ["sign", "0 and 1"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_int8_filter_of_a_float_layer(
    new_graph, litert, executable, interpreters, op_names, signs, rng, kind, given, binary
):
    shape = (1, 32) if kind == "fully_connected" else IMAGE
    sizes = {"fully_connected": (8, 32), "depthwise_conv_2d": (1, 3, 3, 32)}
    values = 127 * signs(*sizes.get(kind, (8, 3, 3, 32)))
    if not binary:
        values[:, 1::2] = 0
    data = rng.normal(size=shape).astype(np.float32)

    def network(as_floats=False):
        graph = new_graph()
        x = graph.input(*shape)
        source = graph.sign(x) if given == "sign" else graph.op("sign", graph.op("relu", x))
        return graph.module(hybrid(graph, kind, values, source, as_floats=as_floats))

    module = network()
    results = run_pipeline(module, make_pipeline(lce_compatible=False))
    # A transposed layer of 0 and 1 has another sum at each edge.
    taken = binary and not (kind == "transpose_conv" and given == "0 and 1")
    layers = ("lq.Bconv2d", "lq.Depthwise2d", "lq.Transpose2d")
    assert any(name in layers for name in op_names(module)) is taken, results
    # LiteRT rounds what such a layer reads, and ±1 is then 1 part in 255 off; bits are not.
    (want,) = litert(executable(network(as_floats=taken)), data)
    (got,) = interpreters["bnn_lab"](executable(module), data)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-3)
