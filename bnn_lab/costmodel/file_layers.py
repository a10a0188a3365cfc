"""A `.tflite` file as layers of known shape, grouped as bnn_lab's delegate runs them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bnn_lab.errors import InputError
from bnn_lab.profiling.node_clock import OUR_DELEGATE, NodeClock
from bnn_lab.profiling.partitions import groups_of_node
from bnn_lab.reference import WORD_BITS
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.check import check_contents
from bnn_lab.tflite.contents import read_contents
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.ops import FileOp, ModelOps

_ONE_OPERAND = {
    "RELU",
    "RELU6",
    "RELU_N1_TO_1",
    "PRELU",
    "LEAKY_RELU",
    "LOGISTIC",
    "TANH",
    "DEQUANTIZE",
    "TRANSPOSE",
    "PAD",
    "SPLIT",
    "LceDequantize",
}
_NO_WORK = {"RESHAPE", "SQUEEZE", "EXPAND_DIMS"}


@dataclass(frozen=True)
class FileLayer:
    """An op, or ops that run as one.

    Attributes:
        name: name of the output tensor.
        kind: TFLite's names, joined by " + ".
        layers: what the cost model knows them as; empty for ops that only rename memory.
        known: False if an op is of a kind that the cost model does not have.
        binary: whether bnn_lab's kernels run it.
    """

    name: str
    kind: str
    layers: tuple[LayerShape, ...]
    known: bool
    binary: bool


def file_layers(model: bytes | str | os.PathLike[str], *, fuse: bool = True) -> list[FileLayer]:
    """The layers of a file in the order in which they run.

    Args:
        model: the file's contents or path.
        fuse: whether bnn_lab's delegate may take in float ops.

    Returns:
        A `FileLayer` per row that `bnn_lab.profile` would have.

    Raises:
        ModelFileError: the file cannot be read or run.
    """
    content = read_contents(model, "file_layers")
    check_contents(content)
    # Which ops the delegates take is known once they have been applied.
    nodes = NodeClock(content, fuse=fuse).nodes
    ops = ModelOps(content)
    found = []
    for node in nodes:
        ours = node.custom_name == OUR_DELEGATE
        for group in groups_of_node(node, ops.ops):
            layers, known = _layers(group, ops.shape)
            shown = next((op for op in reversed(group) if op.kind != "LceQuantize"), group[-1])
            kind = " + ".join(op.kind for op in group)
            found.append(FileLayer(shown.name, kind, layers, known, ours))
    return found


def _layers(
    group: Sequence[FileOp], shape_of: Callable[[int], tuple[int, ...]]
) -> tuple[tuple[LayerShape, ...], bool]:
    """The group as layers, and whether all of it is known."""
    try:
        if group[0].kind == "LceBconv2d":
            return (_binary_conv(group, shape_of),), True
        found = [_layer(op, shape_of) for op in group]
    except (InputError, IndexError):  # a shape that `LayerShape` cannot express
        return (), False
    return tuple(f for f in found if f is not None), not any(
        f is None and op.kind not in _NO_WORK for f, op in zip(found, group, strict=True)
    )


def _binary_conv(group: Sequence[FileOp], shape_of: Callable[[int], tuple[int, ...]]) -> LayerShape:
    conv = group[0]
    filters, words = shape_of(conv.inputs[1]), shape_of(conv.inputs[0])[3]
    height, width, _ = _image(shape_of(conv.inputs[0]))
    return LayerShape(
        kinds.BINARY_CONV,
        height,
        width,
        conv.options["channels_in"],
        filters[0],
        (filters[1], filters[2]),
        stride=conv.options["stride_height"],
        padding=conv.options["padding"],
        groups=max(1, words // filters[3]),
        shortcuts=sum(op.kind == "ADD" for op in group),
        quantize=any(op.kind == "LceQuantize" for op in group),
        bits_only=conv.inputs[4] >= 0,
    )


def _layer(op: FileOp, shape_of: Callable[[int], tuple[int, ...]]) -> LayerShape | None:
    if op.kind in _NO_WORK:
        return None
    x, out = _image(shape_of(op.inputs[0])), _image(op.output_shape)
    match op.kind:
        case "CONV_2D":
            filters = shape_of(op.inputs[1])
            groups = max(1, x[2] // filters[3])
            kernel = (filters[1], filters[2])
            window = _window(op)
            return LayerShape(kinds.CONV, *x, filters[0], kernel, groups=groups, **window)
        case "DEPTHWISE_CONV_2D":
            filters = shape_of(op.inputs[1])
            kernel = (filters[1], filters[2])
            x = (x[0], x[1], filters[3])
            return LayerShape(kinds.DEPTHWISE_CONV, *x, kernel=kernel, **_window(op))
        case "MAX_POOL_2D" | "AVERAGE_POOL_2D":
            kind = kinds.MAX_POOL if op.kind.startswith("MAX") else kinds.AVERAGE_POOL
            kernel = (op.options["filterHeight"], op.options["filterWidth"])
            return LayerShape(kind, *x, kernel=kernel, **_window(op))
        case "MEAN":
            return LayerShape(kinds.AVERAGE_POOL, *x, kernel=x[:2], padding="valid")
        case "LceBMaxPool2d":
            x = (x[0], x[1], WORD_BITS * x[2])
            kernel = (op.options["filter_height"], op.options["filter_width"])
            stride, padding = op.options["stride_height"], op.options["padding"]
            return LayerShape(
                kinds.BINARY_MAX_POOL, *x, kernel=kernel, stride=stride, padding=padding
            )
        case "LceQuantize":
            return LayerShape(kinds.QUANTIZE, *x)
        case "FULLY_CONNECTED":
            rows, columns = shape_of(op.inputs[1])
            return LayerShape(kinds.DENSE, channels_in=columns, channels_out=rows)
        case "SOFTMAX":
            return LayerShape(kinds.SOFTMAX, channels_in=x[2])
        case "CONCATENATION":
            return LayerShape(kinds.CONCAT, *out)
        case "ADD" | "SUB":
            return LayerShape(kinds.ADD, *out)
        case "MUL":
            return LayerShape(kinds.MUL, *out)
    return LayerShape(kinds.RELU, *out) if op.kind in _ONE_OPERAND else None


def _image(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Height, width and channels; 1 for dimensions that are not there."""
    height, width, channels = (1, 1, 1, *shape[1:])[-3:]
    return height, width, channels


def _window(op: FileOp) -> dict[str, Any]:
    return {"stride": op.options["strideH"], "padding": op.options["padding"]}
