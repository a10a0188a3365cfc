"""Fused graphs give the same bits as the ops one by one, whatever reads what."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab import Interpreter, kernels, reference
from bnn_lab.errors import InputError
from bnn_lab.profiling.node_clock import NodeClock

SIZE = (1, 6, 5)


class Graph:
    """Builds a graph of binary convolutions and float ops over one float input."""

    def __init__(self, build_model, specs, conv_fields, channels: int, seed: int = 0) -> None:
        self.build_model, self.conv_fields = build_model, conv_fields
        self.tensor, self.op = specs
        self.rng = np.random.default_rng(seed)
        self.channels = channels
        self.tensors = {"x": self.tensor((*SIZE, channels))}
        self.ops = []

    def _add(self, name, inputs, output, shape, dtype="float32", options=None):
        self.tensors[output] = self.tensor(shape, dtype)
        self.ops.append(self.op(name, inputs, [output], options or {}))
        return output

    def quantize(self, x, output):
        words = (*SIZE, reference.word_count(self.channels))
        return self._add("LceQuantize", [x], output, words, "int32")

    def conv(self, bits, output, **fields):
        c = self.channels
        constants = {
            "filter": reference.pack_bits(self.rng.random((c, 3, 3, c)) < 0.5),
            "multiplier": (self.rng.normal(size=c) / 10).astype(np.float32),
            "bias": self.rng.normal(size=c).astype(np.float32),
        }
        names = []
        for name, value in constants.items():
            names.append(f"{output}_{name}")
            self.tensors[names[-1]] = self.tensor.constant(value)
        fields = {"channels_in": c, **self.conv_fields, **fields}
        return self._add("LceBconv2d", [bits, *names, None], output, (*SIZE, c), options=fields)

    def constant(self, name, shape=None, low=-2.0, high=2.0):
        shape = (self.channels,) if shape is None else shape
        values = self.rng.uniform(low, high, shape).astype(np.float32)
        self.tensors[name] = self.tensor.constant(values)
        return name

    def float_op(self, name, inputs, output, **options):
        return self._add(name, inputs, output, (*SIZE, self.channels), options=options)

    def check(self, *outputs, samples: int = 3):
        content = self.build_model(self.tensors, self.ops, ["x"], list(outputs))
        x = self.rng.normal(size=(samples, *SIZE[1:], self.channels)).astype(np.float32)
        y = Interpreter(content, use_reference=True).predict(x)
        reference_run = y if isinstance(y, list) else [y]
        for backend in kernels.available_backends():
            for threads in (1, 2):
                results = [reference_run]
                for fuse in (True, False):
                    y = Interpreter(content, threads, backend=backend, fuse=fuse).predict(x)
                    results.append(y if isinstance(y, list) else [y])
                for wanted, fused, plain in zip(*results, strict=True):
                    np.testing.assert_array_equal(fused, wanted)
                    np.testing.assert_array_equal(plain, wanted)


@pytest.fixture(params=[32, 40, 64])
def graph(request, build_model, specs, conv_fields):
    return Graph(build_model, specs, conv_fields, request.param)


def blocks(graph, count, activation=None, **fields):
    """QuickNet's block: quantize, convolution, shortcut."""
    x = "x"
    for i in range(count):
        y = graph.conv(graph.quantize(x, f"q{i}"), f"c{i}", **fields)
        if activation:
            y = graph.float_op(activation, [y], f"a{i}")
        inputs = [y, x] if i % 2 else [x, y]
        x = graph.float_op("ADD", inputs, f"s{i}")
    return x


def test_residual_blocks(graph):
    graph.check(blocks(graph, 3))


@pytest.mark.parametrize("activation", ["RELU", "RELU6", "RELU_N1_TO_1"])
def test_activation_before_the_shortcut(graph, activation):
    graph.check(blocks(graph, 2, activation))


def test_zero_padding_and_clamped_accumulators(graph):
    graph.check(blocks(graph, 2, pad_values=0, fused_activation_function=1))


def test_results_that_leave_the_graph(graph):
    last = blocks(graph, 2, "RELU")
    graph.check(last, "c0", "a0", "s0", "q1")


def test_a_convolution_read_twice(graph):
    c = graph.conv(graph.quantize("x", "q"), "c")
    s = graph.float_op("ADD", [c, "x"], "s")
    t = graph.float_op("ADD", [c, s], "t")
    graph.check(t)


