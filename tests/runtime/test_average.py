"""Averages over the whole image are the delegate's, in LCE's order of additions."""

from __future__ import annotations

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter as LiteRt

from bnn_lab import Interpreter, load_delegate
from bnn_lab.profiling.node_clock import NodeClock

SIZE, CHANNELS = (5, 3), 40


def lce_average(x):
    """Groups of seven pixels, each a small tree; then times the reciprocal (XNNPACK's 7p7x)."""
    n, height, width, channels = x.shape
    count = height * width
    pixels = np.zeros((n, -(-count // 7) * 7, channels), np.float32)
    pixels[:, :count] = x.reshape(n, count, channels)
    sums = None
    for start in range(0, pixels.shape[1], 7):
        a, b, c, d, e, f, g = np.moveaxis(pixels[:, start : start + 7], 1, 0)
        if sums is None:
            sums = ((a + b) + g) + ((c + d) + (e + f))
        else:
            sums = ((a + b) + (c + d)) + ((e + f) + (g + sums))
    return sums * np.float32(1 / np.float32(count))


@pytest.fixture
def build(build_model, specs):
    """`build(kind, axes=..., **options)`: x -> bits, x -> its average."""
    tensor, op = specs

    def make(kind: str, axes=(1, 2), **options) -> bytes:
        flat = kind == "MEAN" and not options.get("keep_dims")
        kept = [1 if i in [a % 4 for a in axes] else d for i, d in enumerate((1, *SIZE, CHANNELS))]
        shape = tuple(d for i, d in enumerate(kept) if not flat or i not in [a % 4 for a in axes])
        tensors = {
            "x": tensor((1, *SIZE, CHANNELS)),
            "bits": tensor((1, *SIZE, 2), "int32"),
            "y": tensor(shape),
        }
        inputs = ["x"]
        if kind == "MEAN":
            tensors["axes"] = tensor.constant(np.array(axes, np.int32))
            inputs.append("axes")
        else:
            options = {"filter_height": SIZE[0], "filter_width": SIZE[1], "padding": 1, **options}
        ops = [op("LceQuantize", ["x"], ["bits"]), op(kind, inputs, ["y"], options)]
        return build_model(tensors, ops, ["x"], ["bits", "y"])

    return make


CASES = [
    ("MEAN", {}),
    ("MEAN", {"keep_dims": 1}),
    ("MEAN", {"axes": (-2, -3)}),
    ("AVERAGE_POOL_2D", {}),
]


@pytest.mark.parametrize(("kind", "options"), CASES)
@pytest.mark.parametrize("fuse", [True, False])
def test_order_of_additions(build, kind, options, fuse):
    content = build(kind, **options)
    assert len(NodeClock(content, fuse=fuse).nodes) == 1
    x = np.random.default_rng(0).normal(size=(4, *SIZE, CHANNELS)).astype(np.float32)
    _, y = Interpreter(content, fuse=fuse).predict(x)
    np.testing.assert_array_equal(y.reshape(4, CHANNELS), lce_average(x))


@pytest.mark.parametrize(("kind", "options"), CASES)
@pytest.mark.parametrize("size", [(1, 1), (7, 7), (2, 3), (9, 4)])
def test_resized_image(build, kind, options, size):
    """MEAN follows the image; a pool keeps its window, and refuses an image that is smaller."""
    litert = LiteRt(model_content=build(kind, **options), experimental_delegates=[load_delegate()])
    source = litert.get_input_details()[0]["index"]
    litert.resize_tensor_input(source, [2, *size, CHANNELS])
    x = np.random.default_rng(0).normal(size=(2, *size, CHANNELS)).astype(np.float32)
    litert.allocate_tensors()
    litert.set_tensor(source, x)
    litert.invoke()
    y = litert.get_tensor(litert.get_output_details()[1]["index"])
    if kind == "MEAN":
        np.testing.assert_array_equal(y.reshape(2, CHANNELS), lce_average(x))
        return
    rows, columns = size[0] - SIZE[0] + 1, size[1] - SIZE[1] + 1
    assert y.shape == (2, max(rows, 0), max(columns, 0), CHANNELS)
    for i in range(max(rows, 0)):
        for j in range(max(columns, 0)):
            window = x[:, i : i + SIZE[0], j : j + SIZE[1]]
            np.testing.assert_array_equal(y[:, i, j], lce_average(window))


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("MEAN", {"axes": (1, 3)}),
        ("MEAN", {"axes": (1,)}),
        ("MEAN", {"axes": (2, 2)}),
        ("AVERAGE_POOL_2D", {"filter_height": 2}),
        ("AVERAGE_POOL_2D", {"padding": 0}),
    ],
)
def test_other_averages_stay_litert_s(build, kind, options):
    nodes = NodeClock(build(kind, **options)).nodes
    assert [node.custom_name == "BnnLabDelegate" for node in nodes].count(True) == 1
    assert len(nodes) == 2
