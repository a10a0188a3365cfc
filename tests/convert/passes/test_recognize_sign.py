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
        "5 channels of 'x' pack into 1 word(s)"
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


@pytest.mark.parametrize("shift", [-0.1, 0.0, 1.0, 1.5, np.nan])
def test_other_shifts_are_refused(graph, op_names, shift):
    module = graph.module(graph.sign(graph.input(1, 1, 1, 5), shift))
    (outcome,) = RecognizeSign().run(module)
    assert not outcome.applied
    assert "only values between 0 and 1" in outcome.reason
    assert op_names(module) == ["tfl.sign", "tfl.add", "tfl.sign"]


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


def test_ternary_sum_of_two_signs_is_refused(graph, op_names):
    # LCE takes this for binary; its values are -1, 0 and +1.
    x = graph.input(1, 1, 1, 5)
    low = graph.op("sign", graph.add(x, graph.const(np.float32(0.05))))
    high = graph.op("sign", graph.sub(x, graph.const(np.float32(0.05))))
    module = graph.module(graph.op("sign", graph.add(low, high)))
    outcomes = RecognizeSign().run(module)
    assert "lq.Quantize" not in op_names(module)
    assert any("ternary" in o.reason for o in outcomes)


def test_plain_sign_is_refused_with_advice(graph):
    module = graph.module(graph.op("sign", graph.input(1, 1, 1, 5)))
    (outcome,) = RecognizeSign().run(module)
    assert "whose value at 0 is 0" in outcome.reason
    assert "ste_sign" in outcome.advice


def test_heaviside_is_refused(graph):
    module = graph.module(graph.op("sign", graph.op("relu", graph.input(1, 1, 1, 5))))
    (outcome,) = RecognizeSign().run(module)
    assert "values are 0 and +1" in outcome.reason


def test_sum_with_activation_is_refused(graph):
    inner = graph.op("sign", graph.input(1, 1, 1, 5))
    total = graph.add(inner, graph.const(np.float32(0.1)), activation="relu")
    module = graph.module(graph.op("sign", total))
    (outcome,) = RecognizeSign().run(module)
    assert "fused activation" in outcome.reason
