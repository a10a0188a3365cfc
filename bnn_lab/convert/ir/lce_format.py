"""Binary ops as they stand in a `.tflite` file: codes and flexbuffer options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flatbuffers import flexbuffers
from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.ir import Attribute, SSAValue

from bnn_lab.convert.ir.lq_dialect import (
    CHOICES,
    Bconv2d,
    BinaryConv,
    BMaxPool2d,
    Depthwise2d,
    Dequantize,
    LqOp,
    Quantize,
    Transpose2d,
)
from bnn_lab.errors import ModelFileError

LQ_CODES: dict[str, type[LqOp]] = {
    "LceQuantize": Quantize,
    "LceDequantize": Dequantize,
    "LceBconv2d": Bconv2d,
    "LceBMaxPool2d": BMaxPool2d,
    "BnnLabDepthwise2d": Depthwise2d,
    "BnnLabTranspose2d": Transpose2d,
}
CODE_OF_LQ: dict[type[LqOp], str] = {op: code for code, op in LQ_CODES.items()}


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
        names: of the result tensors.

    Returns:
        The op.

    Raises:
        ModelFileError: operand count or options are not what the op needs.
    """
    op_class = LQ_CODES[code]
    where = f"{code} '{names.data[0].data if names.data else ''}'"
    needed = 5 if issubclass(op_class, BinaryConv) else 1
    if len(operands) != needed or len(result_types) != 1:
        raise ModelFileError(
            f"{where} has {len(operands)} inputs and {len(result_types)} outputs; it needs "
            f"{needed} and 1. The file is corrupt."
        )
    known = op_class.option_names()
    values = _decode(known, options, where) if known else {}
    return op_class.make(operands, result_types[0], names, **values)


def _decode(names: tuple[str, ...], options: bytes, where: str) -> dict[str, Any]:
    try:
        stored = flexbuffers.GetRoot(bytearray(options)).AsMap
        values = {key.AsString: stored[key.AsString].AsInt for key in stored.Keys}
    except Exception as error:  # the library checks no offsets: anything may come out of it
        raise ModelFileError(f"{where}: its options are not a flexbuffer map.") from error
    if missing := sorted(set(names) - values.keys()):
        raise ModelFileError(f"{where}: options lack {', '.join(missing)}.")
    if unknown := sorted(values.keys() - set(names)):
        raise ModelFileError(
            f"{where}: unknown options {', '.join(unknown)}; the file comes from a converter that "
            "this version does not know."
        )
    for key, value in values.items():
        if key not in CHOICES:
            if value < 1:
                raise ModelFileError(f"{where}: {key} = {value} must be at least 1.")
        elif 0 <= value < len(CHOICES[key]):
            values[key] = CHOICES[key][value]
        else:
            raise ModelFileError(f"{where}: {key} = {value} is not one of {CHOICES[key]}.")
    return values


def encode_options(op: LqOp) -> bytes:
    """Flexbuffer bytes of an `lq` op's options (an empty map if it has none)."""
    builder = flexbuffers.Builder()
    with builder.Map():
        for key, value in sorted(op.options.items()):
            builder.Int(key, CHOICES[key].index(value) if key in CHOICES else value)
    return bytes(builder.Finish())
