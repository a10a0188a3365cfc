"""The IR as text, and back.

    %bits = lq.Quantize(%x) : tensor<1x8x8x1xi32>
    %conv = lq.Bconv2d(%bits, %filter, %m, %b, %absent) {channels_in = 32, ...} : tensor<...>

`ir_text` is for reading: it leaves out tensor names, op versions, and constants of more than 8
values, which stand as a key (``blob "3f2a..."``). `exact_text` leaves out those constants only.
`parse_ir` reads both; `constants_of` gives the data of the keys.
"""

from __future__ import annotations

import io
from typing import Any

from numpy.typing import NDArray
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func
from xdsl.ir import Operation
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import ParseError, VerifyException

from bnn_lab.convert.ir.attributes import Blob, Constants, IrContext, OtherElement, Quant
from bnn_lab.convert.ir.lce_format import LQ_CODES
from bnn_lab.convert.ir.model_info import ModelInfoAttr
from bnn_lab.convert.ir.options import OptionsAttr
from bnn_lab.convert.ir.tfl_dialect import (
    MNEMONICS,
    Const,
    CustomOp,
    LabOp,
    NoValue,
    Variable,
    tensor_names,
    tfl_op_class,
)
from bnn_lab.errors import InputError

_OPS: tuple[type[Operation], ...] = (Const, CustomOp, NoValue, Variable, *LQ_CODES.values())
_ATTRIBUTES = (Blob, ModelInfoAttr, OptionsAttr, OtherElement, Quant)


def ir_text(module: ModuleOp) -> str:
    """Short text of a module, one op a line."""
    return _printed(module, exact=False)


def exact_text(module: ModuleOp) -> str:
    """Text of a module that `parse_ir` and `constants_of` make the same module of."""
    return _printed(module, exact=True)


def _printed(module: ModuleOp, *, exact: bool) -> str:
    stream = io.StringIO()
    Printer(stream, print_generic_format=exact).print_op(module)
    return stream.getvalue() + "\n"


def constants_of(module: ModuleOp) -> dict[str, NDArray]:
    """Data of the constants that a module's text leaves out, by key."""
    arrays = [op.value.data for op in module.walk() if isinstance(op, Const)]
    return {array.key: array.values for array in arrays if not array.is_short}


def parse_ir(text: str, constants: Constants | None = None) -> ModuleOp:
    """Read a module from text.

    Args:
        text: as `ir_text` or `exact_text` print it; functions need no enclosing module.
        constants: data of the keys in it, as `constants_of` gives it, or a function of a key and
            a tensor type. A constant whose data is not there prints as before; its values raise.

    Returns:
        The module, verified. Tensors that the text gives no name have that of the value.

    Raises:
        InputError: the text is not IR; says where.
    """
    context = _Context({} if constants is None else constants)
    try:
        module = Parser(context, text, "IR").parse_module()
        module.verify()
    except (ParseError, VerifyException) as error:
        raise InputError(f"the text is not IR of the converter: {error}") from error
    for op in module.walk():
        if isinstance(op, LabOp) and op.names is None and not isinstance(op, NoValue):
            op.names = tensor_names(*(result.name_hint or "" for result in op.results))
    return module


class _Context(IrContext):
    """Knows all ops; those of TFLite are made when the text names them."""

    def __init__(self, constants: Constants) -> None:
        super().__init__(constants)
        self.load_dialect(Builtin)
        self.load_dialect(Func)
        for op in _OPS:
            self.load_op(op)
        for attribute in _ATTRIBUTES:
            self.load_attr_or_type(attribute)

    def _get_known_op(self, name: str) -> Any:
        dialect, _, mnemonic = name.partition(".")
        if dialect == "tfl" and mnemonic in MNEMONICS:
            return tfl_op_class(mnemonic)
        return super()._get_known_op(name)