def test_a_convolution_added_to_itself(graph):
    c = graph.conv(graph.quantize("x", "q"), "c")
    graph.check(graph.float_op("ADD", [c, c], "s"))


def test_two_convolutions_added(graph):
    q = graph.quantize("x", "q")
    a, b = graph.conv(q, "a"), graph.conv(q, "b")
    s = graph.float_op("ADD", [a, b], "s")
    graph.check(graph.conv(graph.quantize(s, "r"), "d"))


def test_shortcut_made_later_than_the_convolution(graph):
    c = graph.conv(graph.quantize("x", "q"), "c")
    late = graph.float_op("RELU", ["x"], "late")
    s = graph.float_op("ADD", [c, late], "s")
    graph.check(graph.conv(graph.quantize(s, "r"), "d"))


def test_shortcut_that_depends_on_a_binary_layer(graph):
    q = graph.quantize("x", "q")
    a, b = graph.conv(q, "a"), graph.conv(q, "b")
    late = graph.float_op("MUL", [b, b], "late")
    graph.check(graph.float_op("ADD", [a, late], "s"))


def test_two_quantizers_of_one_result(graph):
    s = graph.float_op("ADD", [graph.conv(graph.quantize("x", "q"), "c"), "x"], "s")
    a = graph.conv(graph.quantize(s, "r1"), "a")
    b = graph.conv(graph.quantize(s, "r2"), "b")
    graph.check(graph.float_op("ADD", [a, b], "t"), "s")


@pytest.mark.parametrize("activation", [0, 1, 2, 3])
def test_activation_of_the_sum(graph, activation):
    c = graph.conv(graph.quantize("x", "q"), "c")
    s = graph.float_op("ADD", [c, "x"], "s", activation=activation)
    graph.check(graph.conv(graph.quantize(s, "r"), "d"), "s")


def test_activation_of_the_sum_that_we_do_not_have_is_left_to_litert(graph):
    c = graph.conv(graph.quantize("x", "q"), "c")
    tanh = 4
    graph.check(graph.float_op("ADD", [c, "x"], "s", activation=tanh))


def test_activation_after_the_sum_is_not_moved_before_it(graph):
    c = graph.conv(graph.quantize("x", "q"), "c")
    s = graph.float_op("ADD", [c, "x"], "s")
    graph.check(graph.float_op("RELU", [s], "y"))


def test_activation_without_shortcut(graph):
    c = graph.conv(graph.quantize("x", "q"), "c")
    a = graph.float_op("RELU", [c], "a")
    graph.check(graph.conv(graph.quantize(a, "r"), "d"))


def nodes(graph, *outputs, **options):
    """How many nodes LiteRT runs."""
    content = graph.build_model(graph.tensors, graph.ops, ["x"], list(outputs))
    return len(NodeClock(content, **options).nodes)


def groups(graph, *outputs, **options):
    """Which ops run in one pass, as the delegate says: positions, one list a partition."""
    content = graph.build_model(graph.tensors, graph.ops, ["x"], list(outputs))
    return [sorted(n.groups) for n in NodeClock(content, **options).nodes if n.groups]


def test_groups_of_residual_blocks(graph):
    last = blocks(graph, 2, "RELU")
    # quantize, convolution, activation, sum, twice
    assert groups(graph, last) == [[(0,), (1, 2, 3, 4), (5, 6, 7)]]
    assert groups(graph, last, fuse=False) == [[(0,), (1,)], [(4,), (5,)]]
    assert groups(graph, last, "a0") == [[(0,), (1, 2), (3,), (4,), (5, 6, 7)]]


def test_groups_with_two_quantizers(graph):
    """One set of bits is written in the same pass, no more."""
    s = graph.float_op("ADD", [graph.conv(graph.quantize("x", "q"), "c"), "x"], "s")
    a = graph.conv(graph.quantize(s, "r1"), "a")
    b = graph.conv(graph.quantize(s, "r2"), "b")
    assert groups(graph, a, b) == [[(0,), (1, 2, 3), (4,), (5,), (6,)]]


