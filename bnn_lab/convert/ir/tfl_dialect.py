"""The `tfl` dialect: TFLite's builtin ops, one op class each, made on demand."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, ClassVar, Self

from ai_edge_litert import schema_py_generated as schema
from xdsl.dialects.builtin import ArrayAttr, BytesAttr, IntAttr, NoneType, StringAttr, UnitAttr
from xdsl.ir import Attribute, Block, Operation, OpResult, SSAValue
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
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure

from bnn_lab.convert.ir.attributes import Blob, Tensor, read_array, type_of_array
from bnn_lab.convert.ir.literals import read, show
from bnn_lab.convert.ir.options import Options, OptionsAttr, read_fields
from bnn_lab.tflite.reader import BUILTIN_NAMES

FUNC_INPUT_NAMES = "tfl.input_names"  # on func.func: ArrayAttr of the input tensors' names
FUNC_NAME = "tfl.name"  # on func.func: the subgraph's name in the file
MODULE_INFO = "tfl.model"  # on builtin.module: ModelInfoAttr
CALIBRATED = "tfl.calibrated"  # on builtin.module, a unit: int8 ranges were found after training

MNEMONICS = sorted({name.lower() for name in BUILTIN_NAMES.values()})  # of TFLite's builtin ops

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
        """What the short text says between operands and types; "" for nothing."""
        return ""

    @classmethod
    def _read(cls, parser: Parser) -> dict[str, Attribute]:
        """Properties from what `_shown` says, up to the colon in front of the types."""
        return {}

    def print(self, printer: Printer) -> None:
        """Print ``(operands) {options} : result types``; names and versions are left out."""
        printer.print_string("(")
        printer.print_list(self.operands, printer.print_ssa_value)
        printer.print_string(")")
        if shown := self._shown():
            printer.print_string(f" {shown}")
        if self.results:
            printer.print_string(" : ")
            printer.print_list(self.result_types, printer.print_attribute)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Read what `print` prints; result tensors have no names then."""
        operands = parser.parse_comma_separated_list(
            parser.Delimiter.PAREN, lambda: _read_operand(parser)
        )
        properties = cls._read(parser)
        types: list[Any] = []
        if parser.parse_optional_punctuation(":") is not None:
            types = parser.parse_comma_separated_list(parser.Delimiter.NONE, parser.parse_type)
        return cls.create(operands=operands, result_types=types, properties=properties)


def _read_operand(parser: Parser) -> SSAValue:
    """A value that was defined before."""
    found = parser.parse_unresolved_operand()
    values = parser.ssa_values.get(found.operand_name)
    if values is None or found.index >= len(values):
        parser.raise_error(f"%{found.operand_name} is not defined before", found.span)
    return values[found.index]


# --- tfl ------------------------------------------------------------------------------------


class TflOp(LabOp):
    """Base of the builtin TFLite ops; subclasses come from `tfl_op_class`."""

    inputs = var_operand_def()
    outputs = var_result_def()
    options = opt_prop_def(OptionsAttr)
    version = opt_prop_def(IntAttr)
    # Fields of an operator that no pass looks at.
    options2 = opt_prop_def(OptionsAttr)
    intermediates = opt_prop_def(ArrayAttr[ArrayAttr[Attribute]])  # pairs of name and type
    mutating = opt_prop_def(ArrayAttr[IntAttr])

    MNEMONIC: ClassVar[str] = ""

    def _shown(self) -> str:
        if self.options is None:
            return ""
        options = self.options.data
        shown = str(options)
        if options.table != table_of(self.MNEMONIC):
            return f"{options.table} {{{shown}}}"
        return f"{{{shown}}}" if shown else ""

    @classmethod
    def _read(cls, parser: Parser) -> dict[str, Attribute]:
        table = parser.parse_optional_identifier() or table_of(cls.MNEMONIC)
        if not table:
            return {}
        if parser.parse_optional_punctuation("{") is None:
            return {"options": OptionsAttr(Options.make(table))}
        options = read_fields(parser, table)
        parser.parse_punctuation("}")
        return {"options": OptionsAttr(options)}

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


