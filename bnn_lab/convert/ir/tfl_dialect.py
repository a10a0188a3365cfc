"""The `tfl` dialect: TFLite's builtin ops, one op class each, made on demand."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar

from ai_edge_litert import schema_py_generated as schema
from xdsl.dialects.builtin import ArrayAttr, IntAttr, NoneType, StringAttr
from xdsl.ir import Attribute, Operation, OpResult, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
    var_result_def,
)
from xdsl.printer import Printer
from xdsl.traits import Pure

from bnn_lab.convert.ir.attributes import Blob, Opaque, OptionsAttr, Tensor, type_of_array

FUNC_INPUT_NAMES = "tfl.input_names"  # on func.func: ArrayAttr of the input tensors' names
FUNC_NAME = "tfl.name"  # on func.func: the subgraph's name in the file
MODULE_INFO = "tfl.model"  # on builtin.module: ModelInfo
CALIBRATED = "tfl.calibrated"  # on builtin.module, a unit: int8 ranges were found after training

BUILTIN_CODES: dict[str, int] = {
    name.lower(): code
    for name, code in vars(schema.BuiltinOperator).items()
    if not name.startswith("_") and name != "CUSTOM"
}
BUILTIN_NAMES = {code: name for name, code in BUILTIN_CODES.items()}

# Ops that read or write state, or call a function that may: never removed as dead.
_IMPURE = {
    "assign_variable",
    "call",
    "call_once",
    "hashtable",
    "hashtable_import",
    "if",
    "multinomial",
    "random_standard_normal",
    "random_uniform",
    "stablehlo_custom_call",
    "stablehlo_rng_bit_generator",
    "stablehlo_while",
    "stablehlo_case",
    "stablehlo_composite",
    "var_handle",
    "while",
    "delegate",
    "placeholder_for_greater_op_codes",
}


class LabOp(IRDLOperation):
    """Base of all ops: results carry the tensor names of the file, and printing is short."""

    names = opt_prop_def(ArrayAttr[StringAttr])

    def tensor_name(self, index: int = 0) -> str:
        """Name in the file of a result."""
        if self.names is None or index >= len(self.names.data):
            return ""
        return self.names.data[index].data

    def _shown(self) -> str:
        return ""

    def print(self, printer: Printer) -> None:
        """Print ``(operands) {options} : result types``."""
        printer.print_string("(")
        printer.print_list(self.operands, printer.print_ssa_value)
        printer.print_string(")")
        if shown := self._shown():
            printer.print_string(f" {{{shown}}}")
        if self.results:
            printer.print_string(" : ")
            printer.print_list(self.result_types, printer.print_attribute)

    @classmethod
    def parse(cls, parser: Any) -> Any:
        """Not supported: the text leaves out the constants' data."""
        parser.raise_error("the converter's IR text is a summary, which cannot be read back")


# --- tfl ------------------------------------------------------------------------------------


class TflOp(LabOp):
    """Base of the builtin TFLite ops; subclasses come from `tfl_op_class`."""

    inputs = var_operand_def()
    outputs = var_result_def()
    options = opt_prop_def(OptionsAttr)
    version = opt_prop_def(IntAttr)
    extra = opt_prop_def(Opaque)  # operator fields that no pass looks at

    MNEMONIC: ClassVar[str] = ""

    def _shown(self) -> str:
        return "" if self.options is None else str(self.options.data)

    def option(self, name: str) -> Any:
        """Value of a field of the builtin options."""
        assert self.options is not None
        return self.options.data.get(name)

    def choice(self, name: str) -> str:
        """Lower-case name of an enum field of the builtin options."""
        assert self.options is not None
        return self.options.data.choice(name)

    @property
    def activation(self) -> str:
        """Fused activation, "none" if the op has none."""
        if self.options is None:
            return "none"
        known = dict(self.options.data.fields)
        return (
            self.choice("fusedActivationFunction") if "fusedActivationFunction" in known else "none"
        )


