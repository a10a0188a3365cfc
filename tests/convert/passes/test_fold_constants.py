"""How much memory the folding of constants, and the passes over them, may take."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from bnn_lab.convert import export_model
from bnn_lab.convert.ir.attributes import I32, tensor_type
from bnn_lab.convert.passes.fold_constants import FoldConstants
from bnn_lab.convert.pipeline import run_pipeline


@pytest.fixture
def peak():
    """`peak(function)`: its result, and the most bytes that it held at a time."""

    def measured(function):
        tracemalloc.start()
        try:
            return function(), tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    return measured


def names(module):
    return [op.name for op in module.walk()]


def test_values_on_the_way_are_let_go(graph, peak):
    """Of forty ops over a kernel, and of a value that the first and the last one read."""
    weights = np.random.default_rng(0).normal(size=(1, 1 << 18)).astype(np.float32)
    x, first = graph.input(1, 1 << 18), graph.op("abs", graph.const(weights))
    y = first
    for _ in range(20):
        y = graph.op("neg", graph.add(y, graph.const(np.float32(0.25))))
    module = graph.module(graph.mul(x, graph.add(y, first)))
    outcomes, most = peak(lambda: FoldConstants().run(module))
    assert [outcome.applied for outcome in outcomes] == [True]
    assert names(module).count("tfl.add") == 0
    want = np.abs(weights)
    for _ in range(20):
        want = -(want + np.float32(0.25))
    (folded,) = (op.value.values for op in module.walk() if getattr(op, "value", None) is not None)
    np.testing.assert_array_equal(folded, want + np.abs(weights))
    assert most < 6 * weights.nbytes


@pytest.mark.parametrize("last", ["broadcast", "mean of a broadcast", "sum of two sides"])
def test_what_grows_on_the_way_stays(graph, peak, last):
    """A few bytes of constants can say terabytes, even where the result is small."""
    side = 1 << 20
    x = graph.input(1, 8)
    axes = graph.const(np.array([0, 1], np.int32))
    if last == "sum of two sides":
        row, column = (
            graph.op("mul", graph.const(np.ones(shape, np.float32)), graph.const(np.float32(2)))
            for shape in ((1, side), (side, 1))
        )
        large = graph.op("add", row, column, shape=(side, side), table="AddOptions")
    else:
        sides = graph.typed(
            "mul", [graph.const(np.array([side, side], np.int32)), graph.const(np.int32(1))],
            tensor_type(I32, (2,)), table="MulOptions",
        )  # fmt: skip
        large = graph.op("fill", sides, graph.const(np.float32(1)), shape=(side, side))
    if last != "broadcast":
        large = graph.op("mean", large, axes, shape=(), table="ReducerOptions")
        module = graph.module(graph.mul(x, large))
    else:
        module = graph.module(x, large)
    outcomes, most = peak(lambda: FoldConstants().run(module))
    refused = [outcome for outcome in outcomes if not outcome.applied]
    assert any("takes 4,398,046,511,104 bytes" in outcome.reason for outcome in refused)
    assert most < 64e6


@pytest.mark.parametrize("unfolded", [False, True])
def test_passes_and_export_hold_few_copies_of_a_kernel(graph, peak, unfolded):
    """Of a network as large as XNOR-Net gigabytes would be at stake."""
    rng = np.random.default_rng(0)
    filters = rng.choice([-1.0, 1.0], (256, 3, 3, 512)).astype(np.float32)
    x = graph.input(1, 6, 6, 512)
    y = graph.sign(x)
    if unfolded:
        latent = graph.const(np.abs(rng.normal(size=filters.shape)).astype(np.float32) * filters)
        kernel = graph.sign(latent)
        y = graph.op(
            "conv_2d", y, kernel, graph.const(np.zeros(256, np.float32)), shape=(1, 4, 4, 256),
            table="Conv2DOptions", padding="valid", strideW=1, strideH=1,
            dilationWFactor=1, dilationHFactor=1,
        )  # fmt: skip
    else:
        y = graph.conv(y, filters)
    module = graph.module(y)

    def convert():
        run_pipeline(module)
        return export_model(module)

    file, most = peak(convert)
    assert names(module).count("lq.Bconv2d") == 1
    assert len(file) < filters.nbytes / 20
    assert most < 4 * filters.nbytes