@pytest.mark.parametrize("first", [False, True])
def test_groups_of_a_sum_of_two_convolutions(graph, first):
    """Only one of them takes it in."""
    q = graph.quantize("x", "q")
    a, b = graph.conv(q, "a"), graph.conv(q, "b")
    s = graph.float_op("ADD", [a, b] if first else [b, a], "s")
    assert groups(graph, s) == [[(0,), (1, 3), (2,)]]


def test_groups_are_told_anew_when_the_size_changes(graph):
    """LiteRT may apply the delegate again."""
    import ai_edge_litert.interpreter as litert

    from bnn_lab.runtime.delegate import delegate_groups, load_delegate

    last = blocks(graph, 2)
    content = graph.build_model(graph.tensors, graph.ops, ["x"], [last])
    delegate = load_delegate()
    assert delegate_groups(delegate) == []
    interpreter = litert.Interpreter(model_content=content, experimental_delegates=[delegate])
    interpreter.allocate_tensors()
    want = [[(0,), (1, 2, 3), (4, 5)]]
    assert [sorted(partition) for partition in delegate_groups(delegate)] == want
    index = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(index, [2, 8, 8, graph.channels])
    interpreter.allocate_tensors()
    assert [sorted(partition) for partition in delegate_groups(delegate)] == want


@pytest.mark.parametrize("shape", [(), (1,), None, "1x1xC"])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("activation", [0, 1, 3])
def test_scale_and_offset(graph, shape, first, activation):
    """What is left of a BatchNorm that the converter did not fold: one rounding each, no FMA."""
    shape = (1, 1, graph.channels) if shape == "1x1xC" else shape
    y = graph.conv(graph.quantize("x", "q"), "c")
    for i, name in enumerate(["MUL", "ADD"]):
        operands = [y, graph.constant(f"v{i}", shape)]
        y = graph.float_op(name, operands[:: -1 if first else 1], f"y{i}", activation=activation)
    s = graph.float_op("ADD", ["x", y], "s")
    last = graph.conv(graph.quantize(s, "r"), "d")
    graph.check(last, "s", "r")
    assert nodes(graph, last) == 1
    assert nodes(graph, last, fuse=False) > 1


@pytest.mark.parametrize("shape", [(), None])
@pytest.mark.parametrize("activation", [0, 1])
def test_difference(graph, shape, activation):
    y = graph.conv(graph.quantize("x", "q"), "c")
    y = graph.float_op("SUB", [y, graph.constant("v", shape)], "y", activation=activation)
    last = graph.conv(graph.quantize(graph.float_op("ADD", ["x", y], "s"), "r"), "d")
    graph.check(last, "s", "r")
    assert nodes(graph, last) == 1


@pytest.mark.parametrize("shape", [(1,), "1x1xC"])
def test_reactnet_block(graph, shape):
    """BatchNorm, shortcut, and a PReLU between two biases, in one pass."""
    y = graph.conv(graph.quantize("x", "q"), "c")
    y = graph.float_op("MUL", [y, graph.constant("m")], "y1")
    y = graph.float_op("ADD", [y, graph.constant("b")], "y2")
    y = graph.float_op("ADD", ["x", y], "s")
    y = graph.float_op("ADD", [y, graph.constant("b1")], "y3")
    slopes = (1, 1, graph.channels) if shape == "1x1xC" else shape
    y = graph.float_op("PRELU", [y, graph.constant("p", slopes)], "y4")
    y = graph.float_op("SUB", [y, graph.constant("b2")], "y5")
    last = graph.conv(graph.quantize(y, "r"), "d")
    graph.check(last, "y5")
    assert nodes(graph, last) == 1


@pytest.mark.parametrize("alpha", [0.0, 0.25, -1.5])
def test_leaky_relu(graph, alpha):
    y = graph.conv(graph.quantize("x", "q"), "c")
    y = graph.float_op("LEAKY_RELU", [y], "y", alpha=alpha)
    last = graph.conv(graph.quantize(graph.float_op("ADD", [y, "x"], "s"), "r"), "d")
    graph.check(last, "y")
    assert nodes(graph, last) == 1


def test_slopes_that_vary_over_the_image_are_left_alone(graph):
    y = graph.conv(graph.quantize("x", "q"), "c")
    y = graph.float_op("PRELU", [y, graph.constant("p", (*SIZE[1:], graph.channels))], "y")
    graph.check(graph.conv(graph.quantize(y, "r"), "d"), "y")


