"""Ops and attributes of the IR: made on demand, compared by content, printed short."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from xdsl.traits import Pure

from bnn_lab.convert import ir_text
from bnn_lab.convert.ir.attributes import F32, Blob, QuantParams, tensor_type
from bnn_lab.convert.ir.options import Options
from bnn_lab.convert.ir.tfl_dialect import (
    MNEMONICS,
    constant,
    is_absent,
    is_tfl,
    name_of,
    tfl_op_class,
)
from bnn_lab.convert.layer_names import layer_of_name
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps
from bnn_lab.convert.pipeline import PASSES, run_pipeline


def test_every_builtin_op_has_a_class():
    for mnemonic in MNEMONICS:
        made = tfl_op_class(mnemonic)
        assert made.name == f"tfl.{mnemonic}"
        assert tfl_op_class(mnemonic) is made
    with pytest.raises(KeyError, match="no builtin op 'frobnicate'"):
        tfl_op_class("frobnicate")


@pytest.mark.parametrize(
    ("mnemonic", "pure"), [("add", True), ("conv_2d", True), ("while", False), ("if", False)]
)
def test_only_stateless_ops_are_pure(mnemonic, pure):
    assert tfl_op_class(mnemonic).has_trait(Pure()) == pure


def test_constants_are_compared_by_content():
    values = np.arange(100, dtype=np.float32)
    assert Blob.of(values) == Blob.of(values.copy())
    assert hash(Blob.of(values)) == hash(Blob.of(values.copy()))
    assert Blob.of(values) != Blob.of(values.view(np.int32))
    assert Blob.of(values) != Blob.of(values.reshape(10, 10))
    assert Blob.of(values) != Blob.of(values + 1)


def test_constants_cannot_be_changed_and_leave_the_original_writable():
    values = np.arange(4, dtype=np.float32)
    blob = Blob.of(values)
    with pytest.raises(ValueError, match="read-only"):
        blob.values[0] = 1
    values[0] = 1


def test_large_constants_print_short(graph, rng):
    x = graph.input(1, 5000)
    module = graph.module(graph.add(x, graph.const(rng.normal(size=5000).astype(np.float32))))
    assert "blob" in ir_text(module)
    assert len(ir_text(module)) < 600


def test_options_round_trip_and_print():
    options = Options.make("Conv2DOptions", padding="valid", strideW=2, strideH=3)
    table = options.to_object()
    assert (table.padding, table.strideW, table.strideH) == (schema.Padding.VALID, 2, 3)
    assert Options.from_object(table) == options
    assert (
        str(options) == "padding = valid, strideW = 2, strideH = 3, fusedActivationFunction = none"
    )
    with pytest.raises(KeyError, match="no field 'colour'"):
        options.replace(colour=1)


def test_quantization_prints_short():
    assert str(QuantParams((0.5,), (3,))) == "0.5 * (q - 3)"
    assert str(QuantParams((0.5,), (0,))) == "0.5 * q"
    assert str(QuantParams((0.5,) * 64, (0,) * 64, axis=3)) == "64 scales on axis 3"


def test_types_print_dynamic_dimensions():
    assert str(tensor_type(F32, (-1, 4))) == "tensor<?x4xf32>"


def test_helpers(graph):
    x = graph.input(1, 4, name="picture")
    c = graph.const(np.float32([1, 2]), "weights")
    y = graph.op("abs", x)
    graph.module(y)
    assert name_of(x) == "picture"
    assert name_of(c) == "weights"
    assert constant(c).tolist() == [1, 2]
    assert constant(x) is None
    assert is_absent(graph.absent())
    assert is_tfl(y.owner, "sign", "abs")
    assert not is_tfl(None, "abs")


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("model/third/Relu;model/third/QuantConv2D", "third"),
        ("model/bn/FusedBatchNormV3;model/conv/BiasAdd;model/conv/Conv2D1", "conv"),
        ("model/outer/inner/Conv2D", "outer/inner"),
        ("StatefulPartitionedCall:0", ""),
        ("Identity", ""),
        ("arith.constant4", ""),
        ("", ""),
    ],
)
def test_layer_names(name, layer):
    assert layer_of_name(name) == layer


class TestPipeline:
    def test_names_and_summaries(self):
        assert all(step.name and step.summary for step in PASSES)

    def test_snapshots_join_up(self, graph, signs):
        module = graph.module(graph.conv(graph.sign(graph.input(1, 5, 5, 32)), signs(8, 3, 3, 32)))
        start = ir_text(module)
        results = run_pipeline(module, snapshots=True)
        assert results[0].before == start
        assert all(a.after == b.before for a, b in itertools.pairwise(results))
        assert results[-1].after == ir_text(module)

    def test_custom_list(self, graph, op_names):
        x = graph.input(1, 5, 5, 32)
        graph.op("abs", x)
        module = graph.module(graph.sign(x))
        (result,) = run_pipeline(module, [RemoveDeadOps()])
        assert [o.op for o in result.applied] == ["tfl.abs"]
        assert result.refused == []
        assert op_names(module) == ["tfl.sign", "tfl.add", "tfl.sign"]
