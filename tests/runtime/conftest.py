"""Makes `.tflite` files by hand, so that each op and each defect can be tested alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from bnn_lab import reference

_TYPES = {
    "float32": schema.TensorType.FLOAT32,
    "int32": schema.TensorType.INT32,
    "int8": schema.TensorType.INT8,
    "bool": schema.TensorType.BOOL,
}


_BUILTINS = {
    "ADD": schema.BuiltinOperator.ADD,
    "MUL": schema.BuiltinOperator.MUL,
    "SUB": schema.BuiltinOperator.SUB,
    "MEAN": schema.BuiltinOperator.MEAN,
    "AVERAGE_POOL_2D": schema.BuiltinOperator.AVERAGE_POOL_2D,
    "RELU": schema.BuiltinOperator.RELU,
    "RELU6": schema.BuiltinOperator.RELU6,
    "RELU_N1_TO_1": schema.BuiltinOperator.RELU_N1_TO_1,
    "PRELU": schema.BuiltinOperator.PRELU,
    "LEAKY_RELU": schema.BuiltinOperator.LEAKY_RELU,
}


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
    """An op of a hand-made model, custom unless its name is a key of `_BUILTINS`.

    None stands for an absent operand.
    """

    name: str
    inputs: list[str | None]
    outputs: list[str]
    options: dict[str, Any] | bytes = field(default_factory=dict)


def _options(options: dict[str, Any] | bytes) -> bytes:
    if isinstance(options, bytes):
        return options
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, value in options.items():
            builder.Key(key)
            builder.Add(value)
    return bytes(builder.Finish())


def _build(
    tensors: dict[str, TensorSpec], ops: list[OpSpec], inputs: list[str], outputs: list[str]
) -> bytes:
    model = schema.ModelT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    graph = schema.SubGraphT()
    index = {name: i for i, name in enumerate(tensors)}
    graph.tensors = []
    for name, spec in tensors.items():
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type = name, list(spec.shape), _TYPES[spec.dtype]
        tensor.buffer = 0
        if spec.value is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.ascontiguousarray(spec.value).tobytes(), np.uint8)
            tensor.buffer = len(model.buffers)
            model.buffers.append(buffer)
        if spec.scale is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = [spec.scale]
            tensor.quantization.zeroPoint = [spec.zero_point]
        graph.tensors.append(tensor)
    graph.inputs = [index[name] for name in inputs]
    graph.outputs = [index[name] for name in outputs]
    graph.operators, model.operatorCodes = [], []
    for spec in ops:
        code = schema.OperatorCodeT()
        builtin = _BUILTINS.get(spec.name, schema.BuiltinOperator.CUSTOM)
        code.builtinCode = code.deprecatedBuiltinCode = builtin
        code.version = 1
        op = schema.OperatorT()
        op.opcodeIndex = len(model.operatorCodes)
        model.operatorCodes.append(code)
        op.inputs = [-1 if name is None else index[name] for name in spec.inputs]
        op.outputs = [index[name] for name in spec.outputs]
        if spec.name in ("ADD", "MUL", "SUB"):
            kind = spec.name.capitalize() + "Options"
            op.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
            op.builtinOptions = getattr(schema, kind + "T")()
            op.builtinOptions.fusedActivationFunction = spec.options.get("activation", 0)
        elif spec.name == "LEAKY_RELU":
            op.builtinOptionsType = schema.BuiltinOptions.LeakyReluOptions
            op.builtinOptions = schema.LeakyReluOptionsT()
            op.builtinOptions.alpha = spec.options["alpha"]
        elif spec.name == "MEAN":
            op.builtinOptionsType = schema.BuiltinOptions.ReducerOptions
            op.builtinOptions = schema.ReducerOptionsT()
            op.builtinOptions.keepDims = bool(spec.options.get("keep_dims", 0))
        elif spec.name == "AVERAGE_POOL_2D":
            op.builtinOptionsType = schema.BuiltinOptions.Pool2DOptions
            op.builtinOptions = schema.Pool2DOptionsT()
            op.builtinOptions.padding = spec.options["padding"]
            op.builtinOptions.strideH, op.builtinOptions.strideW = 1, 1
            op.builtinOptions.filterHeight = spec.options["filter_height"]
            op.builtinOptions.filterWidth = spec.options["filter_width"]
        elif builtin == schema.BuiltinOperator.CUSTOM:
            code.customCode = spec.name
            op.customOptions = np.frombuffer(_options(spec.options), np.uint8)
            op.customOptionsFormat = schema.CustomOptionsFormat.FLEXBUFFERS
        graph.operators.append(op)
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


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
