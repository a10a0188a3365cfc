"""`.tflite` files of one layer or a chain of them, written without TensorFlow: to test or time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab.errors import InputError
from bnn_lab.reference import WORD_BITS, Words, pack_bits, word_count
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.forms import FLOAT32, INT8
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.options import builtin, encode
from bnn_lab.tflite.writer import GraphWriter

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
_VERSION_WITH_INT8 = 3  # of these three ops


def conv_file(
    x_shape: tuple[int, ...],
    filters: Words,
    output_shape: tuple[int, ...],
    *,
    channels_in: int,
    stride: int = 1,
) -> bytes:
    """One LceBconv2d on packed input: SAME padding with +1, float32, multiplier 1 and bias 0.

    Args:
        x_shape: shape of the int32 words that are the model's input, NHWC.
        filters: int32 words, OHWI.
        output_shape: shape of the float32 result, NHWC.
        channels_in: input channels.
        stride: along both axes.

    Returns:
        The file's contents.
    """
    channels = filters.shape[0]
    writer = GraphWriter()
    operands = [
        writer.input(x_shape, np.int32, "x"),
        writer.constant(filters, "filter"),
        writer.constant(np.ones(channels, np.float32), "multiplier"),
        writer.constant(np.zeros(channels, np.float32), "bias"),
        -1,
    ]
    options = encode(
        "LceBconv2d",
        channels_in=channels_in,
        padding="same",
        pad_values=1,
        stride_height=stride,
        stride_width=stride,
    )
    writer.op("LceBconv2d", operands, [writer.output(output_shape, np.float32, "y")], options)
    return writer.finish()


def residual_chain_file(stages: Sequence[tuple[int, int]], layers: int) -> bytes:
    """Chains of binary 3x3 convolutions with a shortcut around each, as in Bi-Real Net.

    Args:
        stages: (size, channels) of the square images, a chain each, from an input of its own to an
            output of its own.
        layers: convolutions of each chain. All have weights of their own, random ones.

    Returns:
        The file's contents; inputs and outputs are float32 of shape (1, size, size, channels).
    """
    random = np.random.default_rng(0)
    writer = GraphWriter()
    for size, channels in stages:
        shape, packed = (1, size, size, channels), (1, size, size, word_count(channels))
        options = encode("LceBconv2d", channels_in=channels, padding="same", pad_values=1)
        x = writer.input(shape, np.float32)
        for layer in range(layers):
            signs = random.random((channels, 3, 3, channels)) < 0.5
            bits, y = writer.tensor(packed, np.int32), writer.tensor(shape, np.float32)
            factors = np.full(channels, 0.01, np.float32)
            offsets = random.normal(size=channels).astype(np.float32)
            operands = [bits, *map(writer.constant, (pack_bits(signs), factors, offsets)), -1]
            writer.op("LceQuantize", [x], [bits], encode("LceQuantize"))
            writer.op("LceBconv2d", operands, [y], options)
            last = layer + 1 == layers
            total = (writer.output if last else writer.tensor)(shape, np.float32)
            writer.op("ADD", [y, x], [total], builtin("AddOptions"))
            x = total
    return writer.finish()


def layer_file(shape: LayerShape, dtype: str = FLOAT32) -> bytes:
    """A file with one layer, batch 1, to be timed.

    Binary layers read what they read in a model: packed bits, or floats for `quantize`. A binary
    convolution is followed by the additions and the LceQuantize that its shape names. Values do not
    matter for speed, so weights are random and quantization scales arbitrary.

    Args:
        shape: the layer.
        dtype: type of a float layer's input, weights and output: `FLOAT32`, or `INT8` for
            convolutions and dense layers (weights with a scale per channel).

    Returns:
        The file's contents.

    Raises:
        InputError: this kind has no int8 form here.
    """
    if dtype not in (FLOAT32, INT8) or (dtype == INT8 and shape.kind not in HAS_INT8):
        raise InputError(f"layer_file: there is no {dtype} form of {shape.kind}.")
    writer = GraphWriter()
    if shape.kind == kinds.BINARY_CONV:
        _binary_conv(writer, shape)
    elif shape.kind == kinds.QUANTIZE:
        x = writer.input((1, shape.height, shape.width, shape.channels_in), np.float32)
        y = writer.output((1, shape.height, shape.width, word_count(shape.channels_in)), np.int32)
        writer.op("LceQuantize", [x], [y], encode("LceQuantize"))
    elif shape.kind == kinds.BINARY_MAX_POOL:
        words = word_count(shape.channels_in)
        x = writer.input((1, shape.height, shape.width, words), np.int32)
        y = writer.output((1, shape.out_height, shape.out_width, words), np.int32)
        options = encode(
            "LceBMaxPool2d",
            filter_height=shape.kernel[0],
            filter_width=shape.kernel[1],
            padding=shape.padding,
            stride_height=shape.stride,
            stride_width=shape.stride,
        )
        writer.op("LceBMaxPool2d", [x], [y], options)
    else:
        _float_layer(writer, shape, np.dtype(dtype))
    return writer.finish()


def _binary_conv(writer: GraphWriter, shape: LayerShape) -> None:
    random = np.random.default_rng(0)
    out = (1, shape.out_height, shape.out_width, shape.channels_out)
    *outer, depth = shape.filter_shape
    filters = random.integers(-(2**31), 2**31, (*outer, word_count(depth)), dtype=np.int32)
    if rest := depth % WORD_BITS:
        filters[..., -1] &= 2**rest - 1  # bits beyond the channels are zero
    x = writer.input((1, shape.height, shape.width, word_count(shape.channels_in)), np.int32)
    packed = (*out[:3], word_count(shape.channels_out))
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
    options = encode(
        "LceBconv2d",
        channels_in=shape.channels_in,
        pad_values=1 if shape.padding == "same" else 0,
        padding=shape.padding,
        stride_height=shape.stride,
        stride_width=shape.stride,
    )
    writer.op("LceBconv2d", operands, [y], options)
    if shape.bits_only:
        return
    for _ in range(shape.shortcuts):
        total = writer.tensor(out, np.float32)
        writer.op("ADD", [y, writer.input(out, np.float32)], [total], builtin("AddOptions"))
        y = total
    writer.outputs.append(y)
    if shape.quantize:
        bits = writer.output(packed, np.int32)
        writer.op("LceQuantize", [y], [bits], encode("LceQuantize"))


def _float_layer(writer: GraphWriter, shape: LayerShape, dtype: np.dtype) -> None:
    random = np.random.default_rng(0)
    scale = 0.05 if dtype == np.int8 else None
    x_shape: tuple[int, ...] = (1, shape.height, shape.width, shape.channels_in)
    y_shape: tuple[int, ...] = (1, shape.out_height, shape.out_width, shape.channels_out)
    if shape.kind in (kinds.DENSE, kinds.SOFTMAX):
        x_shape, y_shape = (1, shape.in_elements), (1, shape.out_elements)
    if shape.kind == kinds.CONCAT:
        first = (*x_shape[:3], max(shape.channels_in // 2, 1))
        second = (*x_shape[:3], shape.channels_in - first[3])
        inputs = [writer.input(s, dtype) for s in (first, second) if s[3]]
    else:
        inputs = [writer.input(x_shape, dtype, scale=scale)]
    if shape.kind in (kinds.ADD, kinds.MUL):
        inputs.append(writer.input(x_shape, dtype))
    if shape.filter_shape:
        inputs += _weights(writer, shape, dtype, random)
    y = writer.output(y_shape, dtype, scale=scale)
    version = _VERSION_WITH_INT8 if shape.kind in HAS_INT8 else 1
    writer.op(_FLOAT_OPS[shape.kind], inputs, [y], _options(shape), version=version)


def _weights(
    writer: GraphWriter, shape: LayerShape, dtype: np.dtype, random: np.random.Generator
) -> list[int]:
    size, channels = shape.filter_shape, shape.channels_out
    if dtype != np.int8:
        weight = writer.constant(random.normal(size=size).astype(np.float32))
        return [weight, writer.constant(np.zeros(channels, np.float32))]
    values: NDArray = random.integers(-127, 128, size, dtype=np.int8)
    scales = np.full(channels, 0.01, np.float32)
    axis = 3 if shape.kind == kinds.DEPTHWISE_CONV else 0
    weight = writer.constant(values, scale=scales, axis=axis)
    # TFLite fixes the bias's scale to that of input times weight.
    bias = writer.constant(np.zeros(channels, np.int32), scale=scales * np.float32(0.05))
    return [weight, bias]


def _options(shape: LayerShape) -> Any:
    window = {"padding": shape.padding, "strideH": shape.stride, "strideW": shape.stride}
    undilated = {"dilationHFactor": 1, "dilationWFactor": 1}
    match shape.kind:
        case kinds.MAX_POOL | kinds.AVERAGE_POOL:
            height, width = shape.kernel
            return builtin("Pool2DOptions", filterHeight=height, filterWidth=width, **window)
        case kinds.CONV:
            return builtin("Conv2DOptions", **undilated, **window)
        case kinds.DEPTHWISE_CONV:
            return builtin("DepthwiseConv2DOptions", depthMultiplier=1, **undilated, **window)
        case kinds.CONCAT:
            return builtin("ConcatenationOptions", axis=3)
        case kinds.SOFTMAX:
            return builtin("SoftmaxOptions", beta=1.0)
        case kinds.DENSE:
            return builtin("FullyConnectedOptions")
        case kinds.ADD:
            return builtin("AddOptions")
        case kinds.MUL:
            return builtin("MulOptions")
    return None
