"""Convolutions of an image's parts become groups of one: the same bits, or nothing is changed."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab import Interpreter
from bnn_lab.convert import ir_text
from bnn_lab.convert.ir.attributes import F32, tensor_type
from bnn_lab.convert.ir.exporter import export_model
from bnn_lab.convert.ir.options import Options, OptionsAttr
from bnn_lab.convert.ir.tfl_dialect import make_tfl, tensor_names
from bnn_lab.convert.passes.merge_groups import MergeGroups

SIZE, PART = 5, 4


def grouped(graph, rng, groups, out=8, order=None, axis=3, strides=None, activation="none"):
    """What a model spells out: the parts, a convolution of each, and all together again."""
    x = graph.input(1, SIZE, SIZE, groups * PART)
    at = graph.const(np.array(axis, np.int32))
    options = OptionsAttr(Options.make("SplitOptions", numSplits=groups))
    types = [tensor_type(F32, (1, SIZE, SIZE, PART))] * groups
    names = tensor_names(*(f"part{i}" for i in range(groups)))
    split = make_tfl("split", [at, x], types, options, names)
    graph.block.add_op(split)
    convs = []
    for number, part in enumerate(order or range(groups)):
        filters = graph.const(rng.normal(size=(out, 3, 3, PART)).astype(np.float32))
        bias = graph.const(rng.normal(size=out).astype(np.float32))
        stride = 1 if strides is None else strides[number]
        convs.append(
            graph.op(
                "conv_2d",
                split.results[part],
                filters,
                bias,
                shape=(1, SIZE, SIZE, out),
                table="Conv2DOptions",
                padding="same",
                strideW=stride,
                strideH=stride,
                dilationWFactor=2,
                fusedActivationFunction=activation,
            )
        )
    joined = graph.op(
        "concatenation", *convs, shape=(1, SIZE, SIZE, groups * out),
        table="ConcatenationOptions", axis=axis,
    )  # fmt: skip
    return split, convs, joined


@pytest.mark.parametrize(
    "groups, out, options", [(2, 8, {}), (8, 1, {"axis": -1}), (3, 20, {"activation": "relu"})]
)
def test_the_same_bits(graph, rng, op_names, groups, out, options):
    module = graph.module(grouped(graph, rng, groups, out, **options)[2])
    before = export_model(module)
    (outcome,) = MergeGroups().run(module)
    assert outcome.applied and outcome.reason == f"one convolution of {groups} groups"
    assert op_names(module) == ["tfl.conv_2d"]
    x = rng.normal(size=(3, SIZE, SIZE, groups * PART)).astype(np.float32)
    runs = [Interpreter(content).predict(x) for content in (before, export_model(module))]
    np.testing.assert_array_equal(runs[0].view(np.uint32), runs[1].view(np.uint32))


def left_alone(module):
    before = ir_text(module)
    assert MergeGroups().run(module) == []
    assert ir_text(module) == before


def test_parts_in_another_order(graph, rng):
    left_alone(graph.module(grouped(graph, rng, 2, order=(1, 0))[2]))


def test_one_part_for_two_convolutions(graph, rng):
    left_alone(graph.module(grouped(graph, rng, 2, order=(0, 0))[2]))


@pytest.mark.parametrize("what", ["part", "result"])
def test_another_reader(graph, rng, what):
    split, convs, joined = grouped(graph, rng, 2)
    read = split.results[1] if what == "part" else convs[0]
    left_alone(graph.module(joined, graph.op("abs", read)))


def test_convolutions_that_differ(graph, rng):
    # The second one's result has the shape that its stride gives only in name: nothing runs here.
    left_alone(graph.module(grouped(graph, rng, 2, strides=(1, 2))[2]))


def test_an_activation_after_joining(graph, rng):
    _, convs, _ = grouped(graph, rng, 2)
    joined = graph.op(
        "concatenation", *convs, shape=(1, SIZE, SIZE, 16), table="ConcatenationOptions",
        axis=3, fusedActivationFunction="relu",
    )  # fmt: skip
    left_alone(graph.module(joined))
