"""cancel_dequantize, pack_filters, remove_dead_ops, explain_float_ops."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.convert import ir_text
from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.cancel_dequantize import CancelDequantize
from bnn_lab.convert.passes.explain_float_ops import ExplainFloatOps
from bnn_lab.convert.passes.pack_filters import PackFilters
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps
from bnn_lab.reference import pack_bits


@pytest.fixture
def x(rng):
    return rng.normal(size=(1, 5, 5, 40)).astype(np.float32)


def test_cancel_dequantize(graph, apply, op_names, signs, x):
    s = graph.sign(graph.input(1, 5, 5, 40))
    module = graph.module(graph.conv(s, signs(8, 3, 3, 40)))
    apply(module, x, RecognizeSign(), BinarizeConv(), CancelDequantize(), RemoveDeadOps())
    assert op_names(module) == ["lq.Quantize", "lq.Bconv2d"]


def test_cancel_keeps_a_dequantize_that_others_read(graph, apply, op_names, signs, x):
    s = graph.sign(graph.input(1, 5, 5, 40))
    module = graph.module(graph.conv(s, signs(8, 3, 3, 40)), s)
    apply(module, x, RecognizeSign(), BinarizeConv(), CancelDequantize(), RemoveDeadOps())
    assert sorted(op_names(module)) == ["lq.Bconv2d", "lq.Dequantize", "lq.Quantize"]


def test_pack_filters(graph, apply, signs, x):
    filters = signs(8, 3, 3, 40)
    module = graph.module(graph.conv(graph.sign(graph.input(1, 5, 5, 40)), filters))
    outcomes = apply(module, x, RecognizeSign(), BinarizeConv(), PackFilters(), RemoveDeadOps())
    (outcome,) = [o for o in outcomes if o.pass_name == "pack_filters"]
    assert outcome.reason == f"{8 * 9 * 40 * 4} bytes became {8 * 9 * 2 * 4}"
    bconv = next(op for op in module.walk() if op.name == "lq.Bconv2d")
    np.testing.assert_array_equal(bconv.filter.owner.value.values, pack_bits(filters < 0))
    assert "tensor<8x3x3x2xi32>" in ir_text(module)
    assert PackFilters().run(module) == []


def test_remove_dead_ops_removes_chains(graph, op_names):
    x = graph.input(1, 5, 5, 40)
    graph.op("relu", graph.op("sign", x))
    module = graph.module(graph.op("abs", x))
    outcomes = RemoveDeadOps().run(module)
    assert op_names(module) == ["tfl.abs"]
    assert [o.op for o in outcomes] == ["tfl.relu", "tfl.sign"]


def test_remove_dead_ops_keeps_side_effects(graph, op_names):
    x = graph.input(1, 5, 5, 40)
    graph.op("random_uniform", graph.const(np.int32([1])), table="RandomOptions")
    module = graph.module(graph.op("abs", x))
    assert RemoveDeadOps().run(module) == []
    assert op_names(module) == ["tfl.random_uniform", "tfl.abs"]


class TestExplain:
    def dense(self, graph, source, filters):
        return graph.op(
            "fully_connected", source, graph.const(filters), graph.absent(),
            shape=(1, len(filters)), table="FullyConnectedOptions",
        )  # fmt: skip

    def outcome(self, module):
        RecognizeSign().run(module)
        before = ir_text(module)
        (outcome,) = ExplainFloatOps().run(module)
        assert not outcome.applied
        assert ir_text(module) == before
        return outcome

    def test_float_dense(self, graph, signs):
        module = graph.module(self.dense(graph, graph.input(1, 40), signs(4, 40)))
        assert "its input 'x' is not binary" in self.outcome(module).reason

    def test_float_filter(self, graph, rng):
        filters = rng.normal(size=(4, 40)).astype(np.float32)
        module = graph.module(self.dense(graph, graph.sign(graph.input(1, 40)), filters))
        assert "its filter is not binary" in self.outcome(module).reason

    def test_binary_dense(self, graph, signs):
        module = graph.module(self.dense(graph, graph.sign(graph.input(1, 40)), signs(4, 40)))
        assert "there is no binary kernel" in self.outcome(module).reason