@cache
def tfl_op_class(mnemonic: str) -> type[TflOp]:
    """Op class of a builtin operator, made on first use.

    Args:
        mnemonic: lower-case name in TFLite's schema, such as "conv_2d".

    Returns:
        The class; its IR name is ``tfl.<mnemonic>``. Stateless ops are `Pure`.
    """
    if mnemonic not in BUILTIN_CODES:
        raise KeyError(f"TFLite has no builtin op {mnemonic!r}")
    body: dict[str, Any] = {
        "name": f"tfl.{mnemonic}",
        "MNEMONIC": mnemonic,
        "__doc__": f"TFLite's {mnemonic.upper()}.",
        "__module__": __name__,
        "__annotations__": {"MNEMONIC": ClassVar[str]},
    }
    if mnemonic not in _IMPURE:
        body["traits"] = traits_def(Pure())
    return irdl_op_definition(type(f"Tfl_{mnemonic}", (TflOp,), body))


def is_tfl(op: Operation | Any, *mnemonics: str) -> bool:
    """Whether `op` is one of these builtin ops."""
    return isinstance(op, TflOp) and op.MNEMONIC in mnemonics


def make_tfl(
    mnemonic: str,
    inputs: Sequence[SSAValue],
    result_types: Sequence[Attribute],
    options: OptionsAttr | None = None,
    names: ArrayAttr[StringAttr] | None = None,
) -> TflOp:
    """New builtin op, version 1."""
    return tfl_op_class(mnemonic).build(
        operands=[list(inputs)],
        result_types=[list(result_types)],
        properties={"options": options, "names": names},
    )


@irdl_op_definition
class CustomOp(LabOp):
    """A custom op that is not LCE's; its options are kept byte for byte."""

    name = "tfl.custom"
    inputs = var_operand_def()
    outputs = var_result_def()
    code = prop_def(StringAttr)
    custom_options = prop_def(Opaque)
    version = opt_prop_def(IntAttr)
    extra = opt_prop_def(Opaque)

    def _shown(self) -> str:
        return f"code = {self.code.data}, options = {len(self.custom_options.data or b'')} bytes"


@irdl_op_definition
class Const(LabOp):
    """A constant tensor."""

    name = "tfl.const"
    value = prop_def(Blob)
    extra = opt_prop_def(Opaque)  # sparsity
    result = result_def()
    traits = traits_def(Pure())

    def _shown(self) -> str:
        return str(self.value.data)

    @staticmethod
    def of(value: Any, name: str, type_: Tensor | None = None) -> Const:
        """Constant from a NumPy array."""
        return Const.build(
            result_types=[type_ if type_ is not None else type_of_array(value)],
            properties={"value": Blob.of(value), "names": tensor_names(name)},
        )


@irdl_op_definition
class Variable(LabOp):
    """A tensor that no op writes and that has no data: a variable, or one left unset."""

    name = "tfl.variable"
    extra = prop_def(Opaque)  # is_variable
    result = result_def()
    traits = traits_def(Pure())


@irdl_op_definition
class NoValue(LabOp):
    """Stands for an optional operand that is absent (-1 in the file)."""

    name = "tfl.no_value"
    result = result_def(NoneType)
    traits = traits_def(Pure())

    @staticmethod
    def make() -> NoValue:
        """New absent operand."""
        return NoValue.build(result_types=[NoneType()])


# --- helpers --------------------------------------------------------------------------------


def tensor_names(*names: str) -> ArrayAttr[StringAttr]:
    """Tensor names as an attribute."""
    return ArrayAttr([StringAttr(name) for name in names])


def constant(value: SSAValue) -> Any:
    """NumPy data of a constant value, None if it is not constant."""
    if isinstance(value, OpResult) and isinstance(value.op, Const):
        return value.op.value.values
    return None


def producer(value: SSAValue) -> Operation | None:
    """The op that computes `value`, None for a function's input."""
    return value.op if isinstance(value, OpResult) else None


def is_absent(value: SSAValue) -> bool:
    """Whether an optional operand is absent."""
    return isinstance(producer(value), NoValue)


def name_of(value: SSAValue) -> str:
    """Tensor name in the file of a value."""
    if isinstance(value, OpResult):
        return value.op.tensor_name(value.index) if isinstance(value.op, LabOp) else ""
    owner = value.owner.parent_op() if hasattr(value.owner, "parent_op") else None
    names = owner.attributes.get(FUNC_INPUT_NAMES) if owner is not None else None
    if isinstance(names, ArrayAttr):
        index = list(owner.regions[0].block.args).index(value)  # type: ignore[union-attr]
        return names.data[index].data
    return ""
