"""What is done to floats before their signs are taken is done as they are read: the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab import Interpreter, reference


@pytest.mark.parametrize(
    "chain", [(), ("MUL",), ("MUL", "ADD"), ("SUB", "MUL", "PRELU"), ("MUL", "RELU6", "SUB")]
)
def test_dense_block(block, chain):
    block.check(block.dense(3, chain))


def test_joined_images_are_not_written(block):
    last = block.dense(3)
    joined = ["CONCATENATION", "MUL", "LceQuantize"]
    assert block.ours(last) == [
        ["MUL", "LceQuantize"],
        ["LceBconv2d"],
        joined,
        ["LceBconv2d"],
        joined,
        ["LceBconv2d"],
        ["CONCATENATION"],
    ]
    assert ["MUL", "LceQuantize"] not in block.ours(last, fuse=False)


def test_joined_images_that_leave_the_graph(block):
    last = block.dense(3)
    block.check(last, "x0", "x1")
    block.check(last, "y10", "c0")


def test_joined_images_read_by_other_ops(block):
    last = block.dense(2)
    block.check(block.add("RELU", [last], "r", block.widths[last]), "x0")


def test_images_joined_twice_over(block):
    a = block.conv(block.signs("x", "qa"), "a")
    b = block.conv(block.signs("x", "qb"), "b")
    inner = block.join([a, "x", b, a], "inner")
    outer = block.join([inner, b, inner], "outer")
    block.check(block.conv(block.signs(block.scaled("MUL", outer, "m"), "q"), "c"), "inner")


def test_one_value_for_all_channels(block):
    y = block.scaled("ADD", block.scaled("MUL", "x", "m", shape=(1,)), "n", shape=())
    block.check(block.conv(block.signs(y, "q"), "c"))


def test_scaled_image_that_is_read_twice(block):
    y = block.scaled("MUL", block.join(["x", "x"], "xx"), "m")
    bits = block.signs(y, "q")
    block.check(block.conv(bits, "c"), block.add("RELU", [y], "r", block.widths[y]))


def test_signs_that_leave_the_graph(block):
    block.check(block.signs(block.scaled("MUL", block.join(["x", "x"], "xx"), "m"), "q"))


def test_more_steps_than_are_taken_in(block):
    y = "x"
    for step in range(12):
        y = block.scaled("ADD" if step % 2 else "MUL", y, f"s{step}")
    block.check(block.conv(block.signs(y, "q"), "c"))


def test_nan_infinity_and_zeros(block):
    values = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-45, 3e38, -3e38]
    y = block.scaled("MUL", block.join(["x", "x"], "xx"), "m")
    block.check(block.signs(y, "q"), values=values)
    block.check(block.signs(block.scaled("ADD", y, "n"), "p"), values=values)


def test_more_channels_than_a_tile_holds(make_block):
    wide = make_block(2100, 32)
    y = wide.scaled("ADD", wide.scaled("MUL", wide.join(["x", "x"], "xx"), "m"), "n")
    wide.check(wide.signs(y, "q"))


def test_other_axes_are_left_alone(block):
    shape = (1, 12, 5, block.widths["x"])
    block.tensors["tall"] = block.tensor(shape)
    block.ops.append(block.op("CONCATENATION", ["x", "x"], ["tall"], {"axis": 1}))
    words = (1, 12, 5, reference.word_count(block.widths["x"]))
    block.tensors["q"] = block.tensor(words, "int32")
    block.ops.append(block.op("LceQuantize", ["tall"], ["q"], {}))
    block.check("q")
    assert block.ours("q") == [["LceQuantize"]]


def test_size_changes(block):
    content = block.content(block.dense(2))
    for size in ((1, 6, 5), (3, 9, 4)):
        x = block.rng.normal(size=(*size, block.widths["x"])).astype(np.float32)
        fused, plain = (
            Interpreter(content, fuse=fuse, resize=[x.shape]).predict(x) for fuse in (True, False)
        )
        np.testing.assert_array_equal(fused, plain)


@pytest.mark.parametrize("chain", [(), ("MUL",), ("PRELU", "ADD")])
def test_refined_images(block, chain):
    block.check(block.melius(2, chain))


def test_refined_images_are_never_written(block):
    last = block.melius(2)
    assert block.ours(block.conv(block.signs(last, "q"), "c")) == [
        ["MUL", "LceQuantize"],
        ["LceBconv2d"],
        ["CONCATENATION", "MUL", "LceQuantize"],
        ["LceBconv2d", "PAD"],
        ["ADD", "MUL", "LceQuantize"],
        ["LceBconv2d"],
        ["CONCATENATION", "MUL", "LceQuantize"],
        ["LceBconv2d", "PAD"],
        ["ADD", "LceQuantize"],
        ["LceBconv2d"],
    ]


def test_refined_images_that_leave_the_graph(block):
    last = block.melius(2)
    # Of them: a joined image, its sum, a part that the sum overwrites otherwise, and what is added.
    block.check(last, "x0", "s0", "c0", "x1")
    block.check(last, "d1", "pad0")


def test_refined_images_read_by_other_ops(block):
    last = block.melius(2)
    block.check(block.add("RELU", [last], "r", block.widths[last]), block.signs("s0", "q"))


def test_refined_twice_in_a_row(block):
    block.check(block.refined(block.refined(block.layer("x", 0), 1), 2))


def test_refined_with_an_activation(block):
    x = block.layer("x", 0)
    new = block.conv(block.signs(x, "p"), "d")
    pair = [x, block.padded(x, new, "pad")]
    last = block.add("ADD", pair, "sum", block.widths[x], options={"activation": 1})
    block.check(last)
    assert ["LceBconv2d", "PAD"] not in block.ours(last)


def test_refined_across_the_newest_part_and_another(block):
    x = block.join([block.conv(block.signs("x", "q"), "c"), "x"], "xc")  # 8 channels, then 40
    block.check(block.refined(x, 0), "x")


def test_refined_zeros_and_denormals(block):
    """Zero is added to the other channels: -0 and denormals become 0, as in XNNPACK."""
    values = [np.inf, 0.0, -0.0, 1e-45, -1e-45, 3e38]
    new = block.conv(block.signs("x", "q"), "c")
    last = block.refined(block.join(["x", new], "xc"), 0, chain=())
    content = block.content(last, block.signs(last, "bits"))
    x = block.rng.choice(np.array(values, np.float32), size=(1, 6, 5, block.widths["x"]))
    fused, plain = (Interpreter(content, fuse=fuse).predict(x) for fuse in (True, False))
    assert not np.signbit(fused[0][..., : x.shape[-1]][x == 0]).any()
    for a, b in zip(fused, plain, strict=True):
        np.testing.assert_array_equal(a.view(np.uint32), b.view(np.uint32))


def test_refined_size_changes(block):
    content = block.content(block.melius(2))
    for size in ((1, 6, 5), (3, 9, 4)):
        x = block.rng.normal(size=(*size, block.widths["x"])).astype(np.float32)
        fused, plain = (
            Interpreter(content, fuse=fuse, resize=[x.shape]).predict(x) for fuse in (True, False)
        )
        np.testing.assert_array_equal(fused, plain)
