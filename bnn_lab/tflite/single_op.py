"""A `.tflite` file with one binary convolution on packed input: to test or time the op alone."""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from bnn_lab.reference import Words


def conv_file(
    x_shape: tuple[int, ...],
    filters: Words,
    output_shape: tuple[int, ...],
    *,
    channels_in: int,
    stride: int = 1,
) -> bytes:
    """One LceBconv2d: SAME padding with +1, float32 output, multiplier 1 and bias 0.

    Args:
        x_shape: of the int32 words that are the model's input, NHWC.
        filters: int32 words, OHWI.
        output_shape: of the float32 result, NHWC.
        channels_in: input channels.
        stride: along both axes.

    Returns:
        The file's contents.
    """
    out_channels = filters.shape[0]
    constants = [filters, np.ones(out_channels, np.float32), np.zeros(out_channels, np.float32)]
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version = 3
    model.buffers = [schema.BufferT()]
    graph.tensors = [_tensor("x", x_shape, schema.TensorType.INT32)]
    for name, value in zip(("filter", "multiplier", "bias"), constants, strict=True):
        integer = value.dtype == np.int32
        kind = schema.TensorType.INT32 if integer else schema.TensorType.FLOAT32
        tensor = _tensor(name, value.shape, kind)
        tensor.buffer = len(model.buffers)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(value.tobytes(), np.uint8)
        model.buffers.append(buffer)
        graph.tensors.append(tensor)
    graph.tensors.append(_tensor("y", output_shape, schema.TensorType.FLOAT32))

    code = schema.OperatorCodeT()
    code.customCode = "LceBconv2d"
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    op = schema.OperatorT()
    op.inputs, op.outputs = [0, 1, 2, 3, -1], [4]
    op.customOptions = np.frombuffer(_options(channels_in, stride), np.uint8)
    graph.inputs, graph.outputs, graph.operators = [0], [4], [op]
    model.operatorCodes, model.subgraphs = [code], [graph]
    builder = flatbuffers.Builder(filters.nbytes + 4096)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _tensor(name: str, shape: tuple[int, ...], kind: int) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type, tensor.buffer = name, list(shape), kind, 0
    return tensor


def _options(channels_in: int, stride: int) -> bytes:
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.Int("channels_in", channels_in)
        builder.Int("dilation_height_factor", 1)
        builder.Int("dilation_width_factor", 1)
        builder.Int("fused_activation_function", 0)
        builder.Int("pad_values", 1)
        builder.Int("padding", 0)
        builder.Int("stride_height", stride)
        builder.Int("stride_width", stride)
    return bytes(builder.Finish())
