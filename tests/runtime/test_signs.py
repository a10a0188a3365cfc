"""What is done to floats before their signs are taken is done as they are read: the same bits."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab import Interpreter, kernels, reference
from bnn_lab.profiling.node_clock import OUR_DELEGATE, NodeClock

SIZE = (1, 6, 5)


class Block:
    """Builds a dense block: images that grow by channels, scaled before their signs are taken."""

    def __init__(self, build_model, specs, conv_fields, channels: int, growth: int) -> None:
        self.build_model, self.conv_fields = build_model, conv_fields
        self.tensor, self.op = specs
        self.rng = np.random.default_rng(channels)
        self.growth = growth
        self.widths = {"x": channels}
        self.tensors = {"x": self.tensor((*SIZE, channels))}
        self.ops = []

    def add(self, name, inputs, output, channels, dtype="float32", options=None):
        shape = (*SIZE, reference.word_count(channels) if dtype == "int32" else channels)
        self.tensors[output] = self.tensor(shape, dtype)
        self.widths[output] = channels
        self.ops.append(self.op(name, inputs, [output], options or {}))
        return output

    def constant(self, name, values):
        self.tensors[name] = self.tensor.constant(np.asarray(values, np.float32))
        return name

    def scaled(self, name, x, output, shape=None, **options):
        values = self.rng.normal(size=(self.widths[x],) if shape is None else shape)
        self.constant(f"{output}_values", values)
        return self.add(name, [x, f"{output}_values"], output, self.widths[x], options=options)

    def join(self, parts, output):
        width = sum(self.widths[part] for part in parts)
        return self.add("CONCATENATION", parts, output, width, options={"axis": 3})

    def signs(self, x, output):
        return self.add("LceQuantize", [x], output, self.widths[x], "int32")

    def conv(self, bits, output):
        c, out = self.widths[bits], self.growth
        constants = {
            "filter": reference.pack_bits(self.rng.random((out, 3, 3, c)) < 0.5),
            "multiplier": (self.rng.normal(size=out) / 10).astype(np.float32),
            "bias": self.rng.normal(size=out).astype(np.float32),
        }
        names = []
        for name, value in constants.items():
            names.append(f"{output}_{name}")
            self.tensors[names[-1]] = self.tensor.constant(value)
        fields = {**self.conv_fields, "channels_in": c}
        return self.add("LceBconv2d", [bits, *names, None], output, out, options=fields)

    def layer(self, x, number, chain=("MUL",)):
        y = x
        for step, name in enumerate(chain):
            y = (
                self.add(name, [y], f"y{number}{step}", self.widths[y])
                if name.startswith("RELU")
                else self.scaled(name, y, f"y{number}{step}")
            )
        new = self.conv(self.signs(y, f"q{number}"), f"c{number}")
        return self.join([x, new], f"x{number}")

    def content(self, *outputs):
        return self.build_model(self.tensors, self.ops, ["x"], list(outputs))

    def check(self, *outputs, values=None):
        content = self.content(*outputs)
        x = self.rng.normal(size=(2, *SIZE[1:], self.widths["x"])).astype(np.float32)
        if values is not None:
            x = self.rng.choice(np.array(values, np.float32), size=x.shape)
        runs = [Interpreter(content, use_reference=True).predict(x)]
        for backend in kernels.available_backends():
            for threads in (1, 2):
                for fuse in (True, False):
                    run = Interpreter(content, threads, backend=backend, fuse=fuse)
                    runs.append(run.predict(x))
        wanted, *others = [run if isinstance(run, list) else [run] for run in runs]
        for other in others:
            for a, b in zip(wanted, other, strict=True):
                np.testing.assert_array_equal(a, b)

    def ours(self, *outputs, fuse=True):
        """Names of the ops that bnn_lab's delegate runs in one pass, pass by pass."""
        nodes = NodeClock(self.content(*outputs), fuse=fuse).nodes
        groups = [g for n in nodes if n.custom_name == OUR_DELEGATE for g in sorted(n.groups)]
        return [[self.ops[index].name for index in group] for group in groups]


@pytest.fixture(params=[(32, 32), (40, 8), (96, 64)], ids=str)
def block(request, build_model, specs, conv_fields):
    return Block(build_model, specs, conv_fields, *request.param)


def dense(block, layers, chain=("MUL",)):
    x = "x"
    for number in range(layers):
        x = block.layer(x, number, chain)
    return x


@pytest.mark.parametrize(
    "chain", [(), ("MUL",), ("MUL", "ADD"), ("SUB", "MUL", "PRELU"), ("MUL", "RELU6", "SUB")]
)
def test_dense_block(block, chain):
    block.check(dense(block, 3, chain))