def test_other_differences_are_left_alone(graph):
    """A convolution that is subtracted from something."""
    y = graph.conv(graph.quantize("x", "q"), "c")
    y = graph.float_op("SUB", [graph.constant("v"), y], "y1")
    y = graph.float_op("SUB", ["x", y], "y2")
    graph.check(graph.conv(graph.quantize(y, "r"), "d"), "y1", "y2")


def test_scale_after_the_sum_and_activations_between(graph):
    y = graph.conv(graph.quantize("x", "q"), "c")
    y = graph.float_op("RELU6", [y], "a")
    y = graph.float_op("MUL", [y, graph.constant("m")], "y1")
    y = graph.float_op("ADD", ["x", y], "s")
    y = graph.float_op("MUL", [y, graph.constant("n")], "y2")
    y = graph.float_op("ADD", [y, graph.constant("b")], "y3")
    y = graph.float_op("RELU", [y], "y4")
    graph.check(graph.conv(graph.quantize(y, "r"), "d"), "y4")


def test_more_steps_than_an_epilogue_holds(graph):
    y = graph.conv(graph.quantize("x", "q"), "c")
    for i in range(11):
        y = graph.float_op("MUL", [y, graph.constant(f"m{i}")], f"y{i}", activation=i % 2)
    graph.check(graph.conv(graph.quantize(y, "r"), "d"), "y10")


def test_two_sums_in_a_row(graph):
    """A convolution takes in one of them."""
    y = graph.conv(graph.quantize("x", "q"), "c")
    y = graph.float_op("ADD", ["x", y], "s")
    y = graph.float_op("ADD", [y, "x"], "t")
    graph.check(graph.conv(graph.quantize(y, "r"), "d"), "t")


def test_nan_and_infinity_pass_through(graph):
    for name, value in [("m", np.inf), ("b", -np.inf), ("n", np.nan)]:
        graph.constant(name)
        graph.tensors[name].value[::3] = value
    y = graph.conv(graph.quantize("x", "q"), "c")
    y = graph.float_op("MUL", [y, "m"], "y1", activation=1)
    y = graph.float_op("ADD", [y, "b"], "y2", activation=2)
    y = graph.float_op("ADD", [y, "n"], "y3", activation=3)
    graph.check(graph.float_op("ADD", [y, "x"], "s"), "y1", "y2", "y3")


@pytest.mark.parametrize("name", ["ADD", "MUL"])
def test_other_broadcasts_are_left_alone(graph, name):
    """Constants that vary over the image, or that are computed, stay LiteRT's."""
    y = graph.conv(graph.quantize("x", "q"), "c")
    y = graph.float_op(name, [y, graph.constant("image", (*SIZE, graph.channels))], "y1")
    y = graph.float_op(name, [y, graph.constant("row", (1, SIZE[2], 1))], "y2")
    graph.check(y)


def test_shortcut_that_is_read_again_is_not_overwritten(graph):
    """Sums overwrite their shortcut, but only where nobody reads it later."""
    s = blocks(graph, 1)
    t = graph.float_op("ADD", [graph.conv(graph.quantize(s, "q2"), "c2"), s], "t")
    u = graph.float_op("ADD", [graph.conv(graph.quantize(t, "q3"), "c3"), s], "u")
    v = graph.float_op("ADD", [graph.conv(graph.quantize(u, "q4"), "c4"), t], "v")
    graph.check(v)
    graph.check(v, "t", "q4")


def test_batch_and_size_change(graph):
    """The user's own LiteRT code resizes batch and image; memory is planned anew."""
    from ai_edge_litert.interpreter import Interpreter as LiteRt

    import bnn_lab

    last = blocks(graph, 2)
    content = graph.build_model(graph.tensors, graph.ops, ["x"], [last])
    results = []
    for fuse in (True, False):
        litert = LiteRt(
            model_content=content, experimental_delegates=[bnn_lab.load_delegate(fuse=fuse)]
        )
        rng = np.random.default_rng(1)
        collected = []
        for shape in [(1, 6, 5), (3, 9, 4), (2, 2, 2), (1, 20, 20)]:
            index = litert.get_input_details()[0]["index"]
            litert.resize_tensor_input(index, [*shape, graph.channels])
            litert.allocate_tensors()
            x = rng.normal(size=(*shape, graph.channels)).astype(np.float32)
            litert.set_tensor(index, x)
            litert.invoke()
            collected.append(litert.get_tensor(litert.get_output_details()[0]["index"]))
            assert collected[-1].shape == x.shape
        results.append(collected)
    for fused, plain in zip(*results, strict=True):
        np.testing.assert_array_equal(fused, plain)


