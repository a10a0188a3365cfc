from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.builtin import i1

from bnn_lab.convert import convert_saved_model, export_model, ir_text
from bnn_lab.convert.ir.attributes import F32, tensor_type
from bnn_lab.convert.ir.options import Options, OptionsAttr
from bnn_lab.convert.ir.tfl_dialect import make_tfl, tensor_names
from bnn_lab.convert.passes.recognize_sign import RecognizeSign

X = np.float32([-2, -0.5, -1e-30, -0.0, 0, 1e-30, 0.25, 0.5, 3]).reshape(1, 1, 1, 9)
SHAPE = X.shape


def append(graph, mnemonic, operands, element, table):
    options = OptionsAttr(Options.make(table))
    names = tensor_names(f"net/{mnemonic}")
    op = make_tfl(mnemonic, operands, [tensor_type(element, SHAPE)], options, names)
    graph.block.add_op(op)
    return op.results[0]


def compare(graph, kind, left, right):
    table = "".join(part.capitalize() for part in kind.split("_")) + "Options"
    return append(graph, kind, [left, right], i1, table)


def select(graph, condition, yes, no, op="select_v2"):
    table = {"select": "SelectOptions", "select_v2": "SelectV2Options"}[op]
    branches = [graph.const(np.float32(yes)), graph.const(np.float32(no))]
    return append(graph, op, [condition, *branches], F32, table)


def chosen(graph, kind, yes, no, threshold=0.0, mirrored=False):
    x, t = graph.input(*SHAPE), graph.const(np.float32(threshold))
    condition = compare(graph, kind, *((t, x) if mirrored else (x, t)))
    return graph.module(select(graph, condition, yes, no))


def test_before_and_after(graph, apply, op_names):
    module = chosen(graph, "greater_equal", 1, -1)
    assert op_names(module) == ["tfl.greater_equal", "tfl.select_v2"]
    outcomes = apply(module, X, RecognizeSign())
    assert op_names(module) == ["lq.Quantize", "lq.Dequantize"]
    assert "lq.Quantize(%x) : tensor<1x1x1x1xi32>" in ir_text(module)
    assert outcomes[0].reason == "-1 for x < 0: 9 channels of 'x' pack into 1 word"


SPELLINGS = [
    (kind, yes, no, mirrored)
    for kind in ("less", "less_equal", "greater", "greater_equal")
    for yes, no in ((1, -1), (-1, 1))
    for mirrored in (False, True)
]
THRESHOLDS = [
    *(0.0, -0.0, 0.5, -0.5, 1e-30, -1e-30),
    [[0, 0.25, 3, -2, 0, 0, 9, -0.5, 3]],
    [[0, 1e-30, -1e-30, 1e-38, 0, 3e38, -3e38, -0.5, 3]],
]


@pytest.mark.parametrize("kind, yes, no, mirrored", SPELLINGS)
@pytest.mark.parametrize("threshold", THRESHOLDS, ids=str)
def test_all_spellings(graph, apply, op_names, kind, yes, no, mirrored, threshold):
    """The threshold itself may be -1 or +1, in one direction or the other."""
    module = chosen(graph, kind, yes, no, threshold, mirrored)
    apply(module, X, RecognizeSign())
    assert op_names(module)[-2:] == ["lq.Quantize", "lq.Dequantize"]
    assert set(op_names(module)[:-2]) <= {"tfl.mul", "tfl.add"}


@pytest.mark.parametrize("kind, yes, no", [("greater_equal", 1, -1), ("less", -1, 1)])
def test_a_sign_at_zero_takes_no_op_in_front(graph, op_names, kind, yes, no):
    module = chosen(graph, kind, yes, no)
    RecognizeSign().run(module)
    assert op_names(module) == ["lq.Quantize", "lq.Dequantize"]


@pytest.mark.parametrize("threshold", [np.inf, np.nan])
def test_thresholds_that_are_no_numbers(graph, apply, op_names, threshold):
    """The comparison stays, and bits are taken of its truth values."""
    module = chosen(graph, "greater_equal", 1, -1, threshold)
    apply(module, X, RecognizeSign())
    assert op_names(module) == ["tfl.greater_equal", "lq.Quantize", "lq.Dequantize"]


