"""`.tflite` files of single layers, written without TensorFlow: to time a layer alone.

Values do not matter for speed, so weights are random and quantization scales arbitrary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers
from numpy.typing import NDArray

from bnn_lab.errors import InputError
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.layer_shapes import WORD_BITS, LayerShape

FLOAT32 = "float32"
INT8 = "int8"

_TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int32): schema.TensorType.INT32,
    np.dtype(np.int8): schema.TensorType.INT8,
}
_PADDING = {"same": schema.Padding.SAME, "valid": schema.Padding.VALID}
_FLOAT_OPS = {
    kinds.CONV: "CONV_2D",
    kinds.DEPTHWISE_CONV: "DEPTHWISE_CONV_2D",
    kinds.DENSE: "FULLY_CONNECTED",
    kinds.MAX_POOL: "MAX_POOL_2D",
    kinds.AVERAGE_POOL: "AVERAGE_POOL_2D",
    kinds.ADD: "ADD",
    kinds.MUL: "MUL",
    kinds.RELU: "RELU",
    kinds.CONCAT: "CONCATENATION",
    kinds.SOFTMAX: "SOFTMAX",
}
HAS_INT8 = (kinds.CONV, kinds.DEPTHWISE_CONV, kinds.DENSE)


def layer_file(shape: LayerShape, dtype: str = FLOAT32) -> bytes:
    """A file with one layer, batch 1.

    Binary layers read what they read in a model: packed bits, or floats for `quantize`. A binary
    convolution is followed by the additions and the LceQuantize that its shape names.

    Args:
        shape: the layer.
        dtype: of a float layer's input, weights and output: `FLOAT32`, or `INT8` for
            convolutions and dense layers (weights with a scale per channel).

    Returns:
        The file's contents.

    Raises:
        InputError: this kind has no int8 form here.
    """
    if dtype not in (FLOAT32, INT8) or (dtype == INT8 and shape.kind not in HAS_INT8):
        raise InputError(f"layer_file: there is no {dtype} form of {shape.kind}.")
    writer = _Writer()
    if shape.kind == kinds.BINARY_CONV:
        _binary_conv(writer, shape)
    elif shape.kind == kinds.QUANTIZE:
        x = writer.input((1, shape.height, shape.width, shape.channels_in), np.float32)
        y = writer.output((1, shape.height, shape.width, _words(shape.channels_in)), np.int32)
        writer.op("LceQuantize", [x], [y], {})
    elif shape.kind == kinds.BINARY_MAX_POOL:
        words = _words(shape.channels_in)
        x = writer.input((1, shape.height, shape.width, words), np.int32)
        y = writer.output((1, shape.out_height, shape.out_width, words), np.int32)
        options = {
            "filter_height": shape.kernel[0],
            "filter_width": shape.kernel[1],
            "padding": _PADDING[shape.padding],
            "stride_height": shape.stride,
            "stride_width": shape.stride,
        }
        writer.op("LceBMaxPool2d", [x], [y], options)
    else:
        _float_layer(writer, shape, np.dtype(dtype))
    return writer.finish()


def _words(channels: int) -> int:
    return -(-channels // WORD_BITS)


def _binary_conv(writer: _Writer, shape: LayerShape) -> None:
    random = np.random.default_rng(0)
    out = (1, shape.out_height, shape.out_width, shape.channels_out)
    depth = _words(shape.channels_in // shape.groups)
    filters = random.integers(
        -(2**31), 2**31, (shape.channels_out, *shape.kernel, depth), dtype=np.int32
    )
    if rest := shape.channels_in // shape.groups % WORD_BITS:
        filters[..., -1] &= 2**rest - 1  # bits beyond the channels are zero
    x = writer.input((1, shape.height, shape.width, _words(shape.channels_in)), np.int32)
    packed = (*out[:3], _words(shape.channels_out))
    operands = [x, writer.constant(filters)]
    if shape.bits_only:
        thresholds = np.zeros(shape.channels_out, np.int32)
        operands += [-1, -1, writer.constant(thresholds)]
        y = writer.output(packed, np.int32)
    else:
        factors = np.full(shape.channels_out, 0.01, np.float32)
        offsets = random.normal(size=shape.channels_out).astype(np.float32)
        operands += [writer.constant(factors), writer.constant(offsets), -1]
        y = writer.tensor(out, np.float32)
    options = {
        "channels_in": shape.channels_in,
        "dilation_height_factor": 1,
        "dilation_width_factor": 1,
        "fused_activation_function": 0,
        "pad_values": 1 if shape.padding == "same" else 0,
        "padding": _PADDING[shape.padding],
        "stride_height": shape.stride,
        "stride_width": shape.stride,
    }
    writer.op("LceBconv2d", operands, [y], options)
    if shape.bits_only:
        return
    for _ in range(shape.shortcuts):
        total = writer.tensor(out, np.float32)
        writer.op("ADD", [y, writer.input(out, np.float32)], [total], schema.AddOptionsT())
        y = total
    writer.outputs.append(y)
    if shape.quantize:
        writer.op("LceQuantize", [y], [writer.output(packed, np.int32)], {})


def _float_layer(writer: _Writer, shape: LayerShape, dtype: np.dtype) -> None:
    random = np.random.default_rng(0)
    scale = 0.05 if dtype == np.int8 else None
    code = _FLOAT_OPS[shape.kind]
    x_shape: tuple[int, ...] = (1, shape.height, shape.width, shape.channels_in)
    y_shape: tuple[int, ...] = (1, shape.out_height, shape.out_width, shape.channels_out)
    if shape.kind in (kinds.DENSE, kinds.SOFTMAX):
        x_shape, y_shape = (1, shape.in_elements), (1, shape.out_elements)
    if shape.kind == kinds.CONCAT:
        first = (*x_shape[:3], max(shape.channels_in // 2, 1))
        second = (*x_shape[:3], shape.channels_in - first[3])
        inputs = [writer.input(s, dtype) for s in (first, second) if s[3]]
    else:
        inputs = [writer.input(x_shape, dtype, scale)]
    if shape.kind in (kinds.ADD, kinds.MUL):
        inputs.append(writer.input(x_shape, dtype))
    if shape.kind in HAS_INT8:
        inputs += _weights(writer, shape, dtype, random)
    y = writer.output(y_shape, dtype, scale)
    writer.op(code, inputs, [y], _options(shape))


def _weights(
    writer: _Writer, shape: LayerShape, dtype: np.dtype, random: np.random.Generator
) -> list[int]:
    channels, axis = shape.channels_out, 0
    if shape.kind == kinds.DENSE:
        size: tuple[int, ...] = (channels, shape.channels_in)
    elif shape.kind == kinds.CONV:
        size = (channels, *shape.kernel, shape.channels_in // shape.groups)
    else:
        size, axis = (1, *shape.kernel, channels), 3
    if dtype == np.int8:
        values = random.integers(-127, 128, size, dtype=np.int8)
        scales = np.full(channels, 0.01, np.float32)
        weight = writer.constant(values, scales, axis)
        # TFLite fixes the bias's scale to that of input times weight.
        bias = writer.constant(np.zeros(channels, np.int32), scales * np.float32(0.05), 0)
        return [weight, bias]
    weight = writer.constant(random.normal(size=size).astype(np.float32))
    return [weight, writer.constant(np.zeros(channels, np.float32))]


def _options(shape: LayerShape) -> Any:
    if shape.kind in (kinds.MAX_POOL, kinds.AVERAGE_POOL):
        options: Any = schema.Pool2DOptionsT()
        options.filterHeight, options.filterWidth = shape.kernel
    elif shape.kind == kinds.CONV:
        options = schema.Conv2DOptionsT()
        options.dilationHFactor = options.dilationWFactor = 1
    elif shape.kind == kinds.DEPTHWISE_CONV:
        options = schema.DepthwiseConv2DOptionsT()
        options.dilationHFactor = options.dilationWFactor = options.depthMultiplier = 1
    elif shape.kind == kinds.CONCAT:
        options = schema.ConcatenationOptionsT()
        options.axis = 3
        return options
    elif shape.kind == kinds.SOFTMAX:
        options = schema.SoftmaxOptionsT()
        options.beta = 1.0
        return options
    else:
        plain = {
            kinds.DENSE: schema.FullyConnectedOptionsT,
            kinds.ADD: schema.AddOptionsT,
            kinds.MUL: schema.MulOptionsT,
        }
        return plain[shape.kind]() if shape.kind in plain else None
    options.padding = _PADDING[shape.padding]
    options.strideH = options.strideW = shape.stride
    return options


class _Writer:
    """Collects tensors and ops of one graph."""

    def __init__(self) -> None:
        self._model, self._graph = schema.ModelT(), schema.SubGraphT()
        self._model.version, self._model.buffers = 3, [schema.BufferT()]
        self._model.operatorCodes, self._model.subgraphs = [], [self._graph]
        self._graph.tensors, self._graph.operators = [], []
        self.inputs: list[int] = []
        self.outputs: list[int] = []

    def tensor(self, shape: Sequence[int], dtype: Any, scale: Any = None, axis: int = 0) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape = f"t{len(self._graph.tensors)}", list(shape)
        tensor.type, tensor.buffer = _TYPES[np.dtype(dtype)], 0
        if scale is not None:
            tensor.quantization = schema.QuantizationParametersT()
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            tensor.quantization.scale = scales
            tensor.quantization.zeroPoint = np.zeros(len(scales), np.int64)
            tensor.quantization.quantizedDimension = axis
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def input(self, shape: Sequence[int], dtype: Any, scale: Any = None) -> int:
        self.inputs.append(self.tensor(shape, dtype, scale))
        return self.inputs[-1]

    def output(self, shape: Sequence[int], dtype: Any, scale: Any = None) -> int:
        self.outputs.append(self.tensor(shape, dtype, scale))
        return self.outputs[-1]

    def constant(self, value: NDArray, scale: Any = None, axis: int = 0) -> int:
        index = self.tensor(value.shape, value.dtype, scale, axis)
        self._graph.tensors[index].buffer = len(self._model.buffers)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(value.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        return index

    def op(self, name: str, inputs: list[int], outputs: list[int], options: Any) -> None:
        """Options: a dict of integers for a custom op, TFLite's own object for a builtin one."""
        code, op = schema.OperatorCodeT(), schema.OperatorT()
        code.version = 1
        op.inputs, op.outputs, op.opcodeIndex = inputs, outputs, len(self._model.operatorCodes)
        if isinstance(options, dict):
            code.customCode = name
            code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
            op.customOptions = np.frombuffer(_flexbuffer(options), np.uint8)
        else:
            code.builtinCode = getattr(schema.BuiltinOperator, name)
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)
            if options is not None:
                kind = type(options).__name__.removesuffix("T")
                op.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
                op.builtinOptions = options
            if name in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
                code.version = 3  # the first with int8
        self._model.operatorCodes.append(code)
        self._graph.operators.append(op)

    def finish(self) -> bytes:
        self._graph.inputs, self._graph.outputs = self.inputs, self.outputs
        size = sum(0 if b.data is None else len(b.data) for b in self._model.buffers)
        builder = flatbuffers.Builder(size + 4096)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def _flexbuffer(values: dict[str, int]) -> bytes:
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, value in sorted(values.items()):
            builder.Int(key, value)
    return bytes(builder.Finish())


def weight_bytes(shape: LayerShape) -> int:
    """Memory of a layer's weights: packed bits or float32."""
    if shape.kind == kinds.BINARY_CONV:
        depth = _words(shape.channels_in // shape.groups)
        return 4 * shape.channels_out * math.prod(shape.kernel) * depth
    return 4 * shape.weights
