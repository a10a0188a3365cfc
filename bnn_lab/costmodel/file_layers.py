"""A `.tflite` file as layers of known shape, grouped as bnn_lab's delegate runs them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

from bnn_lab.errors import InputError, ModelFileError
from bnn_lab.profiling.node_clock import NodeClock
from bnn_lab.profiling.partitions import OUR_DELEGATE, group_fused, ops_of_node
from bnn_lab.tflite import layer_shapes as kinds
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
        name: of the output tensor.
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
    content = model if isinstance(model, bytes) else _read(Path(model))
    # Which ops the delegates take is known once they have been applied.
    nodes = NodeClock(content, fuse=fuse).nodes
    ops = ModelOps(content)
    reader = _Reader(content)
    found = []
    for node in nodes:
        ours = node.custom_name == OUR_DELEGATE
        for group in group_fused(ops_of_node(node, ops.ops), fuse=ours and fuse):
            layers, known = reader.layers(group)
            shown = next((op for op in reversed(group) if op.kind != "LceQuantize"), group[-1])
            kind = " + ".join(op.kind for op in group)
            found.append(FileLayer(shown.name, kind, layers, known, ours))
    return found


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelFileError(f"cannot read {path}: {error.strerror}") from error


class _Reader:
    def __init__(self, content: bytes) -> None:
        model = schema.ModelT.InitFromPackedBuf(bytearray(content))
        self._graph = model.subgraphs[0]

    def layers(self, group: Sequence[FileOp]) -> tuple[tuple[LayerShape, ...], bool]:
        """The group as layers, and whether all of it is known."""
        first = group[0]
        try:
            if first.kind == "LceBconv2d":
                return (self._binary_conv(group),), True
            found = [self._layer(op) for op in group]
        except (InputError, IndexError):  # a shape that `LayerShape` cannot express
            return (), False
        return tuple(f for f in found if f is not None), not any(
            f is None and op.kind not in _NO_WORK for f, op in zip(found, group, strict=True)
        )

    def _binary_conv(self, group: Sequence[FileOp]) -> LayerShape:
        conv = group[0]
        out, filters = conv.output_shape, self._shape(conv.inputs[1])
        channels = filters[0]
        assert conv.macs is not None
        pixels = out[1] * out[2]
        depth = conv.macs // (pixels * channels * filters[1] * filters[2])
        height, width, words = self._shape(conv.inputs[0])[1:]
        groups = max(1, round(words / filters[3]))
        stride = max(1, round(height / out[1]))
        same = out[1] == -(-height // stride)
        return LayerShape(
            kinds.BINARY_CONV,
            height,
            width,
            depth * groups,
            channels,
            (filters[1], filters[2]),
            stride=stride,
            padding="same" if same else "valid",
            groups=groups,
            shortcuts=sum(op.kind == "ADD" for op in group),
            quantize=any(op.kind == "LceQuantize" for op in group),
            bits_only=conv.inputs[4] >= 0,
        )

    def _layer(self, op: FileOp) -> LayerShape | None:
        if op.kind in _NO_WORK:
            return None
        entry = self._graph.operators[op.index].builtinOptions
        x = self._image(op.inputs[0])
        out = op.output_shape
        match op.kind:
            case "CONV_2D":
                filters = self._shape(op.inputs[1])
                groups = max(1, x[2] // filters[3])
                return LayerShape(
                    kinds.CONV,
                    *x,
                    filters[0],
                    (filters[1], filters[2]),
                    groups=groups,
                    **_window(entry),
                )
            case "DEPTHWISE_CONV_2D":
                filters = self._shape(op.inputs[1])
                kernel = (filters[1], filters[2])
                x = (x[0], x[1], filters[3])
                return LayerShape(kinds.DEPTHWISE_CONV, *x, kernel=kernel, **_window(entry))
            case "MAX_POOL_2D" | "AVERAGE_POOL_2D":
                kind = kinds.MAX_POOL if op.kind.startswith("MAX") else kinds.AVERAGE_POOL
                kernel = (entry.filterHeight, entry.filterWidth)
                return LayerShape(kind, *x, kernel=kernel, **_window(entry))
            case "MEAN":
                return LayerShape(kinds.AVERAGE_POOL, *x, kernel=x[:2], padding="valid")
            case "LceBMaxPool2d":
                stride = max(1, round(x[0] / out[1]))
                x = (x[0], x[1], 32 * x[2])
                return LayerShape(kinds.BINARY_MAX_POOL, *x, kernel=(stride, stride), stride=stride)
            case "LceQuantize":
                return LayerShape(kinds.QUANTIZE, *x)
            case "FULLY_CONNECTED":
                rows, columns = self._shape(op.inputs[1])
                return LayerShape(kinds.DENSE, channels_in=columns, channels_out=rows)
            case "SOFTMAX":
                return LayerShape(kinds.SOFTMAX, channels_in=x[2])
            case "CONCATENATION":
                return LayerShape(kinds.CONCAT, *self._image(op.outputs[0]))
            case "ADD" | "SUB":
                return LayerShape(kinds.ADD, *self._image(op.outputs[0]))
            case "MUL":
                return LayerShape(kinds.MUL, *self._image(op.outputs[0]))
        if op.kind in _ONE_OPERAND:
            return LayerShape(kinds.RELU, *self._image(op.outputs[0]))
        return None

    def _shape(self, tensor: int) -> tuple[int, ...]:
        shape = self._graph.tensors[tensor].shape
        return tuple(int(d) for d in (() if shape is None else shape))

    def _image(self, tensor: int) -> tuple[int, int, int]:
        """Height, width and channels; 1 for dimensions that are not there."""
        shape = (1, 1, 1, *self._shape(tensor)[1:])[-3:]
        return shape[0], shape[1], shape[2]


def _window(options: Any) -> dict[str, Any]:
    return {
        "stride": options.strideH,
        "padding": "same" if options.padding == schema.Padding.SAME else "valid",
    }
