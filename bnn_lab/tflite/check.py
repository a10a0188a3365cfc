"""Whether a `.tflite` file may be given to LiteRT: what it takes for granted, and may die of.

LiteRT checks offsets and most shapes, but not that a graph makes sense: an op that writes into the
file's own data, a scale of zero or an operand that is not there end the process. What LiteRT's ops
do with odd values of their own, such as the axis of a reduction, is not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from bnn_lab._words import counted
from bnn_lab.errors import BnnLabError, ModelFileError
from bnn_lab.tflite.binary_ops import Words
from bnn_lab.tflite.op_types import OPERANDS, OpTensor, check_types
from bnn_lab.tflite.reader import ModelFile, corrupt, numbers, tables, text
from bnn_lab.tflite.subgraphs import call_fields
from bnn_lab.tflite.types import TYPE_NAMES, dtype_of_code

MOST_DIMENSIONS = 8
MOST_BYTES = 2**31  # of a tensor

# Of others, those whose operands may be absent, and those without a result.
_MAY_LACK = {
    "BIDIRECTIONAL_SEQUENCE_LSTM",
    "BIDIRECTIONAL_SEQUENCE_RNN",
    "DELEGATE",
    "LSTM",
    "RNN",
    "STABLEHLO_COMPOSITE",
    "SVDF",
    "UNIDIRECTIONAL_SEQUENCE_LSTM",
    "UNIDIRECTIONAL_SEQUENCE_RNN",
}
_MAY_RETURN_NOTHING = {"ASSIGN_VARIABLE", "CALL", "CALL_ONCE", "HASHTABLE_IMPORT", "IF", "WHILE"}
_POSITIVE = ("strideH", "strideW", "dilationHFactor", "dilationWFactor")
_LEAST_SCALE = float(np.finfo(np.float32).tiny)  # XNNPACK dies of smaller ones
_MOST_RATIO = 1 << 20
_COMPARISONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")
_SCALED = ("INT8", "UINT8", "INT16")  # what LiteRT divides by the scale of


def check_contents(content: bytes) -> ModelFile:
    """Refuse a file that LiteRT might die of, or that means something else on each backend.

    Args:
        content: the file's contents.

    Returns:
        The file.

    Raises:
        ModelFileError: names the op or tensor, and what is wrong: the file is corrupt; the model
            has no input or output; an index is out of range; an op writes a tensor that holds data,
            is an input or is written already, reads one that is written later, or lacks an operand;
            a tensor of 8 or 16 bits has a scale or a zero point that its type does not allow, or
            arithmetic with 8 bits lacks a scale; a result has another type than its op gives; a
            tensor is larger than 2 GiB or has more than 8 dimensions; data and shape disagree;
            graphs call each other in a circle; `channels_in` of a binary op does not fit its
            tensors.
    """
    file = ModelFile(content)
    try:
        calls = [_Graph(file, index).check() for index in range(len(file.subgraphs))]
        _check_calls(calls)
        file.info()
    except BnnLabError:
        raise
    except Exception as error:
        raise corrupt(error) from error
    return file


class _Graph:
    def __init__(self, file: ModelFile, index: int) -> None:
        self.file = file
        self.graph = file.subgraphs[index]
        self.name = text(self.graph.name) or f"subgraph {index}"
        self.main = index == 0
        self.tensors = tables(self.graph.tensors)
        self.shapes = [numbers(tensor.shape) for tensor in self.tensors]
        self.ready: set[int] = set()  # inputs, data, variables, and what ops have written so far
        self.calls: set[int] = set()

    def check(self) -> set[int]:
        """Raise for what is wrong; gives the graphs that this one calls."""
        inputs, outputs = numbers(self.graph.inputs), numbers(self.graph.outputs)
        for tensors, what in ((inputs, "input"), (outputs, "output")):
            if self.main and not tensors:
                raise ModelFileError(f"the model has no {what}, so there is nothing to run")
            self._in_range(tensors, f"an {what} of {self.name}")
        for index in range(len(self.tensors)):
            if self._check_tensor(index):
                self.ready.add(index)
        for index in inputs:
            if index in self.ready:
                raise ModelFileError(
                    f"{self._where(index)} is an input of {self.name} twice, or holds data"
                )
            self.ready.add(index)
        operators = tables(self.graph.operators)
        written = {index for op in operators for index in numbers(op.outputs) if index >= 0}
        words = Words(self.file, self.tensors, self.shapes)
        for position, op in enumerate(operators):
            code = self.file.code(op, f"operator {position} of {self.name}")
            where = f"operator {position} of {self.name} ({code.name})"
            operands, results = numbers(op.inputs), numbers(op.outputs)
            self._check_op(where, code.name, code.custom, operands, results, written)
            self._check_options(where, op)
            if not code.custom:
                shown = [None if index < 0 else self._shown(index) for index in operands]
                check_types(code.name, shown, [self._shown(index) for index in results], where)
            if code.name in ("ADD", "SUB"):
                self._check_sum(where, operands, results)
            if code.name in _COMPARISONS:
                self._check_comparison(where, operands)
            if code.custom:
                words.check(code.name, op, operands, results, where)
        for index in outputs:
            if index not in self.ready:
                raise ModelFileError(
                    f"{self._where(index)} is an output of {self.name}, but nothing writes it"
                )
        return self.calls

    def _check_op(
        self,
        where: str,
        name: str,
        custom: bool,
        operands: tuple[int, ...],
        results: tuple[int, ...],
        written: set[int],
    ) -> None:
        self._in_range((index for index in operands if index != -1), f"an operand of {where}")
        self._in_range(results, f"a result of {where}")
        if not custom:
            fewest, most = OPERANDS.get(name, (0, len(operands)))
            if name not in OPERANDS and name not in _MAY_LACK:
                fewest = len(operands)
            if name == "RESHAPE":  # of one or two, but LiteRT dies of a second that is absent
                fewest = max(1, len(operands))
            if not fewest <= len(operands) <= most or -1 in operands[:fewest]:
                given = sum(index != -1 for index in operands)
                raise ModelFileError(
                    f"{where} has {counted(given, 'input')}, and lacks one "
                    f"that it needs, or has too many: it takes {fewest} to {most}"
                )
            if not results and name not in _MAY_RETURN_NOTHING:
                raise ModelFileError(f"{where} has no result")
        for index in operands:
            if index in written and index not in self.ready:
                raise ModelFileError(f"{where} reads {self._where(index)} before it is written")
        for index in results:
            if index in self.ready:
                raise ModelFileError(
                    f"{where} writes {self._where(index)}, which is an input, a constant, a "
                    "variable, or written already"
                )
            self.ready.add(index)

    def _check_options(self, where: str, op: Any) -> None:
        for table in (op.builtinOptions, op.builtinOptions2):
            for name, value in () if table is None else vars(table).items():
                if name in _POSITIVE and value < 1:
                    raise ModelFileError(f"{where}: {name} = {value} must be at least 1")
        for table, name in call_fields(op):
            called = int(getattr(table, name))
            if not 0 <= called < len(self.file.subgraphs):
                raise ModelFileError(f"{where} calls subgraph {called}, which does not exist")
            self.calls.add(called)

    def _check_sum(self, where: str, operands: tuple[int, ...], results: tuple[int, ...]) -> None:
        """LiteRT adds 8-bit numbers in 20 more bits, and dies if the result needs still more."""
        tensors = [self.tensors[index] for index in (*operands, *results)]
        scales = [_scale_of(tensor) for tensor in tensors]
        if all(scales) and max(scales[:2]) * 2 >= _MOST_RATIO * scales[-1]:
            raise ModelFileError(
                f"{where} has scales of {max(scales[:2]):.3g} and {scales[-1]:.3g}, but those of "
                f"its inputs must be less than {_MOST_RATIO // 2} times that of its result"
            )

    def _check_comparison(self, where: str, operands: tuple[int, ...]) -> None:
        """LiteRT compares 8-bit numbers by factors below one, and dies of a scale that is not."""
        scales = [_scale_of(self.tensors[index]) for index in operands]
        if max(scales) >= 1:
            raise ModelFileError(
                f"{where} compares 8-bit numbers of scale {max(scales):.3g}, but it must be less "
                "than 1"
            )

    def _in_range(self, indices: Iterable[int], role: str) -> None:
        for index in indices:
            if not 0 <= index < len(self.tensors):
                raise ModelFileError(f"{role} is tensor {index}, but there are {len(self.tensors)}")

    def _shown(self, index: int) -> OpTensor:
        tensor = self.tensors[index]
        stored = tensor.quantization
        scales = 0 if stored is None or stored.scale is None else len(stored.scale)
        return OpTensor(self._where(index), TYPE_NAMES[tensor.type], scales)

    def _where(self, index: int) -> str:
        return f"tensor {index} '{text(self.tensors[index].name)}'"

    def _check_tensor(self, index: int) -> bool:
        """Whether it holds a value before any op runs."""
        tensor, shape, where = self.tensors[index], self.shapes[index], self._where(index)
        if tensor.type not in TYPE_NAMES:
            raise ModelFileError(f"{where} has the unknown type {tensor.type}")
        if len(shape) > MOST_DIMENSIONS or min(shape, default=0) < 0:
            raise ModelFileError(f"{where} has the impossible shape {shape}")
        dtype = dtype_of_code(tensor.type)
        size = math.prod(shape) * (1 if dtype is None else dtype.itemsize)
        if size > MOST_BYTES:
            raise ModelFileError(f"{where} of shape {shape} is larger than {MOST_BYTES} bytes")
        self._check_quantization(tensor, shape, where)
        data = self.file.buffer(tensor.buffer, where)
        if data is None:
            return bool(tensor.isVariable)
        if dtype is not None and tensor.sparsity is None and data.size != size:
            raise ModelFileError(
                f"{where} of shape {shape} needs {size} bytes of constant data, but the file holds "
                f"{data.size}"
            )
        return True

    def _check_quantization(self, tensor: Any, shape: tuple[int, ...], where: str) -> None:
        stored = tensor.quantization
        scales = np.asarray(() if stored is None or stored.scale is None else stored.scale)
        if not scales.size:
            return
        if TYPE_NAMES[tensor.type] in _SCALED:
            bad = scales[~(np.isfinite(scales) & (scales >= _LEAST_SCALE))]
            if bad.size:
                raise ModelFileError(
                    f"{where} has the scale {bad[0]}, but it must be a positive number of at least "
                    f"{_LEAST_SCALE:.3g}"
                )
        zeros = numbers(stored.zeroPoint)
        if len(zeros) not in (0, 1, scales.size):
            raise ModelFileError(f"{where} has {scales.size} scales but {len(zeros)} zero points")
        if TYPE_NAMES[tensor.type] in _SCALED and zeros:
            limits = np.iinfo(dtype_of_code(tensor.type) or np.int8)
            if min(zeros) < limits.min or max(zeros) > limits.max:
                raise ModelFileError(
                    f"{where} has a zero point outside [{limits.min}, {limits.max}]"
                )
        axis = stored.quantizedDimension
        if scales.size > 1 and not (0 <= axis < len(shape) and shape[axis] == scales.size):
            raise ModelFileError(
                f"{where} has {scales.size} scales for axis {axis} of the shape {shape}"
            )


def _scale_of(tensor: Any) -> float:
    """Scale of a tensor of 8 bits, 0 for others."""
    stored = tensor.quantization
    if TYPE_NAMES[tensor.type] not in ("INT8", "UINT8") or stored is None or stored.scale is None:
        return 0.0
    return float(np.max(stored.scale, initial=0))


def _check_calls(calls: list[set[int]]) -> None:
    done: set[int] = set()

    def visit(graph: int, path: tuple[int, ...]) -> None:
        if graph in path:
            raise ModelFileError(f"subgraph {graph} calls itself, by way of {list(path)}")
        if graph not in done and len(path) < len(calls):
            for other in calls[graph]:
                visit(other, (*path, graph))
            done.add(graph)

    for graph in range(len(calls)):
        visit(graph, ())
