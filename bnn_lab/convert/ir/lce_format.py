"""Binary ops as they stand in a `.tflite` file: codes and flexbuffer options."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flatbuffers import flexbuffers
from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.ir import Attribute, SSAValue

from bnn_lab.convert.ir.lq_dialect import (
    Bconv2d,
    BconvOptions,
    BinaryConv,
    BMaxPool2d,
    BpoolOptions,
    Depthwise2d,
    DepthwiseOptions,
    Dequantize,
    LqOptions,
    Quantize,
    Transpose2d,
    TransposeOptions,
)
from bnn_lab.convert.ir.tfl_dialect import LabOp
from bnn_lab.errors import ModelFileError

LQ_CODES: dict[str, type[LabOp]] = {
    "LceQuantize": Quantize,
    "LceDequantize": Dequantize,
    "LceBconv2d": Bconv2d,
    "LceBMaxPool2d": BMaxPool2d,
    "BnnLabDepthwise2d": Depthwise2d,
    "BnnLabTranspose2d": Transpose2d,
}
CODE_OF_LQ: dict[type[LabOp], str] = {op: code for code, op in LQ_CODES.items()}

_OPTIONS: dict[type[LabOp], type[Any]] = {
    Bconv2d: BconvOptions,
    Depthwise2d: DepthwiseOptions,
    Transpose2d: TransposeOptions,
    BMaxPool2d: BpoolOptions,
}
_ENUMS = {
    "padding": ("same", "valid"),
    "pad_values": (0, 1),
    "fused_activation_function": ("none", "relu", "relu_n1_to_1", "relu6"),
}


def read_lq_op(
    code: str,
    operands: Sequence[SSAValue],
    result_types: Sequence[Attribute],
    options: bytes,
    names: ArrayAttr[StringAttr],
) -> LabOp:
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
    properties: dict[str, Attribute] = {"names": names}
    if op_class in _OPTIONS:
        properties["options"] = LqOptions(_decode(_OPTIONS[op_class], options, where))
    return op_class.build(
        operands=list(operands), result_types=list(result_types), properties=properties
    )


def _decode(kind: type[Any], options: bytes, where: str) -> Any:
    try:
        stored = flexbuffers.GetRoot(bytearray(options)).AsMap
        values = {key.AsString: stored[key.AsString].AsInt for key in stored.Keys}
    except Exception as error:  # the library checks no offsets: anything may come out of it
        raise ModelFileError(f"{where}: its options are not a flexbuffer map.") from error
    known = kind.__dataclass_fields__
    if missing := sorted(known.keys() - values.keys()):
        raise ModelFileError(f"{where}: options lack {', '.join(missing)}.")
    if unknown := sorted(values.keys() - known.keys()):
        raise ModelFileError(
            f"{where}: unknown options {', '.join(unknown)}; the file comes from a converter that "
            "this version does not know."
        )
    for key, value in values.items():
        if key not in _ENUMS:
            if value < 1:
                raise ModelFileError(f"{where}: {key} = {value} must be at least 1.")
        elif 0 <= value < len(_ENUMS[key]):
            values[key] = _ENUMS[key][value]
        else:
            raise ModelFileError(f"{where}: {key} = {value} is not one of {_ENUMS[key]}.")
    return kind(**values)


def encode_options(op: LabOp) -> bytes:
    """Flexbuffer bytes of an `lq` op's options (an empty map if it has none)."""
    builder = flexbuffers.Builder()
    with builder.Map():
        if isinstance(op, BinaryConv | BMaxPool2d):
            for key, value in sorted(vars(op.options.data).items()):
                builder.Int(key, _ENUMS[key].index(value) if key in _ENUMS else value)
    return bytes(builder.Finish())
