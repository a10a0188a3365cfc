"""Bits that lie in the padding of the convolution that reads them, and rows divided among threads.

Both are invisible: whatever reads what, however often the sizes change, and however many threads
take part, the bits of the result are those of the oracle.
"""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab import Interpreter, kernels, reference

SAME, VALID = 0, 1


class RandomNetwork:
    """A chain of binary convolutions of random geometry, with shortcuts and second readers.

    `evaluate` runs it on the oracle, at any batch and image size.
    """

    def __init__(self, build_model, specs, conv_fields, seed: int, size: tuple[int, int]) -> None:
        self.build_model, self.conv_fields = build_model, conv_fields
        self.tensor, self.op = specs
        self.rng = np.random.default_rng(seed)
        self.channels = int(self.rng.choice([32, 40, 64, 96]))
        self.shape = (1, *size, self.channels)
        self.tensors = {"x": self.tensor(self.shape)}
        self.ops: list = []
        self.steps: list = []  # (output, function of its float or bit operands, their names)
        self.outputs: list[str] = []
        x = "x"
        for layer in range(5):
            x = self._layer(x, layer)
        self.outputs.append(x)

    def _add(self, name, inputs, output, shape, step, operands, dtype="float32", options=None):
        self.tensors[output] = self.tensor(shape, dtype)
        self.ops.append(self.op(name, inputs, [output], options or {}))
        self.steps.append((output, step, operands))
        return output

    def _words(self, shape):
        return (*shape[:3], reference.word_count(shape[3]))

    def _conv(self, bits, shape, output, kernel, *, groups=1, to_bits=False, **fields):
        c = self.channels
        filters = reference.pack_bits(self.rng.random((c, *kernel, c // groups)) < 0.5)
        if to_bits:
            depth = kernel[0] * kernel[1] * c // groups
            transform = {"threshold": self.rng.integers(-9, depth + 9, c).astype(np.int32)}
        else:
            multiplier, bias = self.rng.normal(size=(2, c)).astype(np.float32)
            transform = {"multiplier": multiplier / 8, "bias": bias}
        names = {}
        for name, value in {"filter": filters, **transform}.items():
            names[name] = f"{output}_{name}"
            self.tensors[names[name]] = self.tensor.constant(value)
        fields = {"channels_in": c, **self.conv_fields, **fields}
        options = {
            "channels_in": c,
            "groups": groups,
            "stride": (fields["stride_height"], fields["stride_width"]),
            "dilation": (fields["dilation_height_factor"], fields["dilation_width_factor"]),
            "padding": ("same", "valid")[fields["padding"]],
            "pad_values": fields["pad_values"],
            "output": "bits" if to_bits else "float32",
            **transform,
        }

        def step(x):
            return reference.bconv2d(x, filters, **options)

        result = step(np.zeros(self._words(shape), np.int32)).shape
        operands = [bits, *(names.get(n) for n in ("filter", "multiplier", "bias", "threshold"))]
        dtype = "int32" if to_bits else "float32"
        self._add("LceBconv2d", operands, output, result, step, [bits], dtype, fields)
        return result

    def _layer(self, x: str, i: int) -> str:
        shape, draw = self.shape, self.rng.random
        bits = self._add(
            "LceQuantize", [x], f"q{i}", self._words(shape), reference.quantize, [x], "int32"
        )
        if draw() < 0.3:  # its result is bits, read without a quantizer
            self._conv(bits, shape, f"b{i}", (3, 3), to_bits=True, pad_values=int(draw() < 0.5))
            bits = f"b{i}"
        if draw() < 0.2:
            self.outputs.append(bits)  # somebody else reads them dense
        geometry = {
            "pad_values": int(draw() < 0.7),
            "padding": VALID if draw() < 0.15 else SAME,
            "stride_height": 2 if draw() < 0.1 else 1,
            "dilation_width_factor": 2 if draw() < 0.15 else 1,
        }
        kernel = (int(self.rng.choice([1, 3, 3, 3, 5])), int(self.rng.choice([1, 3, 3, 3])))
        groups = 2 if draw() < 0.3 and self.channels == 64 else 1
        self.shape = self._conv(bits, shape, f"c{i}", kernel, groups=groups, **geometry)
        y = f"c{i}"
        if draw() < 0.3:  # other padding, same bits
            if self._conv(bits, shape, f"d{i}", (5, 3), pad_values=1) == self.shape:
                y = self._sum(y, f"d{i}", f"e{i}")
            else:
                self.outputs.append(f"d{i}")
        if self.shape == shape:
            y = self._sum(x, y, f"s{i}") if draw() < 0.5 else self._sum(y, x, f"s{i}")
        if draw() < 0.2 and i < 4:
            self.outputs.append(y)
        return y

    def _sum(self, a: str, b: str, output: str) -> str:
        return self._add("ADD", [a, b], output, self.shape, np.add, [a, b])

    def content(self) -> bytes:
        return self.build_model(self.tensors, self.ops, ["x"], self.outputs)

    def evaluate(self, x: np.ndarray) -> list[np.ndarray]:
        values = {"x": x}
        for output, step, operands in self.steps:
            values[output] = step(*(values[name] for name in operands))
        return [values[name] for name in self.outputs]


@pytest.mark.parametrize("seed", range(24))
def test_random_networks(build_model, specs, conv_fields, seed):
    # Some 10 million multiply-accumulates a layer: enough that threads take part.
    size = [(15, 14), (16, 9), (21, 12), (13, 13)][seed % 4]
    network = RandomNetwork(build_model, specs, conv_fields, seed, size)
    content = network.content()
    x = network.rng.normal(size=(2, *size, network.channels)).astype(np.float32)
    wanted = network.evaluate(x)
    for backend in kernels.available_backends():
        for threads, fuse in [(1, True), (2, True), (3, False), (3, True)]:
            y = Interpreter(content, num_threads=threads, backend=backend, fuse=fuse).predict(x)
            for a, b in zip(y if isinstance(y, list) else [y], wanted, strict=True):
                np.testing.assert_array_equal(a, b, err_msg=f"{backend} {threads} {fuse}")


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_sizes_that_change(build_model, specs, conv_fields, seed, threads):
    """What surrounds an image must be zero again where a larger one lay before."""
    from ai_edge_litert.interpreter import Interpreter as LiteRt

    import bnn_lab

    network = RandomNetwork(build_model, specs, conv_fields, seed, (16, 15))
    litert = LiteRt(
        model_content=network.content(),
        num_threads=threads,
        experimental_delegates=[bnn_lab.load_delegate()],
    )
    index = litert.get_input_details()[0]["index"]
    for batch, *size in [(1, 16, 15), (2, 9, 23), (3, 16, 15), (1, 27, 26), (1, 9, 8), (2, 16, 16)]:
        litert.resize_tensor_input(index, [batch, *size, network.channels])
        litert.allocate_tensors()
        x = network.rng.normal(size=(batch, *size, network.channels)).astype(np.float32)
        wanted = network.evaluate(x)
        for _ in range(2):
            litert.set_tensor(index, x)
            litert.invoke()
            for detail, array in zip(litert.get_output_details(), wanted, strict=True):
                np.testing.assert_array_equal(litert.get_tensor(detail["index"]), array)


def test_a_sum_that_leaves_its_frame(build_model, specs, conv_fields):
    """The last sum is averaged, dense, so it must not overwrite the one before, whose rows have
    gaps."""
    network = RandomNetwork(build_model, specs, conv_fields, 0, (16, 15))
    assert network.channels >= 64  # large enough for several threads
    shape, x = (1, 16, 15, network.channels), "x"
    network.tensors, network.ops = {"x": network.tensor(shape)}, []
    for i in range(3):
        network._add("LceQuantize", [x], f"q{i}", network._words(shape), None, [], "int32")
        network._conv(f"q{i}", shape, f"c{i}", (3, 3))
        x = network._add("ADD", [f"c{i}", x], f"s{i}", shape, None, [])
    network.tensors["axes"] = network.tensor.constant(np.array([1, 2], np.int32))
    mean = network._add("MEAN", [x, "axes"], "mean", (1, network.channels), None, [])
    content = build_model(network.tensors, network.ops, ["x"], [mean])
    x = network.rng.normal(size=shape).astype(np.float32)
    wanted = Interpreter(content, fuse=False).predict(x)
    for threads in (1, 2, 3):
        np.testing.assert_array_equal(Interpreter(content, num_threads=threads).predict(x), wanted)
