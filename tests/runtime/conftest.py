"""Makes `.tflite` files by hand, so that each op and each defect can be tested alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnn_lab import Interpreter, kernels, reference
from bnn_lab.profiling.node_clock import OUR_DELEGATE, NodeClock
from bnn_lab.tflite.options import builtin, flexbuffer
from bnn_lab.tflite.writer import GraphWriter


@dataclass
class TensorSpec:
    """A tensor of a hand-made model; a constant if it has a value."""

    shape: tuple[int, ...]
    dtype: str = "float32"
    value: np.ndarray | None = None
    scale: float | None = None
    zero_point: int = 0

    @classmethod
    def constant(cls, value: np.ndarray) -> TensorSpec:
        return cls(value.shape, value.dtype.name, value)


@dataclass
class OpSpec:
    """An op of a hand-made model, custom unless its name is in capitals.

    None stands for an absent operand.
    """

    name: str
    inputs: list[str | None]
    outputs: list[str]
    options: dict[str, Any] | bytes = field(default_factory=dict)


def _options(spec: OpSpec) -> Any:
    """As `GraphWriter.op` takes them; of custom ops whatever the test wants to be in the file."""
    match spec.name:
        case "ADD" | "MUL" | "SUB":
            activation = spec.options.get("activation", 0)
            table = f"{spec.name.capitalize()}Options"
            return builtin(table, fusedActivationFunction=activation)
        case "CONCATENATION":
            return builtin("ConcatenationOptions", axis=spec.options["axis"])
        case "LEAKY_RELU":
            return builtin("LeakyReluOptions", alpha=spec.options["alpha"])
        case "MEAN":
            return builtin("ReducerOptions", keepDims=bool(spec.options.get("keep_dims", 0)))
        case "AVERAGE_POOL_2D" | "MAX_POOL_2D":
            return builtin(
                "Pool2DOptions",
                padding=spec.options["padding"],
                strideH=spec.options.get("stride", 1),
                strideW=spec.options.get("stride", 1),
                filterHeight=spec.options["filter_height"],
                filterWidth=spec.options["filter_width"],
                fusedActivationFunction=spec.options.get("activation", 0),
            )
        case _ if spec.name.isupper():
            return None
    return spec.options if isinstance(spec.options, bytes) else flexbuffer(spec.options)


def _build(
    tensors: dict[str, TensorSpec], ops: list[OpSpec], inputs: list[str], outputs: list[str]
) -> bytes:
    writer = GraphWriter()
    index = {}
    for name, spec in tensors.items():
        quantization: dict[str, Any] = {"scale": spec.scale, "zero_point": spec.zero_point}
        if spec.value is None:
            index[name] = writer.tensor(spec.shape, spec.dtype, name, **quantization)
        else:
            index[name] = writer.constant(spec.value, name, **quantization)
    writer.inputs += [index[name] for name in inputs]
    writer.outputs += [index[name] for name in outputs]
    for op in ops:
        operands = [-1 if name is None else index[name] for name in op.inputs]
        writer.op(op.name, operands, [index[name] for name in op.outputs], _options(op))
    return writer.finish()


@pytest.fixture(scope="session")
def build_model() -> Callable[..., bytes]:
    """`build(tensors, ops, inputs, outputs) -> bytes` of a `.tflite` file."""
    return _build


@pytest.fixture(scope="session")
def specs() -> tuple[type[TensorSpec], type[OpSpec]]:
    """The classes `TensorSpec` and `OpSpec`."""
    return TensorSpec, OpSpec


CONV_FIELDS = {
    "dilation_height_factor": 1,
    "dilation_width_factor": 1,
    "fused_activation_function": 0,
    "pad_values": 1,
    "padding": 0,
    "stride_height": 1,
    "stride_width": 1,
}


@pytest.fixture(scope="session")
def conv_fields() -> dict[str, int]:
    """Options of an LceBconv2d with one-padding, but for `channels_in`."""
    return CONV_FIELDS


@pytest.fixture(scope="session")
def conv_model(build_model):
    """`make(x, filters, options, **changes)`: a file with one LceBconv2d, as reference.bconv2d."""

    def make(x, filters, options, *, op_options=None, tensors=None, inputs=None) -> bytes:
        output = options.get("output", "float32")
        out_channels = filters.shape[0]
        dtype = {"float32": "float32", "int8": "int8", "bits": "int32"}[output]
        all_tensors = {
            "x": TensorSpec(x.shape, "int32"),
            "filter": TensorSpec.constant(filters),
            # The delegate computes the shape; the file's one only has to have the right rank.
            "y": TensorSpec(
                (1, 1, 1, out_channels),
                dtype,
                scale=options.get("output_scale", 1.0) if output == "int8" else None,
                zero_point=options.get("output_zero_point", 0),
            ),
        }
        if output == "bits":
            all_tensors["threshold"] = TensorSpec.constant(options["threshold"])
            operands = ["x", "filter", None, None, "threshold"]
        else:
            ones, zeros = np.ones(out_channels, np.float32), np.zeros(out_channels, np.float32)
            all_tensors["multiplier"] = TensorSpec.constant(options.get("multiplier", ones))
            all_tensors["bias"] = TensorSpec.constant(options.get("bias", zeros))
            operands = ["x", "filter", "multiplier", "bias", None]
        stride, dilation = options.get("stride", (1, 1)), options.get("dilation", (1, 1))
        activations = ["none", "relu", "relu_n1_to_1", "relu6"]
        fields = {
            "channels_in": options["channels_in"],
            "dilation_height_factor": dilation[0],
            "dilation_width_factor": dilation[1],
            "fused_activation_function": activations.index(options.get("activation", "none")),
            "pad_values": options.get("pad_values", 0),
            "padding": ["same", "valid"].index(options.get("padding", "valid")),
            "stride_height": stride[0],
            "stride_width": stride[1],
        }
        if isinstance(op_options, dict):
            fields.update(op_options)
            fields = {key: value for key, value in fields.items() if value is not None}
        elif op_options is not None:
            fields = op_options
        all_tensors.update(tensors or {})
        op = OpSpec("LceBconv2d", inputs or operands, ["y"], fields)
        return build_model(all_tensors, [op], ["x"], ["y"])

    return make


@pytest.fixture(scope="session")
def example(
    build_model: Any, specs: tuple[Any, Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A directory with model.tflite (quantize, conv to bits, pool, conv), x.npy and y.npy."""
    tensor, op = specs
    rng = np.random.default_rng(11)
    x = rng.normal(size=(3, 9, 8, 40)).astype(np.float32)
    first = reference.quantize(rng.normal(size=(36, 3, 3, 40)).astype(np.float32))
    second = reference.quantize(rng.normal(size=(7, 3, 3, 36)).astype(np.float32))
    threshold = rng.integers(-20, 20, 36).astype(np.int32)
    multiplier, bias = rng.normal(size=(2, 7)).astype(np.float32)
    pool = {
        "padding": 1,
        "stride_width": 2,
        "stride_height": 2,
        "filter_width": 2,
        "filter_height": 2,
    }
    content = build_model(
        {
            "x": tensor((1, 9, 8, 40)),
            "bits": tensor((1, 9, 8, 2), "int32"),
            "filter1": tensor.constant(first),
            "threshold": tensor.constant(threshold),
            "bits1": tensor((1, 9, 8, 2), "int32"),
            "pooled": tensor((1, 4, 4, 2), "int32"),
            "filter2": tensor.constant(second),
            "multiplier": tensor.constant(multiplier),
            "bias": tensor.constant(bias),
            "y": tensor((1, 4, 4, 7)),
        },
        [
            op("LceQuantize", ["x"], ["bits"]),
            op(
                "LceBconv2d",
                ["bits", "filter1", None, None, "threshold"],
                ["bits1"],
                {"channels_in": 40, **CONV_FIELDS},
            ),
            op("LceBMaxPool2d", ["bits1"], ["pooled"], pool),
            op(
                "LceBconv2d",
                ["pooled", "filter2", "multiplier", "bias", None],
                ["y"],
                {"channels_in": 36, **CONV_FIELDS},
            ),
        ],
        ["x"],
        ["y"],
    )
    same: dict[str, Any] = {"padding": "same", "pad_values": 1}
    bits = reference.bconv2d(
        reference.quantize(x), first, channels_in=40, output="bits", threshold=threshold, **same
    )
    pooled = reference.bmaxpool2d(bits)
    y = reference.bconv2d(pooled, second, channels_in=36, multiplier=multiplier, bias=bias, **same)
    directory = tmp_path_factory.mktemp("example")
    (directory / "model.tflite").write_bytes(content)
    np.save(directory / "x.npy", x)
    np.save(directory / "y.npy", y)
    return directory


