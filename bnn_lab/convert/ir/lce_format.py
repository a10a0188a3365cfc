"""Binary ops as they stand in a `.tflite` file: codes and flexbuffer options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.ir import Attribute, SSAValue

from bnn_lab.convert.ir.lq_dialect import (
    Bconv2d,
    BMaxPool2d,
    Depthwise2d,
    Dequantize,
    LqOp,
    Quantize,
    TernaryDense,
    Transpose2d,
)
from bnn_lab.convert.ir.tfl_dialect import CustomOp, LabOp, TflOp
from bnn_lab.errors import ModelFileError
from bnn_lab.tflite.options import CUSTOM_OPS, decode, encode, unknown_options

LQ_CODES: dict[str, type[LqOp]] = {
    op.CODE: op
    for op in (Quantize, Dequantize, Bconv2d, BMaxPool2d, Depthwise2d, Transpose2d, TernaryDense)
}


def read_lq_op(
    code: str,
    operands: Sequence[SSAValue],
    result_types: Sequence[Attribute],
    options: bytes,
    names: ArrayAttr[StringAttr],
) -> LqOp:
    """Make the `lq` op of a custom op.

    Args:
        code: custom code, a key of `LQ_CODES`.
        operands: as in the file.
        result_types: as in the file.
        options: flexbuffer bytes.
        names: names of the result tensors.

    Returns:
        The op.

    Raises:
        ModelFileError: operand count or options are not what the op needs.
    """
    op_class = LQ_CODES[code]
    where = f"{code} '{names.data[0].data if names.data else ''}'"
    needed = CUSTOM_OPS[code].operands
    if len(operands) != needed or len(result_types) != 1:
        raise ModelFileError(
            f"{where} has {len(operands)} inputs and {len(result_types)} outputs; it needs "
            f"{needed} and 1. The file is corrupt."
        )
    values = decode(code, options, where)
    if unknown := unknown_options(code, values):
        raise ModelFileError(
            f"{where}: unknown options {', '.join(unknown)}; the file comes from a converter that "
            "this version does not know."
        )
    return op_class.make(operands, result_types[0], names, **values)


def encode_options(op: LqOp) -> bytes:
    """Flexbuffer bytes of an `lq` op's options (an empty map if it has none)."""
    return encode(op.CODE, **op.options)


def file_kind(op: LabOp) -> str:
    """What a file calls an op: TFLite's name of a builtin one such as "CONV_2D", or its code."""
    if isinstance(op, TflOp):
        return op.MNEMONIC.upper()
    if isinstance(op, CustomOp):
        return op.code.data
    return op.CODE if isinstance(op, LqOp) else op.name


def file_options(op: LabOp) -> dict[str, Any]:
    """Options of a builtin or `lq` op as the file names them; empty if it has none."""
    if isinstance(op, TflOp):
        return {} if op.options is None else dict(op.options.data.fields)
    return op.options if isinstance(op, LqOp) else {}