def test_other_values_are_no_subject(graph):
    assert RecognizeSign().run(chosen(graph, "greater_equal", 1, 0)) == []


@pytest.mark.parametrize("op", ["select", "select_v2"])
def test_full_constants(graph, apply, op_names, op):
    x = graph.input(*SHAPE)
    condition = compare(graph, "greater_equal", x, graph.const(np.zeros(SHAPE, np.float32)))
    module = graph.module(select(graph, condition, np.ones(SHAPE), -np.ones(SHAPE), op))
    apply(module, X, RecognizeSign())
    assert op_names(module) == ["lq.Quantize", "lq.Dequantize"]


@pytest.mark.parametrize("spelling", ["2c - 1", "-1 + 2c", "1 - 2c", "-2c + 1"])
def test_scaled_cast(graph, apply, op_names, spelling):
    x = graph.input(*SHAPE)
    kind = "less" if spelling in ("1 - 2c", "-2c + 1") else "greater_equal"
    condition = compare(graph, kind, x, graph.const(np.float32(0)))
    cast = append(graph, "cast", [condition], F32, "CastOptions")
    factor = graph.const(np.float32(-2 if spelling == "-2c + 1" else 2))
    scaled = graph.mul(cast, factor)
    one = graph.const(np.float32(-1 if spelling == "-1 + 2c" else 1))
    if spelling == "2c - 1":
        result = graph.sub(scaled, one)
    elif spelling == "1 - 2c":
        result = append(graph, "sub", [one, scaled], F32, "SubOptions")
    else:
        result = graph.add(scaled, one)
    module = graph.module(result)
    apply(module, X, RecognizeSign())
    assert op_names(module) == ["lq.Quantize", "lq.Dequantize"]


def test_choices_between_computed_values_are_no_subject(graph):
    x = graph.input(*SHAPE)
    condition = compare(graph, "greater_equal", x, graph.const(np.float32(0)))
    module = graph.module(append(graph, "select_v2", [condition, x, x], F32, "SelectV2Options"))
    assert RecognizeSign().run(module) == []
    assert export_model(module)


@pytest.mark.parametrize("as_saved_model", [False, True])
def test_keras_quantizer(as_saved_model, tmp_path, rng, interpreters):
    import larq as lq

    import bnn_lab
    from bnn_lab._keras import require_tensorflow

    tf = require_tensorflow()

    @tf.custom_gradient
    def where_sign(x):
        return tf.where(x >= 0, tf.ones_like(x), -tf.ones_like(x)), lambda dy: dy

    source = tf.keras.layers.Input((6, 6, 8))
    layer = lq.layers.QuantConv2D(
        4, 3, input_quantizer=where_sign, kernel_quantizer="ste_sign", kernel_constraint=None
    )
    model = tf.keras.Model(source, layer(source))
    if as_saved_model:
        model.save(tmp_path / "saved", save_format="tf")
        file = convert_saved_model(tmp_path / "saved")
    else:
        file = bnn_lab.convert_keras_model(model)
    assert b"LceBconv2d" in file
    x = rng.choice(np.float32([-1, -0.5, -0.0, 0.0, 2]), (1, 6, 6, 8))
    for run in interpreters.values():
        np.testing.assert_array_equal(run(file, x)[0].reshape(1, 4, 4, 4), model(x).numpy())


@pytest.mark.parametrize("ends", ["up", "down", "mixed", "fixed"])
def test_a_choice_by_truth_values(graph, apply, op_names, ends):
    """Also one that goes the other way, or nowhere, in some channels."""
    x, y = graph.input(*SHAPE), graph.const(np.float32(0.25))
    # The truth value of two numbers that both depend on x.
    square = graph.mul(x, x)
    condition = compare(graph, "greater", square, graph.add(x, y))
    one, other = {
        "up": (np.ones(9), -np.ones(9)),
        "down": (-np.ones(9), np.ones(9)),
        "mixed": (np.resize([1, -1, -1], 9), np.resize([-1, 1, 1], 9)),
        "fixed": (np.resize([1, 1, -1], 9), np.resize([-1, 1, -1], 9)),
    }[ends]
    module = graph.module(select(graph, condition, one, other))
    apply(module, X, RecognizeSign())
    assert op_names(module)[-2:] == ["lq.Quantize", "lq.Dequantize"]
