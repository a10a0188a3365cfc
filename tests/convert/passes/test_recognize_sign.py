from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.convert import ir_text
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps

X = np.float32([[-2.0, -0.0, 0.0, 1e-30, 3.0]]).repeat(2, axis=0).reshape(2, 1, 1, 5)


def test_becomes_quantize_and_dequantize(graph, apply, op_names):
    module = graph.module(graph.sign(graph.input(1, 1, 1, 5)))
    outcomes = apply(module, X, RecognizeSign(), RemoveDeadOps())
    assert op_names(module) == ["lq.Quantize", "lq.Dequantize"]
    assert "lq.Quantize(%x) : tensor<1x1x1x1xi32>" in ir_text(module)
    assert [o.reason for o in outcomes if o.pass_name == "recognize_sign"] == [
        "-1 for x < 0: 5 channels of 'x' pack into 1 word"
    ]


@pytest.mark.parametrize("channels", [1, 7, 31, 32, 33, 63, 65, 97])
def test_awkward_channels(graph, apply, rng, channels):
    module = graph.module(graph.sign(graph.input(1, 2, 3, channels)))
    apply(module, rng.normal(size=(2, 2, 3, channels)).astype(np.float32), RecognizeSign())
    assert f"tensor<1x2x3x{-(-channels // 32)}xi32>" in ir_text(module)


@pytest.mark.parametrize("shift", [1e-7, 0.5, 0.99999994])
def test_any_shift_between_0_and_1(graph, apply, op_names, shift):
    module = graph.module(graph.sign(graph.input(1, 1, 1, 5), shift))
    apply(module, X, RecognizeSign(), RemoveDeadOps())
    assert op_names(module) == ["lq.Quantize", "lq.Dequantize"]


@pytest.mark.parametrize("shift", [0.0, 1.0, np.nan])
def test_other_shifts_give_other_values(graph, op_names, shift):
    module = graph.module(graph.sign(graph.input(1, 1, 1, 5), shift))
    assert RecognizeSign().run(module) == []
    assert op_names(module) == ["tfl.sign", "tfl.add", "tfl.sign"]


def test_a_large_shift_makes_all_positive(graph, apply, op_names):
    module = graph.module(graph.sign(graph.input(1, 1, 1, 5), 1.5))
    apply(module, X, RecognizeSign())
    assert op_names(module)[-2:] == ["lq.Quantize", "lq.Dequantize"]


def test_a_negative_shift_makes_zero_negative(graph, apply, op_names):
    module = graph.module(graph.sign(graph.input(1, 1, 1, 5), -0.1))
    apply(module, X, RecognizeSign())
    assert op_names(module) == ["tfl.mul", "tfl.add", "lq.Quantize", "lq.Dequantize"]


def test_shared_sign_is_read_twice(graph, apply, op_names):
    x = graph.input(1, 1, 1, 5)
    s = graph.sign(x)
    module = graph.module(s, graph.add(s, x))
    apply(module, X, RecognizeSign(), RemoveDeadOps())
    assert op_names(module) == ["lq.Quantize", "lq.Dequantize", "tfl.add"]


def test_inner_sign_read_by_others_stays(graph, apply, op_names):
    x = graph.input(1, 1, 1, 5)
    inner = graph.op("sign", x)
    outer = graph.op("sign", graph.add(inner, graph.const(np.float32(0.1))))
    module = graph.module(inner, outer)
    outcomes = apply(module, X, RecognizeSign(), RemoveDeadOps())
    assert op_names(module) == ["tfl.sign", "lq.Quantize", "lq.Dequantize"]
    assert [o.applied for o in outcomes if o.pass_name == "recognize_sign"].count(True) == 1


def test_a_sign_of_a_sign_is_itself(graph, apply, op_names):
    module = graph.module(graph.sign(graph.sign(graph.input(1, 1, 1, 5))))
    apply(module, X, RecognizeSign())
    assert op_names(module) == ["lq.Quantize", "lq.Dequantize"]


def test_the_opposite_of_a_sign_stays(graph, apply, op_names):
    module = graph.module(graph.op("neg", graph.sign(graph.input(1, 1, 1, 5))))
    apply(module, X, RecognizeSign())
    assert op_names(module) == ["lq.Quantize", "lq.Dequantize", "tfl.neg"]


@pytest.mark.parametrize("case", ["ternary", "plain", "heaviside", "clamped"])
def test_what_takes_other_values_is_no_subject(graph, op_names, case):
    # LCE takes the ternary one for binary; its values are -1, 0 and +1.
    x = graph.input(1, 1, 1, 5)
    if case == "ternary":
        low = graph.op("sign", graph.add(x, graph.const(np.float32(0.05))))
        high = graph.op("sign", graph.sub(x, graph.const(np.float32(0.05))))
        x = graph.add(low, high)
    elif case == "heaviside":
        x = graph.op("relu", x)
    elif case == "clamped":
        x = graph.add(graph.op("sign", x), graph.const(np.float32(0.1)), activation="relu")
    module = graph.module(graph.op("sign", x))
    assert RecognizeSign().run(module) == []
    assert "lq.Quantize" not in op_names(module)