SIZE = (1, 6, 5)  # of the images of a DenseBlock


class DenseBlock:
    """Builds a dense block: images that grow by channels, scaled before their signs are taken."""

    def __init__(self, build_model, specs, conv_fields, channels: int, growth: int) -> None:
        self.build_model, self.conv_fields = build_model, conv_fields
        self.tensor, self.op = specs
        self.rng = np.random.default_rng(channels)
        self.growth = growth
        self.widths = {"x": channels}
        self.tensors = {"x": self.tensor((*SIZE, channels))}
        self.ops = []

    def add(self, name, inputs, output, channels, dtype="float32", options=None, size=SIZE):
        shape = (*size, reference.word_count(channels) if dtype == "int32" else channels)
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

    def dense(self, layers, chain=("MUL",)):
        x = "x"
        for number in range(layers):
            x = self.layer(x, number, chain)
        return x

    def padded(self, x, y, name):
        """`y` behind as many channels of zeros as `x` has beyond it."""
        before = self.widths[x] - self.widths[y]
        amounts = np.array([[0, 0], [0, 0], [0, 0], [before, 0]], np.int32)
        self.tensors[f"{name}_amounts"] = self.tensor.constant(amounts)
        return self.add("PAD", [y, f"{name}_amounts"], name, self.widths[x])

    def refined(self, x, number, chain=("MUL",), *, flip=False):
        """MeliusNet's improvement block: a convolution of `x` is added to its newest part."""
        y = x
        for step, name in enumerate(chain):
            y = self.scaled(name, y, f"v{number}{step}")
        new = self.conv(self.signs(y, f"p{number}"), f"d{number}")
        pair = [x, self.padded(x, new, f"pad{number}")]
        return self.add("ADD", pair[::-1] if flip else pair, f"s{number}", self.widths[x])

    def melius(self, blocks, chain=("MUL",)):
        x = "x"
        for number in range(blocks):
            x = self.refined(self.layer(x, number, chain), number, chain, flip=number == 1)
        return x

    def pool(self, x, output, size=2, stride=2, padding=0, activation=0):
        """MAX_POOL_2D; padding 0: same, 1: valid."""
        options = {
            "padding": padding,
            "filter_height": size,
            "filter_width": size,
            "stride": stride,
            "activation": activation,
        }
        out = [-(-n // stride) if padding == 0 else (n - size) // stride + 1 for n in SIZE[1:]]
        return self.add("MAX_POOL_2D", [x], output, self.widths[x], options=options, size=(1, *out))


@pytest.fixture(scope="session")
def make_block(build_model, specs, conv_fields) -> Callable[[int, int], DenseBlock]:
    """`make(channels, growth)`: a `DenseBlock` to build."""
    return lambda channels, growth: DenseBlock(build_model, specs, conv_fields, channels, growth)


@pytest.fixture(params=[(32, 32), (40, 8), (96, 64)], ids=str)
def block(request: pytest.FixtureRequest, make_block: Callable[[int, int], DenseBlock]):
    """A `DenseBlock` of several numbers of channels."""
    return make_block(*request.param)