def constant_of_the_outputs_shape(graph):
    y = graph.conv(graph.quantize("x", "q"), "c")
    return graph.float_op("ADD", [y, graph.constant("image", (*SIZE, graph.channels))], "y1")


def constant_first(graph):
    y = graph.conv(graph.quantize("x", "q"), "c")
    return graph.float_op("ADD", [graph.constant("image", (*SIZE, graph.channels)), y], "y1")


def constant_and_shortcut(graph):
    y = graph.conv(graph.quantize("x", "q"), "c")
    y = graph.float_op("ADD", [y, "x"], "y1")
    y = graph.float_op("ADD", [y, graph.constant("image", (*SIZE, graph.channels))], "y2")
    return graph.float_op("ADD", [graph.conv(graph.quantize(y, "q2"), "c2"), y], "y3")


@pytest.mark.parametrize(
    "build", [constant_of_the_outputs_shape, constant_first, constant_and_shortcut]
)
def test_a_constant_is_no_shortcut_when_the_batch_changes(graph, build):
    last = build(graph)
    graph.check(last)
    content = graph.build_model(graph.tensors, graph.ops, ["x"], [last])
    x = np.random.default_rng(2).normal(size=(3, *SIZE[1:], graph.channels)).astype(np.float32)
    want = Interpreter(content, fuse=False).predict(x)
    got = Interpreter(content, resize=x.shape).predict(x)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("first", [False, True], ids=["added", "first"])
@pytest.mark.parametrize("after", ["", "RELU", "signs"])
@pytest.mark.parametrize(
    ("shape", "other"),
    [
        ((3, 6, 5), (1, 6, 5)),
        ((1, 6, 5), (3, 6, 5)),
        ((2, 6, 5), (2, 1, 1)),
        ((1, 6, 1), (4, 1, 5)),
    ],
    ids=["its batch stays 1", "only its batch grows", "one pixel", "each is repeated"],
)
def test_sizes_in_which_a_shortcut_is_repeated(graph, shape, other, after, first):
    """In the file both have one shape; asked for others, LiteRT repeats the smaller."""
    c = graph.channels
    graph.tensors["y"] = graph.tensor((*SIZE, c))
    ends = ["c", "y"] if first else ["y", "c"]
    graph.conv(graph.quantize("x", "q"), "c")
    last = graph.float_op("ADD", ends, "s", activation=3)
    if after == "RELU":
        last = graph.float_op("MUL", [last, graph.constant("m")], "t", activation=1)
    elif after == "signs":
        last = graph.conv(graph.quantize(last, "q2"), "d")
    content = graph.build_model(graph.tensors, graph.ops, ["x", "y"], [last, "s"])
    rng = np.random.default_rng(4)
    x = rng.normal(size=(*shape, c)).astype(np.float32)
    y = rng.normal(size=(*other, c)).astype(np.float32)

    def run(x, y, **options):
        return Interpreter(content, resize=[x.shape, y.shape], **options).predict([x, y])

    want = run(x, y, fuse=False)  # LiteRT adds
    assert want[1].shape == np.broadcast_shapes(x.shape, y.shape)
    for threads in (1, 2):
        for found, wanted in zip(run(x, y, num_threads=threads), want, strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_shapes_that_cannot_be_added(graph):
    graph.tensors["y"] = graph.tensor((*SIZE, graph.channels))
    graph.conv(graph.quantize("x", "q"), "c")
    graph.float_op("ADD", ["c", "y"], "s")
    content = graph.build_model(graph.tensors, graph.ops, ["x", "y"], ["s"])
    sizes = [(3, 6, 5, graph.channels), (2, 6, 5, graph.channels)]
    with pytest.raises(InputError, match=r"ADD \(output 's'\): inputs of the shapes .3, 6, 5"):
        Interpreter(content, resize=sizes)