# Tables whose name is not that of the op.
_TABLES = {
    "average_pool_2d": "Pool2DOptions",
    "l2_pool_2d": "Pool2DOptions",
    "max_pool_2d": "Pool2DOptions",
    "conv_3d_transpose": "Conv3DOptions",
    "maximum": "MaximumMinimumOptions",
    "minimum": "MaximumMinimumOptions",
    "lstm": "LSTMOptions",
    "mean": "ReducerOptions",
    "reduce_all": "ReducerOptions",
    "reduce_any": "ReducerOptions",
    "reduce_max": "ReducerOptions",
    "reduce_min": "ReducerOptions",
    "reduce_prod": "ReducerOptions",
    "sum": "ReducerOptions",
}


@cache
def table_of(mnemonic: str) -> str:
    """Table of the schema that a builtin op usually has its options in, "" for none."""
    if mnemonic in _TABLES:
        return _TABLES[mnemonic]
    wanted = mnemonic.replace("_", "") + "options"
    return next((name for name in vars(schema.BuiltinOptions) if name.lower() == wanted), "")


@cache
def tfl_op_class(mnemonic: str) -> type[TflOp]:
    """Op class of a builtin operator, made on first use.

    Args:
        mnemonic: lower-case name in TFLite's schema, such as "conv_2d".

    Returns:
        The class; its IR name is ``tfl.<mnemonic>``. Stateless ops are `Pure`.
    """
    if mnemonic not in MNEMONICS:
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
    custom_options = opt_prop_def(BytesAttr)
    version = opt_prop_def(IntAttr)
    options2 = opt_prop_def(OptionsAttr)
    intermediates = opt_prop_def(ArrayAttr[ArrayAttr[Attribute]])
    mutating = opt_prop_def(ArrayAttr[IntAttr])

    def _shown(self) -> str:
        stored = None if self.custom_options is None else self.custom_options.data
        return f"{{code = {show(self.code.data.encode())}, options = {show(stored)}}}"

    @classmethod
    def _read(cls, parser: Parser) -> dict[str, Attribute]:
        parser.parse_punctuation("{")
        parser.parse_keyword("code")
        parser.parse_punctuation("=")
        properties: dict[str, Attribute] = {"code": StringAttr(read(parser).decode())}
        parser.parse_punctuation(",")
        parser.parse_keyword("options")
        parser.parse_punctuation("=")
        if (options := read(parser)) is not None:
            properties["custom_options"] = BytesAttr(options)
        parser.parse_punctuation("}")
        return properties


@irdl_op_definition
class Const(LabOp):
    """A constant tensor."""

    name = "tfl.const"
    value = prop_def(Blob)
    sparsity = opt_prop_def(OptionsAttr)
    result = result_def()
    traits = traits_def(Pure())

    def _shown(self) -> str:
        return f"{{{self.value.data}}}"

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        """Read ``() {values} : type`` or ``() {blob "key"} : type``."""
        parser.parse_punctuation("(")
        parser.parse_punctuation(")")
        parser.parse_punctuation("{")

        types: list[Any] = []

        def read_type() -> Any:
            parser.parse_punctuation("}")
            parser.parse_punctuation(":")
            types.append(parser.parse_type())
            return types[0]

        data = read_array(parser, read_type)
        return cls.create(result_types=types, properties={"value": Blob(data)})

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
    is_unset = opt_prop_def(UnitAttr)
    result = result_def()
    traits = traits_def(Pure())

    def _shown(self) -> str:
        return "{unset}" if self.is_unset else ""

    @classmethod
    def _read(cls, parser: Parser) -> dict[str, Attribute]:
        if parser.parse_optional_punctuation("{") is None:
            return {}
        parser.parse_keyword("unset")
        parser.parse_punctuation("}")
        return {"is_unset": UnitAttr()}


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
    owner = value.owner.parent_op() if isinstance(value.owner, Block) else None
    names = owner.attributes.get(FUNC_INPUT_NAMES) if owner is not None else None
    if isinstance(names, ArrayAttr):
        index = list(value.owner.args).index(value)  # type: ignore[union-attr]
        return names.data[index].data
    return value.name_hint or ""
