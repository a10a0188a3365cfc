"""`.tflite` bytes to IR."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
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

from bnn_lab.convert.ir.attributes import QuantParams, dtype_of_code, element_of_code, tensor_type
from bnn_lab.convert.ir.lce_format import LQ_CODES, read_lq_op
from bnn_lab.convert.ir.model_info import ModelInfo, ModelInfoAttr, Signature
from bnn_lab.convert.ir.op_rules import check_builtin
from bnn_lab.convert.ir.options import Options, OptionsAttr
from bnn_lab.convert.ir.shape_rules import check_shapes
from bnn_lab.convert.ir.tfl_dialect import (
    BUILTIN_NAMES,
    FUNC_INPUT_NAMES,
    FUNC_NAME,
    MODULE_INFO,
    Const,
    CustomOp,
    NoValue,
    Variable,
    tensor_names,
    tfl_op_class,
)
from bnn_lab.errors import BnnLabError, ModelFileError
from bnn_lab.tflite.file_fields import as_list, as_text, as_tuple

IDENTIFIER = b"TFL3"


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
    data = bytes(data)
    if data[4:8] != IDENTIFIER:
        raise ModelFileError(
            f"not a .tflite model: bytes 4 to 8 are {data[4:8]!r} instead of {IDENTIFIER!r}"
        )
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
        return _Importer(data, model).module()
    except BnnLabError:
        raise
    except Exception as error:
        # The flatbuffers library checks no offset: a corrupt file surfaces as any exception.
        detail = f"{type(error).__name__}: {error}"
        raise ModelFileError(f"the .tflite model is truncated or corrupt ({detail})") from error


class _Importer:
    def __init__(self, data: bytes, model: Any) -> None:
        self.data = data
        self.model = model
        self.codes = as_list(model.operatorCodes)
        self.buffers = as_list(model.buffers)
        if model.externalBuffers is not None and len(model.externalBuffers):
            raise ModelFileError(
                "the model keeps its weights in external files, which is not supported. "
                "Fix: export it as a single .tflite file."
            )

    def module(self) -> ModuleOp:
        subgraphs = as_list(self.model.subgraphs)
        if not subgraphs:
            raise ModelFileError("the .tflite model has no subgraph, so nothing to run")
        taken: set[str] = set()
        functions: list[Operation] = []
        for index, subgraph in enumerate(subgraphs):
            name = re.sub(r"\W", "_", as_text(subgraph.name), flags=re.ASCII) or "subgraph"
            if name in taken or name[0].isdigit():
                name = f"subgraph_{index}_{name}"
            taken.add(name)
            functions.append(_FunctionImporter(self, subgraph, name).function())
        module = ModuleOp(functions)
        module.attributes[MODULE_INFO] = ModelInfoAttr(self._info(subgraphs))
        return module

    def buffer(self, index: int, where: str) -> Any:
        """Bytes of a buffer as uint8, None if it is empty."""
        if not 0 <= index < len(self.buffers):
            raise ModelFileError(
                f"{where} uses buffer {index}, but the file has {len(self.buffers)} buffers"
            )
        buffer = self.buffers[index]
        if buffer.offset > 1:  # files past 2 GB keep data behind the flatbuffer
            return self._tail(buffer.offset, buffer.size, where)
        if buffer.data is None or not len(buffer.data):
            return None
        return np.asarray(buffer.data, np.uint8)

    def _tail(self, offset: int, size: int, where: str) -> Any:
        if offset + size > len(self.data):
            raise ModelFileError(f"{where}: its data lies past the end of the file")
        return np.frombuffer(self.data, np.uint8, size, offset)

    def custom_options(self, op: Any, where: str) -> bytes | None:
        if op.largeCustomOptionsOffset > 1:
            return self._tail(
                op.largeCustomOptionsOffset, op.largeCustomOptionsSize, where
            ).tobytes()
        if op.customOptions is None:
            return None
        return np.asarray(op.customOptions, np.uint8).tobytes()

    def _info(self, subgraphs: list[Any]) -> ModelInfo:
        def blob(index: int, where: str) -> bytes | None:
            found = self.buffer(index, where)
            return None if found is None else found.tobytes()

        return ModelInfo(
            version=self.model.version,
            description=None if self.model.description is None else as_text(self.model.description),
            metadata=tuple(
                (as_text(entry.name), blob(entry.buffer, f"metadata {as_text(entry.name)!r}"))
                for entry in as_list(self.model.metadata)
            ),
            metadata_buffers=tuple(
                blob(int(index), "metadata") for index in as_list(self.model.metadataBuffer)
            ),
            signatures=tuple(
                self._signature(entry, subgraphs) for entry in as_list(self.model.signatureDefs)
            ),
        )

    def _signature(self, entry: Any, subgraphs: list[Any]) -> Signature:
        key = as_text(entry.signatureKey)
        if not 0 <= entry.subgraphIndex < len(subgraphs):
            raise ModelFileError(f"signature {key!r} names subgraph {entry.subgraphIndex}")
        subgraph = subgraphs[entry.subgraphIndex]

        def positions(entries: Any, tensors: Any, what: str) -> tuple[tuple[str, int], ...]:
            found = []
            known = as_tuple(tensors)
            for item in as_list(entries):
                if item.tensorIndex not in known:
                    raise ModelFileError(
                        f"signature {key!r}: {what} {as_text(item.name)!r} is tensor "
                        f"{item.tensorIndex}, which is no {what} of its subgraph"
                    )
                found.append((as_text(item.name), known.index(item.tensorIndex)))
            return tuple(found)

        return Signature(
            key=key,
            subgraph=entry.subgraphIndex,
            inputs=positions(entry.inputs, subgraph.inputs, "input"),
            outputs=positions(entry.outputs, subgraph.outputs, "output"),
        )


class _FunctionImporter:
    def __init__(self, parent: _Importer, subgraph: Any, name: str) -> None:
        self.parent = parent
        self.subgraph = subgraph
        self.name = name
        self.tensors = as_list(subgraph.tensors)
        self.values: dict[int, SSAValue] = {}
        self.types: dict[int, Any] = {}
        self.block = Block()
        self.hints: set[str] = set()

    def function(self) -> FuncOp:
        inputs = as_tuple(self.subgraph.inputs)
        for index in inputs:
            self._check(index, "an input")
            if index in self.values:
                raise ModelFileError(f"{self._where(index)} is an input of {self.name} twice")
            argument = self.block.insert_arg(self.type_of(index), len(self.block.args))
            self.values[index] = self._named(argument, index)
        for position, op in enumerate(as_list(self.subgraph.operators)):
            self._add(op, position)
        results = [self.read(index, "an output") for index in as_tuple(self.subgraph.outputs)]
        self.block.add_op(ReturnOp(*results))
        function = FuncOp(
            self.name,
            ([argument.type for argument in self.block.args], [value.type for value in results]),
            Region(self.block),
        )
        names = [StringAttr(self._tensor_name(index)) for index in inputs]
        function.attributes[FUNC_INPUT_NAMES] = ArrayAttr(names)
        function.attributes[FUNC_NAME] = StringAttr(as_text(self.subgraph.name))
        return function

    # --- tensors ------------------------------------------------------------------------

    def _check(self, index: int, role: str) -> None:
        if not 0 <= index < len(self.tensors):
            raise ModelFileError(
                f"{role} of {self.name} is tensor {index}, but there are {len(self.tensors)}"
            )

    def _tensor_name(self, index: int) -> str:
        return as_text(self.tensors[index].name)

    def _where(self, index: int) -> str:
        return f"tensor {index} '{self._tensor_name(index)}'"

    def type_of(self, index: int) -> Any:
        if index in self.types:
            return self.types[index]
        tensor = self.tensors[index]
        element = element_of_code(tensor.type)
        if element is None:
            raise ModelFileError(f"{self._where(index)} has the unknown type {tensor.type}")
        shape = as_tuple(tensor.shape)
        signature = as_tuple(tensor.shapeSignature)
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
            scale=as_tuple(stored.scale),
            zero_point=as_tuple(stored.zeroPoint),
            axis=stored.quantizedDimension,
            low=as_tuple(stored.min),
            high=as_tuple(stored.max),
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
        raw = self.parent.buffer(tensor.buffer, self._where(index))
        type_ = self.type_of(index)
        names = tensor_names(self._tensor_name(index))
        op: Const | Variable
        if raw is None and (0 not in as_tuple(tensor.shape) or tensor.isVariable):
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
        shape = as_tuple(tensor.shape)
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
        # A short, readable SSA name: the last part of the tensor's name.
        last = self._tensor_name(index).split(";")[-1].rstrip("/").split("/")[-2:]
        hint = re.sub(r"\W", "_", "_".join(last), flags=re.ASCII)
        value.name_hint = f"t_{hint}" if not hint or hint[0].isdigit() else hint
        return value

    # --- operators ----------------------------------------------------------------------

    def _add(self, op: Any, position: int) -> None:
        where = f"operator {position} of {self.name}"
        if not 0 <= op.opcodeIndex < len(self.parent.codes):
            raise ModelFileError(f"{where} has the operator code {op.opcodeIndex} out of range")
        code = self.parent.codes[op.opcodeIndex]
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        name = as_text(code.customCode) if number == schema.BuiltinOperator.CUSTOM else ""
        if not name and number not in BUILTIN_NAMES:
            raise ModelFileError(f"{where} is of the unknown builtin type {number}")
        where = f"{where} ({name or BUILTIN_NAMES[number]})"

        operands = [
            self._absent() if index == -1 else self.read(index, f"an operand of {where}")
            for index in as_tuple(op.inputs)
        ]
        outputs = as_tuple(op.outputs)
        for index in outputs:
            self._check(index, f"a result of {where}")
            if index in self.values or outputs.count(index) > 1:
                raise ModelFileError(
                    f"{where} writes {self._where(index)}, which is an input, a constant, written "
                    "twice, or read before it is written"
                )
        types = [self.type_of(index) for index in outputs]
        names = tensor_names(*(self._tensor_name(index) for index in outputs))
        options = self.parent.custom_options(op, where)
        made: Operation
        if name in LQ_CODES:
            made = read_lq_op(name, operands, types, options or b"", names)
        else:
            common: dict[str, Any] = {
                "names": names,
                "version": IntAttr(code.version),
                **self._extra(op),
            }
            if name:
                common["code"] = StringAttr(name)
                if options is not None:
                    common["custom_options"] = BytesAttr(options)
                made = CustomOp.build(operands=[operands], result_types=[types], properties=common)
            else:
                table = None
                if op.builtinOptions is not None:
                    table = Options.from_object(op.builtinOptions)
                    common["options"] = OptionsAttr(table)
                check_builtin(BUILTIN_NAMES[number], len(operands), len(types), table, where)
                made = tfl_op_class(BUILTIN_NAMES[number]).build(
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
        if intermediates := as_tuple(op.intermediates):
            for index in intermediates:
                self._check(index, "an intermediate")
            extra["intermediates"] = ArrayAttr(
                ArrayAttr([StringAttr(self._tensor_name(index)), self.type_of(index)])
                for index in intermediates
            )
        if mutating := as_tuple(op.mutatingVariableInputs):
            extra["mutating"] = ArrayAttr(IntAttr(int(flag)) for flag in mutating)
        if op.builtinOptions2 is not None:
            extra["options2"] = OptionsAttr(Options.from_object(op.builtinOptions2))
        return extra
