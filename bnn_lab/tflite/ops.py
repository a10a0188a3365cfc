"""The ops of a `.tflite` file: what they are, how much they compute, and each one alone."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers

from bnn_lab.errors import ModelFileError

_NAMES = {
    code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")
}
WORD_BITS = 32


@dataclass(frozen=True)
class FileOp:
    """An op of a file's main graph.

    Attributes:
        index: position in the file.
        kind: TFLite's name of a builtin op such as "CONV_2D", or the custom code.
        custom: whether it is a custom op.
        name: of its first output tensor.
        inputs: tensor indices, -1 for an absent operand.
        outputs: tensor indices.
        output_shape: of the first output, as the file has it.
        macs: multiply-accumulates, None where they are not defined.
    """

    index: int
    kind: str
    custom: bool
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    output_shape: tuple[int, ...]
    macs: int | None


class ModelOps:
    """A parsed `.tflite` file.

    Args:
        content: the file's contents; a file that a runtime has already accepted.

    Attributes:
        ops: of the main graph, in the order of the file.

    Raises:
        ModelFileError: the file cannot be parsed.
    """

    def __init__(self, content: bytes) -> None:
        try:
            self._model = schema.ModelT.InitFromPackedBuf(bytearray(content))
            self._graph = self._model.subgraphs[0]
            self.ops = [self._op(index) for index in range(len(_list(self._graph.operators)))]
        except (IndexError, TypeError, ValueError, AttributeError, UnicodeError) as error:
            raise ModelFileError(f"the file is corrupt: {error}") from error

    def cut(self, ops: Iterable[int]) -> bytes:
        """A file with some of the ops alone.

        Args:
            ops: their positions.

        Returns:
            The file's contents. Its inputs are what the ops read and do not make themselves; its
            outputs what other ops, or the model's user, read.

        Raises:
            ModelFileError: the file has further graphs, which ops may call.
        """
        if len(self._model.subgraphs) > 1:
            raise ModelFileError("ops of a model with several graphs cannot be cut out")
        wanted = sorted(ops)
        chosen = [self.ops[index] for index in wanted]
        made = {tensor for op in chosen for tensor in op.outputs}
        used = list(dict.fromkeys(t for op in chosen for t in (*op.inputs, *op.outputs) if t >= 0))
        elsewhere = {t for op in self.ops if op.index not in wanted for t in op.inputs}
        elsewhere |= set(_list(self._graph.outputs))
        position = {tensor: index for index, tensor in enumerate(used)}
        model, graph = schema.ModelT(), schema.SubGraphT()
        model.version, model.buffers = 3, [schema.BufferT()]
        graph.tensors, graph.operators = [], []
        for tensor in used:
            entry = copy.copy(self._graph.tensors[tensor])
            data = self._constant(tensor)
            entry.buffer = 0 if data is None else len(model.buffers)
            if data is not None:
                model.buffers.append(data)
            graph.tensors.append(entry)
        for op in chosen:
            entry = copy.copy(self._graph.operators[op.index])
            entry.inputs = [position.get(tensor, -1) for tensor in op.inputs]
            entry.outputs = [position[tensor] for tensor in op.outputs]
            graph.operators.append(entry)
        graph.inputs = [position[t] for t in used if t not in made and self._is_activation(t)]
        graph.outputs = [position[t] for t in used if t in made and t in elsewhere]
        model.subgraphs, model.operatorCodes = [graph], self._model.operatorCodes
        builder = flatbuffers.Builder(4096)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _op(self, index: int) -> FileOp:
        op = self._graph.operators[index]
        code = self._model.operatorCodes[op.opcodeIndex]
        builtin = max(code.builtinCode, code.deprecatedBuiltinCode)
        custom = builtin == schema.BuiltinOperator.CUSTOM
        kind = _text(code.customCode) if custom else _NAMES.get(builtin, f"builtin {builtin}")
        inputs = tuple(int(t) for t in _list(op.inputs))
        outputs = tuple(int(t) for t in _list(op.outputs))
        shape = self._shape(outputs[0]) if outputs else ()
        name = _text(self._graph.tensors[outputs[0]].name) if outputs else ""
        macs = self._macs(kind, op, inputs, shape)
        return FileOp(index, kind, custom, name, inputs, outputs, shape, macs)

    def _macs(
        self, kind: str, op: Any, inputs: tuple[int, ...], out: tuple[int, ...]
    ) -> int | None:
        def shape(operand: int) -> tuple[int, ...]:
            return self._shape(inputs[operand])

        def option(name: str) -> int:
            options = flexbuffers.GetRoot(bytearray(bytes(op.customOptions))).AsMap
            return int(options[name].AsInt)

        size = math.prod(out)
        match kind:
            case "CONV_2D":  # filter OHWI
                return size * math.prod(shape(1)[1:])
            case "DEPTHWISE_CONV_2D":  # filter 1HWC
                return size * math.prod(shape(1)[1:3])
            case "CONV_3D":  # filter DHWIO
                return size * math.prod(shape(1)[:4])
            case "FULLY_CONNECTED":
                return size * shape(1)[-1]
            case "BATCH_MATMUL":
                transposed = getattr(op.builtinOptions, "adjX", False)
                return size * shape(0)[-2 if transposed else -1]
            case "TRANSPOSE_CONV":  # each input value meets the whole window and all outputs
                return math.prod(shape(2)) * math.prod(shape(1)[:3])
            case "LceBconv2d":
                out_channels, height, width, words = shape(1)
                channels = option("channels_in")
                # A group reads its share of the words.
                depth = channels * words // -(-channels // WORD_BITS)
                return math.prod(out[:3]) * out_channels * height * width * depth
            case "BnnLabDepthwise2d":
                channels = option("channels_in") * option("depth_multiplier")
                return math.prod(out[:3]) * channels * math.prod(shape(1)[1:3])
            case "BnnLabTranspose2d":
                return math.prod(shape(0)[:3]) * option("channels_in") * math.prod(shape(1)[:3])
        return None

    def _shape(self, tensor: int) -> tuple[int, ...]:
        return tuple(int(d) for d in _list(self._graph.tensors[tensor].shape))

    def _constant(self, tensor: int) -> Any | None:
        """The buffer of a constant."""
        buffer = self._model.buffers[self._graph.tensors[tensor].buffer]
        return buffer if buffer.data is not None and len(buffer.data) else None

    def _is_activation(self, tensor: int) -> bool:
        return self._constant(tensor) is None and not self._graph.tensors[tensor].isVariable


def _list(values: Any) -> list[Any]:
    return [] if values is None else list(values)


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
