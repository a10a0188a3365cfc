"""`.tflite` bytes to IR."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from xdsl.dialects.builtin import (
    ArrayAttr,
    BytesAttr,
    IntAttr,
    ModuleOp,
    StringAttr,
    UnitAttr,
    UnrankedTensorType,
)
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from bnn_lab.convert.ir.attributes import QuantParams, element_of_code, tensor_type
from bnn_lab.convert.ir.lce_format import LQ_CODES, read_lq_op
from bnn_lab.convert.ir.model_info import ModelInfoAttr
from bnn_lab.convert.ir.op_rules import check_builtin
from bnn_lab.convert.ir.options import Options, OptionsAttr
from bnn_lab.convert.ir.shape_rules import check_shapes
from bnn_lab.convert.ir.tfl_dialect import (
    FUNC_INPUT_NAMES,
    FUNC_NAME,
    MNEMONICS,
    MODULE_INFO,
    Const,
    CustomOp,
    NoValue,
    Variable,
    tensor_names,
    tfl_op_class,
)
from bnn_lab.errors import BnnLabError, ModelFileError
from bnn_lab.tflite.reader import ModelFile, corrupt, numbers, tables, text
from bnn_lab.tflite.types import dtype_of_code


def import_model(data: bytes) -> ModuleOp:
    """Read a `.tflite` model.

    Args:
        data: contents of the file.

    Returns:
        A module with one `func.func` per subgraph, in the file's order. LCE's custom ops become
        `lq` ops. Constants are views of `data`.

    Raises:
        ModelFileError: `data` is not a `.tflite` model, is truncated or corrupt.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ModelFileError(
            f"expected the bytes of a .tflite model, got {type(data).__name__}. "
            "Fix: pass pathlib.Path(path).read_bytes()"
        )
    file = ModelFile(bytes(data))
    try:
        return _module(file)
    except BnnLabError:
        raise
    except Exception as error:
        raise corrupt(error) from error


def _module(file: ModelFile) -> ModuleOp:
    taken: set[str] = set()
    functions: list[Operation] = []
    for index, subgraph in enumerate(file.subgraphs):
        name = re.sub(r"\W", "_", text(subgraph.name), flags=re.ASCII) or "subgraph"
        if name in taken or name[0].isdigit():
            name = f"subgraph_{index}_{name}"
        taken.add(name)
        functions.append(_FunctionImporter(file, subgraph, name).function())
    module = ModuleOp(functions)
    module.attributes[MODULE_INFO] = ModelInfoAttr(file.info())
    return module


def readable_name(tensor: str) -> str:
    """A short name of a value: the last part of its tensor's name."""
    last = tensor.split(";")[-1].rstrip("/").split("/")[-2:]
    name = re.sub(r"\W", "_", "_".join(last), flags=re.ASCII)
    return f"t_{name}" if not name or name[0].isdigit() else name


