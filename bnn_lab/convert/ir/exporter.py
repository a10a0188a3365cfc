"""IR to `.tflite` bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr, TensorType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import Attribute, SSAValue

from bnn_lab.convert.ir.attributes import QuantParams, code_of_element, quant_of
from bnn_lab.convert.ir.lce_format import encode_options
from bnn_lab.convert.ir.lq_dialect import LqOp
from bnn_lab.convert.ir.model_info import ModelInfoAttr
from bnn_lab.convert.ir.tfl_dialect import (
    FUNC_INPUT_NAMES,
    FUNC_NAME,
    MODULE_INFO,
    Const,
    CustomOp,
    LabOp,
    NoValue,
    TflOp,
    Variable,
)
from bnn_lab.errors import ConversionError, InputError
from bnn_lab.tflite.reader import ModelInfo
from bnn_lab.tflite.writer import ModelWriter


def export_model(module: ModuleOp) -> bytes:
    """Write a module as a `.tflite` model.

    Args:
        module: as `import_model` makes it, possibly rewritten.

    Returns:
        The file's contents. Equal constants share one buffer; buffers are 16-byte aligned.

    Raises:
        ConversionError: the module holds an op that a `.tflite` file cannot.
        ModelFileError: the result would exceed the 2 GB that a flatbuffer can address.
    """
    stored = module.attributes.get(MODULE_INFO)
    info = stored.data if isinstance(stored, ModelInfoAttr) else ModelInfo()
    file = ModelWriter()
    functions = [op for op in module.ops if isinstance(op, FuncOp)]
    graphs = [_FunctionExporter(file, function).subgraph() for function in functions]
    return file.finish(graphs, info)


class _FunctionExporter:
    def __init__(self, file: ModelWriter, function: FuncOp) -> None:
        self.file = file
        self.function = function
        self.tensors: list[Any] = []
        self.index_of: dict[SSAValue, int] = {}

    def subgraph(self) -> Any:
        block = self.function.body.block
        names = self.function.attributes.get(FUNC_INPUT_NAMES)
        shown = [name.data for name in names.data] if isinstance(names, ArrayAttr) else []
        for position, argument in enumerate(block.args):
            fallback = argument.name_hint or f"input_{position}"
            name = shown[position] if position < len(shown) else fallback
            self._tensor(argument, name)
        operators = []
        outputs: list[int] = []
        for op in block.ops:
            if isinstance(op, ReturnOp):
                outputs = [self.index_of[value] for value in op.operands]
            elif isinstance(op, Const):
                tensor = self._tensor(op.result, op.tensor_name())
                tensor.buffer = self._buffer(op)
                tensor.sparsity = None if op.sparsity is None else op.sparsity.data.to_object()
            elif isinstance(op, Variable):
                self._tensor(op.result, op.tensor_name()).isVariable = op.is_unset is None
            elif isinstance(op, NoValue):
                self.index_of[op.result] = -1
            elif isinstance(op, LabOp):
                operators.append(self._operator(op))
            else:
                raise ConversionError(f"{op.name} has no counterpart in a .tflite file")
        stored_name = self.function.attributes.get(FUNC_NAME)
        name = stored_name.data if isinstance(stored_name, StringAttr) else "main"
        return schema.SubGraphT(
            tensors=self.tensors,
            inputs=[self.index_of[argument] for argument in block.args],
            outputs=outputs,
            operators=operators,
            name=name,
        )

    def _buffer(self, op: Const) -> int:
        array = op.value.data
        if not array.values.size:
            return 0
        # Digest before bytes: an equal constant is not copied again.
        key = (array.digest, array.values.nbytes)
        known = self.file.known_buffer(key)
        return self.file.buffer(array.values.tobytes(), key) if known is None else known

    def _tensor(self, value: SSAValue, name: str) -> Any:
        self.index_of[value] = len(self.tensors)
        return self._tensor_of(value.type, name)

    def _tensor_of(self, type_: Attribute, name: str) -> Any:
        tensor = schema.TensorT(name=name)
        if isinstance(type_, TensorType):
            dims = type_.get_shape()
            tensor.shape = [1 if dim < 0 else dim for dim in dims]
            if min(dims, default=0) < 0:
                tensor.shapeSignature = [-1 if dim < 0 else dim for dim in dims]
            tensor.hasRank = True
        else:
            tensor.shape = []
        tensor.type = code_of_element(type_.element_type)  # type: ignore[attr-defined]
        tensor.quantization = _quantization(quant_of(type_))
        self.tensors.append(tensor)
        return tensor

    def _operator(self, op: LabOp) -> Any:
        operator = schema.OperatorT()
        operator.inputs = [self.index_of[value] for value in op.operands]
        if isinstance(op, TflOp | CustomOp):
            version = 1 if op.version is None else op.version.data
            self._restore_extra(operator, op)
        if isinstance(op, TflOp):
            operator.opcodeIndex = self.file.code(op.MNEMONIC.upper(), version=version)
            if op.options is not None:
                table = op.options.data
                operator.builtinOptionsType = getattr(schema.BuiltinOptions, table.table)
                operator.builtinOptions = table.to_object()
        elif isinstance(op, CustomOp):
            operator.opcodeIndex = self.file.code(op.code.data, custom=True, version=version)
            stored = op.custom_options
            operator.customOptions = None if stored is None else _bytes_vector(stored.data)
        elif isinstance(op, LqOp):
            operator.opcodeIndex = self.file.code(op.CODE, custom=True)
            operator.customOptions = _bytes_vector(encode_options(op))
        operator.outputs = []
        for position, result in enumerate(op.results):
            operator.outputs.append(len(self.tensors))
            self._tensor(result, op.tensor_name(position))
        return operator

    def _restore_extra(self, operator: Any, op: TflOp | CustomOp) -> None:
        if op.intermediates is not None:
            operator.intermediates = []
            for name, type_ in op.intermediates:
                operator.intermediates.append(len(self.tensors))
                self._tensor_of(type_, name.data)  # type: ignore[attr-defined]
        if op.mutating is not None:
            operator.mutatingVariableInputs = [bool(flag.data) for flag in op.mutating]
        if op.options2 is not None:
            table = op.options2.data
            operator.builtinOptions2Type = getattr(schema.BuiltinOptions2, table.table)
            operator.builtinOptions2 = table.to_object()


def _bytes_vector(data: bytes) -> Any:
    return np.frombuffer(data, np.uint8)


def _quantization(quant: QuantParams | None) -> Any:
    if quant is None:
        return None
    if quant.elided:
        raise InputError(
            f"the text that this graph was read from leaves out {quant.elided} scales. Fix: use "
            "the exact text"
        )
    stored = schema.QuantizationParametersT(
        min=list(quant.low) or None,
        max=list(quant.high) or None,
        scale=list(quant.scale) or None,
        zeroPoint=list(quant.zero_point) or None,
        quantizedDimension=quant.axis,
    )
    if quant.details is not None:
        stored.detailsType = getattr(schema.QuantizationDetails, quant.details.table)
        stored.details = quant.details.to_object()
    return stored