def test_joined_images_are_not_written(block):
    last = dense(block, 3)
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
    last = dense(block, 3)
    block.check(last, "x0", "x1")
    block.check(last, "y10", "c0")


def test_joined_images_read_by_other_ops(block):
    last = dense(block, 2)
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


def test_more_channels_than_a_tile_holds(build_model, specs, conv_fields):
    wide = Block(build_model, specs, conv_fields, 2100, 32)
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
    content = block.content(dense(block, 2))
    for size in ((1, 6, 5), (3, 9, 4)):
        x = block.rng.normal(size=(*size, block.widths["x"])).astype(np.float32)
        fused, plain = (
            Interpreter(content, fuse=fuse, resize=[x.shape]).predict(x) for fuse in (True, False)
        )
        np.testing.assert_array_equal(fused, plain)


def padded(block, x, y, name):
    """`y` behind as many channels of zeros as `x` has beyond it."""
    before = block.widths[x] - block.widths[y]
    amounts = np.array([[0, 0], [0, 0], [0, 0], [before, 0]], np.int32)
    block.tensors[f"{name}_amounts"] = block.tensor.constant(amounts)
    return block.add("PAD", [y, f"{name}_amounts"], name, block.widths[x])


def refined(block, x, number, chain=("MUL",), *, flip=False):
    """MeliusNet's improvement block: a convolution of `x` is added to its newest part."""
    y = x
    for step, name in enumerate(chain):
        y = block.scaled(name, y, f"v{number}{step}")
    new = block.conv(block.signs(y, f"p{number}"), f"d{number}")
    pair = [x, padded(block, x, new, f"pad{number}")]
    return block.add("ADD", pair[::-1] if flip else pair, f"s{number}", block.widths[x])


def melius(block, blocks, chain=("MUL",)):
    x = "x"
    for number in range(blocks):
        x = refined(block, block.layer(x, number, chain), number, chain, flip=number == 1)
    return x


@pytest.mark.parametrize("chain", [(), ("MUL",), ("PRELU", "ADD")])
def test_refined_images(block, chain):
    block.check(melius(block, 2, chain))


def test_refined_images_are_never_written(block):
    last = melius(block, 2)
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
    last = melius(block, 2)
    # Of them: a joined image, its sum, a part that the sum overwrites otherwise, and what is added.
    block.check(last, "x0", "s0", "c0", "x1")
    block.check(last, "d1", "pad0")


def test_refined_images_read_by_other_ops(block):
    last = melius(block, 2)
    block.check(block.add("RELU", [last], "r", block.widths[last]), block.signs("s0", "q"))


def test_refined_twice_in_a_row(block):
    block.check(refined(block, refined(block, block.layer("x", 0), 1), 2))


def test_refined_with_an_activation(block):
    x = block.layer("x", 0)
    new = block.conv(block.signs(x, "p"), "d")
    pair = [x, padded(block, x, new, "pad")]
    last = block.add("ADD", pair, "sum", block.widths[x], options={"activation": 1})
    block.check(last)
    assert ["LceBconv2d", "PAD"] not in block.ours(last)


def test_refined_across_the_newest_part_and_another(block):
    x = block.join([block.conv(block.signs("x", "q"), "c"), "x"], "xc")  # 8 channels, then 40
    block.check(refined(block, x, 0), "x")


def test_refined_zeros_and_denormals(block):
    """Zero is added to the other channels: -0 and denormals become 0, as in XNNPACK."""
    values = [np.inf, 0.0, -0.0, 1e-45, -1e-45, 3e38]
    new = block.conv(block.signs("x", "q"), "c")
    last = refined(block, block.join(["x", new], "xc"), 0, chain=())
    content = block.content(last, block.signs(last, "bits"))
    x = block.rng.choice(np.array(values, np.float32), size=(1, *SIZE[1:], block.widths["x"]))
    fused, plain = (Interpreter(content, fuse=fuse).predict(x) for fuse in (True, False))
    assert not np.signbit(fused[0][..., : x.shape[-1]][x == 0]).any()
    for a, b in zip(fused, plain, strict=True):
        np.testing.assert_array_equal(a.view(np.uint32), b.view(np.uint32))


def test_refined_size_changes(block):
    content = block.content(melius(block, 2))
    for size in ((1, 6, 5), (3, 9, 4)):
        x = block.rng.normal(size=(*size, block.widths["x"])).astype(np.float32)
        fused, plain = (
            Interpreter(content, fuse=fuse, resize=[x.shape]).predict(x) for fuse in (True, False)
        )
        np.testing.assert_array_equal(fused, plain)