class _FunctionImporter:
    def __init__(self, file: ModelFile, subgraph: Any, name: str) -> None:
        self.file = file
        self.subgraph = subgraph
        self.name = name
        self.tensors = tables(subgraph.tensors)
        self.values: dict[int, SSAValue] = {}
        self.types: dict[int, Any] = {}
        self.block = Block()
        self.hints: set[str] = set()

    def function(self) -> FuncOp:
        inputs = numbers(self.subgraph.inputs)
        for index in inputs:
            self._check(index, "an input")
            if index in self.values:
                raise ModelFileError(f"{self._where(index)} is an input of {self.name} twice")
            argument = self.block.insert_arg(self.type_of(index), len(self.block.args))
            self.values[index] = self._named(argument, index)
        for position, op in enumerate(tables(self.subgraph.operators)):
            self._add(op, position)
        results = [self.read(index, "an output") for index in numbers(self.subgraph.outputs)]
        self.block.add_op(ReturnOp(*results))
        function = FuncOp(
            self.name,
            ([argument.type for argument in self.block.args], [value.type for value in results]),
            Region(self.block),
        )
        names = [StringAttr(self._tensor_name(index)) for index in inputs]
        function.attributes[FUNC_INPUT_NAMES] = ArrayAttr(names)
        function.attributes[FUNC_NAME] = StringAttr(text(self.subgraph.name))
        return function

    # --- tensors ------------------------------------------------------------------------

    def _check(self, index: int, role: str) -> None:
        if not 0 <= index < len(self.tensors):
            raise ModelFileError(
                f"{role} of {self.name} is tensor {index}, but there are {len(self.tensors)}"
            )

    def _tensor_name(self, index: int) -> str:
        return text(self.tensors[index].name)

    def _where(self, index: int) -> str:
        return f"tensor {index} '{self._tensor_name(index)}'"

    def type_of(self, index: int) -> Any:
        if index in self.types:
            return self.types[index]
        tensor = self.tensors[index]
        element = element_of_code(tensor.type)
        if element is None:
            raise ModelFileError(f"{self._where(index)} has the unknown type {tensor.type}")
        shape = numbers(tensor.shape)
        signature = numbers(tensor.shapeSignature)
        if signature and len(signature) != len(shape):
            raise ModelFileError(
                f"{self._where(index)}: shape {shape} and its signature {signature} disagree"
            )
        shape = signature or shape
        if any(size < -1 for size in shape):
            raise ModelFileError(f"{self._where(index)} has the impossible shape {shape}")
        quant = self._quant(tensor.quantization, index)
        if not shape and not tensor.hasRank and quant is None:
            made: Any = UnrankedTensorType(element)
        else:
            made = tensor_type(element, shape, quant)
        self.types[index] = made
        return made

    def _quant(self, stored: Any, index: int) -> QuantParams | None:
        if stored is None:
            return None
        quant = QuantParams(
            scale=numbers(stored.scale),
            zero_point=numbers(stored.zeroPoint),
            axis=stored.quantizedDimension,
            low=numbers(stored.min),
            high=numbers(stored.max),
            details=None if stored.details is None else Options.from_object(stored.details),
        )
        if quant.zero_point and len(quant.zero_point) != len(quant.scale):
            raise ModelFileError(
                f"{self._where(index)} has {len(quant.scale)} scales but "
                f"{len(quant.zero_point)} zero points"
            )
        return None if quant == QuantParams() else quant

    def read(self, index: int, role: str) -> SSAValue:
        """Value of a tensor that an op reads."""
        self._check(index, role)
        if index not in self.values:
            self.values[index] = self._constant(index)
        return self.values[index]

    def _constant(self, index: int) -> SSAValue:
        tensor = self.tensors[index]
        raw = self.file.buffer(tensor.buffer, self._where(index))
        type_ = self.type_of(index)
        names = tensor_names(self._tensor_name(index))
        op: Const | Variable
        if raw is None and (0 not in numbers(tensor.shape) or tensor.isVariable):
            unset = None if tensor.isVariable else UnitAttr()
            op = Variable.build(
                result_types=[type_], properties={"names": names, "is_unset": unset}
            )
        else:
            values = self._data(index, raw)
            op = Const.of(values, self._tensor_name(index), type_)
            if tensor.sparsity is not None:
                op.sparsity = OptionsAttr(Options.from_object(tensor.sparsity))
        self.block.add_op(op)
        return self._named(op.result, index)

    def _data(self, index: int, raw: Any) -> Any:
        tensor = self.tensors[index]
        shape = numbers(tensor.shape)
        dtype = dtype_of_code(tensor.type)
        if raw is None:
            raw = np.zeros(0, np.uint8)
        if dtype is None or tensor.sparsity is not None:
            return raw
        needed = int(np.prod(shape, dtype=np.float64)) * dtype.itemsize
        if min(shape, default=0) < 0 or needed != raw.size:
            raise ModelFileError(
                f"{self._where(index)} of shape {shape} needs {needed} bytes of constant data, "
                f"but the file holds {raw.size}"
            )
        return raw.view(dtype).reshape(shape)

    def _named(self, value: Any, index: int) -> Any:
        value.name_hint = readable_name(self._tensor_name(index))
        return value

    # --- operators ----------------------------------------------------------------------

    def _add(self, op: Any, position: int) -> None:
        where = f"operator {position} of {self.name}"
        code = self.file.code(op, where)
        mnemonic = code.name.lower()
        if not code.custom and mnemonic not in MNEMONICS:
            raise ModelFileError(f"{where} is of the unknown {code.name}")
        where = f"{where} ({code.name if code.custom else mnemonic})"

        operands = [
            self._absent() if index == -1 else self.read(index, f"an operand of {where}")
            for index in numbers(op.inputs)
        ]
        outputs = numbers(op.outputs)
        for index in outputs:
            self._check(index, f"a result of {where}")
            if index in self.values or outputs.count(index) > 1:
                raise ModelFileError(
                    f"{where} writes {self._where(index)}, which is an input, a constant, written "
                    "twice, or read before it is written"
                )
        types = [self.type_of(index) for index in outputs]
        names = tensor_names(*(self._tensor_name(index) for index in outputs))
        options = self.file.custom_options(op, where)
        made: Operation
        if code.custom and code.name in LQ_CODES:
            made = read_lq_op(code.name, operands, types, options or b"", names)
        else:
            common: dict[str, Any] = {
                "names": names,
                "version": IntAttr(code.version),
                **self._extra(op),
            }
            if code.custom:
                common["code"] = StringAttr(code.name)
                if options is not None:
                    common["custom_options"] = BytesAttr(options)
                made = CustomOp.build(operands=[operands], result_types=[types], properties=common)
            else:
                table = None
                if op.builtinOptions is not None:
                    table = Options.from_object(op.builtinOptions)
                    common["options"] = OptionsAttr(table)
                check_builtin(mnemonic, len(operands), len(types), table, where)
                made = tfl_op_class(mnemonic).build(
                    operands=[operands], result_types=[types], properties=common
                )
        check_shapes(made, where)
        self.block.add_op(made)
        for index, result in zip(outputs, made.results, strict=True):
            self.values[index] = self._named(result, index)

    def _absent(self) -> SSAValue:
        op = NoValue.make()
        op.result.name_hint = "absent"
        self.block.add_op(op)
        return op.result

    def _extra(self, op: Any) -> dict[str, Attribute]:
        """Fields that no pass looks at."""
        extra: dict[str, Attribute] = {}
        if intermediates := numbers(op.intermediates):
            for index in intermediates:
                self._check(index, "an intermediate")
            extra["intermediates"] = ArrayAttr(
                ArrayAttr([StringAttr(self._tensor_name(index)), self.type_of(index)])
                for index in intermediates
            )
        if mutating := numbers(op.mutatingVariableInputs):
            extra["mutating"] = ArrayAttr(IntAttr(int(flag)) for flag in mutating)
        if op.builtinOptions2 is not None:
            extra["options2"] = OptionsAttr(Options.from_object(op.builtinOptions2))
        return extra
