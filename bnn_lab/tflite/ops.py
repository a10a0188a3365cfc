"""The ops of a `.tflite` file: what they are, how much they compute, and some of them alone."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from bnn_lab.errors import BnnLabError, ModelFileError
from bnn_lab.tflite.macs import BINARY_OPS, op_macs
from bnn_lab.tflite.options import CUSTOM_OPS, builtin_values, decode
from bnn_lab.tflite.reader import ModelFile, corrupt, numbers, tables, text
from bnn_lab.tflite.subgraphs import call_fields
from bnn_lab.tflite.writer import pack

# What stores constants in few bits.
_UNPACKS = ("DEQUANTIZE", "DENSIFY")
_STATE = {schema.TensorType.RESOURCE, schema.TensorType.VARIANT}


@dataclass(frozen=True)
class FileOp:
    """An op of a file's main graph.

    Attributes:
        index: position in the file.
        kind: TFLite's name of a builtin op such as "CONV_2D", or the custom code.
        custom: whether it is a custom op.
        name: name of its first output tensor.
        inputs: tensor indices, -1 for an absent operand.
        outputs: tensor indices.
        output_shape: shape of the first output, as in the file.
        macs: multiply-accumulates, None where they are not defined.
        options: by their names in the file, enumerations by lower-case name ("padding": "same");
            empty for custom ops of others.
    """

    index: int
    kind: str
    custom: bool
    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    output_shape: tuple[int, ...]
    macs: int | None
    options: Mapping[str, Any] = field(default_factory=dict, compare=False)


class ModelOps:
    """The main graph of a `.tflite` file.

    Args:
        content: the file's contents; a file that a runtime has already accepted.
        shapes: of tensors by number, where a runtime has given them others than the file's.

    Attributes:
        ops: in the order of the file.

    Raises:
        ModelFileError: the file cannot be parsed.
    """

    def __init__(self, content: bytes, shapes: Mapping[int, tuple[int, ...]] | None = None) -> None:
        self._file = ModelFile(content)
        self._graph = self._file.subgraphs[0]
        tensors = tables(self._graph.tensors)
        for index, shape in (shapes or {}).items():
            if index < len(tensors) and self._is_activation(index):
                tensors[index].shape, tensors[index].shapeSignature = list(shape), None
        try:
            self.ops = [self._op(i) for i in range(len(tables(self._graph.operators)))]
        except BnnLabError:
            raise
        except Exception as error:
            raise corrupt(error) from error

    @property
    def inputs(self) -> tuple[int, ...]:
        """Numbers of the graph's input tensors."""
        return numbers(self._graph.inputs)

    def shape(self, tensor: int) -> tuple[int, ...]:
        """Shape of a tensor, as in the file; empty for an absent one."""
        return () if tensor < 0 else numbers(self._graph.tensors[tensor].shape)

    @property
    def done_at_load(self) -> set[int]:
        """Positions of ops that unpack constants, which a runtime does once."""
        found: set[int] = set()
        unpacked: set[int] = set()
        for op in self.ops:
            known = all(t in unpacked or self._constant(t) is not None for t in op.inputs)
            if op.kind in _UNPACKS and known:
                found.add(op.index)
                unpacked.update(op.outputs)
        return found

    def cut(self, ops: Iterable[int]) -> bytes:
        """A file with some of the ops alone.

        Args:
            ops: their positions.

        Returns:
            The file's contents. Its inputs are what the ops read and do not make themselves; its
            outputs what other ops, or the model's user, read. Ops that unpack constants which they
            read come along.

        Raises:
            ModelFileError: one of the ops calls another graph, or its state lies in a variable.
        """
        asked = set(ops)
        chosen = [op for op in self.ops if op.index in asked]
        read = {tensor for op in chosen for tensor in op.inputs}
        for index in sorted(self.done_at_load - asked, reverse=True):
            if read & set(self.ops[index].outputs):
                chosen.insert(0, self.ops[index])
                read.update(self.ops[index].inputs)
        wanted = [op.index for op in chosen]
        entries = [copy.copy(self._graph.operators[index]) for index in wanted]
        self._check_alone(chosen, entries)
        made = {tensor for op in chosen for tensor in op.outputs}
        within = {t for entry in entries for t in numbers(entry.intermediates)}
        used = list(dict.fromkeys(t for op in chosen for t in (*op.inputs, *op.outputs) if t >= 0))
        used += sorted(within - set(used))
        elsewhere = {t for op in self.ops if op.index not in wanted for t in op.inputs}
        elsewhere |= set(numbers(self._graph.outputs))
        elsewhere |= {t for index in asked & self.done_at_load for t in self.ops[index].outputs}
        unpacked = {t for op in chosen if op.index not in asked for t in op.outputs}
        position = {tensor: index for index, tensor in enumerate(used)}
        model, graph = schema.ModelT(version=3), schema.SubGraphT()
        model.buffers = [schema.BufferT()]
        graph.tensors, graph.operators = [], entries
        for tensor in used:
            entry = copy.copy(self._graph.tensors[tensor])
            data = self._constant(tensor)
            entry.buffer = 0 if data is None else len(model.buffers)
            if data is not None:
                model.buffers.append(schema.BufferT(data=data))
            graph.tensors.append(entry)
        for op, entry in zip(chosen, entries, strict=True):
            entry.inputs = [position.get(tensor, -1) for tensor in op.inputs]
            entry.outputs = [position[tensor] for tensor in op.outputs]
            entry.intermediates = [position[t] for t in numbers(entry.intermediates)] or None
        graph.inputs = [
            position[t] for t in used if t not in made | within and self._is_activation(t)
        ]
        graph.outputs = [position[t] for t in used if t in made - unpacked and t in elsewhere]
        model.subgraphs, model.operatorCodes = [graph], self._file.model.operatorCodes
        return pack(model)

    def with_all_outputs(self) -> bytes:
        """The file with all that ops compute among its outputs, so that none is fused away."""
        model, graph = copy.copy(self._file.model), copy.copy(self._graph)
        made = [tensor for op in self.ops for tensor in op.outputs]
        states = {t for t in made if self._graph.tensors[t].type in _STATE}
        graph.outputs = [tensor for tensor in dict.fromkeys(made) if tensor not in states]
        model.subgraphs = [graph, *self._file.subgraphs[1:]]
        model.signatureDefs = None
        return pack(model)

    def _check_alone(self, chosen: list[FileOp], entries: list[Any]) -> None:
        for op, entry in zip(chosen, entries, strict=True):
            if call_fields(entry):
                raise ModelFileError(f"{op.kind} '{op.name}' calls another graph of the file")
            types = {self._graph.tensors[t].type for t in (*op.inputs, *op.outputs) if t >= 0}
            if types & _STATE:
                raise ModelFileError(f"{op.kind} '{op.name}' works on a variable")

    def _op(self, index: int) -> FileOp:
        op = self._graph.operators[index]
        kind, custom, _ = self._file.code(op, f"operator {index}")
        inputs, outputs = numbers(op.inputs), numbers(op.outputs)
        name = text(self._graph.tensors[outputs[0]].name) if outputs else ""
        where = f"{kind} '{name}'"
        options: Mapping[str, Any] = {}
        if not custom:
            options = builtin_values(op.builtinOptions)
        elif kind in CUSTOM_OPS:
            options = decode(kind, self._file.custom_options(op, where) or b"", where)
        shape = self.shape(outputs[0]) if outputs else ()
        macs = op_macs(kind, [self.shape(tensor) for tensor in inputs], shape, options)
        return FileOp(index, kind, custom, name, inputs, outputs, shape, macs, options)

    def _constant(self, tensor: int) -> NDArray | None:
        """The data of a constant."""
        if tensor < 0:
            return None
        return self._file.buffer(self._graph.tensors[tensor].buffer, f"tensor {tensor}")

    def _is_activation(self, tensor: int) -> bool:
        return self._constant(tensor) is None and not self._graph.tensors[tensor].isVariable


def count_macs(content: bytes) -> tuple[int, int]:
    """Multiply-accumulates of a file's main graph: (all, those of ±1 with ±1).

    Raises:
        ModelFileError: the file cannot be parsed.
    """
    macs = [(op.kind, op.macs or 0) for op in ModelOps(content).ops]
    return sum(count for _, count in macs), sum(count for kind, count in macs if kind in BINARY_OPS)
