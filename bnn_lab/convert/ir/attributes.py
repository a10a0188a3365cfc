"""Types and constants of the converter's IR.

Each holds a plain Python value and prints it in few characters: a dump of an ImageNet model is a
few hundred lines, not megabytes of hex. Data of more than a few values stands in the text as a key
(see `bnn_lab.convert.ir.text`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.context import Context
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    BFloat16Type,
    ComplexType,
    Float16Type,
    Float32Type,
    Float64Type,
    IntegerType,
    NoneAttr,
    Signedness,
    TensorType,
    UnrankedTensorType,
)
from xdsl.ir import Attribute, Data, TypeAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer

from bnn_lab.convert.ir.literals import read, show
from bnn_lab.convert.ir.options import Options, OptionsAttr
from bnn_lab.errors import InputError
from bnn_lab.tflite.types import TYPE_NAMES, code_of_dtype, dtype_of_code

Tensor = TensorType[Any] | UnrankedTensorType[Any]
Constants = Mapping[str, NDArray] | Callable[[str, Any], NDArray]
_FEW = 8  # values up to which a constant stands in the text itself


# --- element types --------------------------------------------------------------------------


@irdl_attr_definition
class OtherElement(Data[str], TypeAttribute):
    """Element type that has no builtin counterpart (string, resource, float8 ...)."""

    name = "tfl.element"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> str:
        """Read ``<name>``."""
        with parser.in_angle_brackets():
            return parser.parse_identifier()

    def print_parameter(self, printer: Printer) -> None:
        """Print ``<name>``."""
        printer.print_string(f"<{self.data}>")


def _unsigned(bits: int) -> IntegerType:
    return IntegerType(bits, Signedness.UNSIGNED)


# TFLite's name -> IR type.
_ELEMENTS: dict[str, Attribute] = {
    "FLOAT32": Float32Type(),
    "FLOAT16": Float16Type(),
    "FLOAT64": Float64Type(),
    "BFLOAT16": BFloat16Type(),
    "BOOL": IntegerType(1),
    "INT2": IntegerType(2),
    "INT4": IntegerType(4),
    "INT8": IntegerType(8),
    "INT16": IntegerType(16),
    "INT32": IntegerType(32),
    "INT64": IntegerType(64),
    "UINT4": _unsigned(4),
    "UINT8": _unsigned(8),
    "UINT16": _unsigned(16),
    "UINT32": _unsigned(32),
    "UINT64": _unsigned(64),
    "COMPLEX64": ComplexType(Float32Type()),
    "COMPLEX128": ComplexType(Float64Type()),
}
_BY_CODE: dict[int, Attribute] = {
    code: _ELEMENTS.get(name, OtherElement(name.lower())) for code, name in TYPE_NAMES.items()
}
_CODE_OF_ELEMENT = {element: code for code, element in _BY_CODE.items()}

F32 = _ELEMENTS["FLOAT32"]
I8 = _ELEMENTS["INT8"]
I32 = _ELEMENTS["INT32"]


def element_of_code(code: int) -> Attribute | None:
    """IR element type of a TFLite tensor type code, None if the code is unknown."""
    return _BY_CODE.get(code)


def code_of_element(element: Attribute) -> int:
    """TFLite tensor type code of an IR element type."""
    return _CODE_OF_ELEMENT[element]


# --- quantization ---------------------------------------------------------------------------


@dataclass(frozen=True)
class QuantParams:
    """Affine quantization of a tensor: real = scale * (stored - zero_point).

    Attributes:
        scale: one value, or one per index along `axis`; empty if only a range was recorded.
        zero_point: one value for each of `scale`.
        axis: the quantized dimension of per-axis parameters.
        low: recorded minimum (informative).
        high: recorded maximum (informative).
        details: non-affine schemes, kept as read.
        elided: how many scales a text left out; such a tensor cannot be written to a file.
    """

    scale: tuple[float, ...] = ()
    zero_point: tuple[int, ...] = ()
    axis: int = 0
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    details: Options | None = None
    elided: int = 0

    def __str__(self) -> str:
        """In short: the recorded range is left out, as are more than 8 scales."""
        if self.details is not None:
            return self.exact()
        if self.elided or len(self.scale) > _FEW:
            return f"{self.elided or len(self.scale)} scales on axis {self.axis}"
        if not self.scale:
            return f"range {show(self.low)} to {show(self.high)}"
        one = len(self.scale) == 1
        scale, zero = (self.scale[0], self.zero_point[:1]) if one else (self.scale, self.zero_point)
        shown = show(zero[0] if one and zero else zero)
        values = f"(q - {shown})" if any(zero) else "q"
        return f"{show(scale)} * {values}" + ("" if one else f" on axis {self.axis}")

    def exact(self) -> str:
        """All of it."""
        shown = (
            f"scale {show(self.scale)} zero {show(self.zero_point)} axis {self.axis} "
            f"range {show(self.low)} to {show(self.high)}"
        )
        if self.details is None:
            return shown
        return f"{shown} details {OptionsAttr(self.details)}"


@irdl_attr_definition
class Quant(Data[QuantParams]):
    """`QuantParams` as the encoding of a tensor type."""

    name = "tfl.quant"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> QuantParams:
        """Read what `QuantParams` prints, short or exact."""
        with parser.in_angle_brackets():
            if parser.parse_optional_keyword("range") is not None:
                return _read_range(parser)
            if parser.parse_optional_keyword("scale") is not None:
                return _read_exact(parser)
            scale = read(parser)
            if parser.parse_optional_keyword("scales") is not None:
                return QuantParams(axis=_read_axis(parser), elided=scale)
            parser.parse_punctuation("*")
            return _read_affine(parser, scale)

    def print_parameter(self, printer: Printer) -> None:
        """Print ``<...>``, exact in the generic format."""
        shown = self.data.exact() if printer.print_generic_format else str(self.data)
        printer.print_string(f"<{shown}>")


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float(np.float32(value)) for value in values)


def _read_range(parser: AttrParser) -> QuantParams:
    low = _floats(read(parser))
    parser.parse_keyword("to")
    return QuantParams(low=low, high=_floats(read(parser)))


def _read_exact(parser: AttrParser) -> QuantParams:
    scale = _floats(read(parser))
    parser.parse_keyword("zero")
    zero = read(parser)
    parser.parse_keyword("axis")
    axis = parser.parse_integer()
    parser.parse_keyword("range")
    ends = _read_range(parser)
    details: Any = None
    if parser.parse_optional_keyword("details") is not None:
        details = parser.parse_attribute().data  # type: ignore[attr-defined]
    return QuantParams(scale, zero, axis, ends.low, ends.high, details)


def _read_axis(parser: AttrParser) -> int:
    parser.parse_keyword("on")
    parser.parse_keyword("axis")
    return parser.parse_integer()


def _read_affine(parser: AttrParser, scale: Any) -> QuantParams:
    """``q`` or ``(q - zero)`` after the scale, and the axis of several scales."""
    scales = scale if isinstance(scale, tuple) else (scale,)
    zero: Any = 0
    if parser.parse_optional_punctuation("(") is not None:
        parser.parse_keyword("q")
        parser.parse_punctuation("-")
        zero = read(parser)
        parser.parse_punctuation(")")
    else:
        parser.parse_keyword("q")
    axis = _read_axis(parser) if isinstance(scale, tuple) else 0
    zeros = zero if isinstance(zero, tuple) else (zero,) * len(scales)
    return QuantParams(_floats(scales), zeros, axis)


def tensor_type(
    element: Attribute, shape: tuple[int, ...], quant: QuantParams | None = None
) -> TensorType[Any]:
    """Tensor type; -1 stands for a dynamic dimension, which prints as `?`."""
    dims = [DYNAMIC_INDEX if dim == -1 else dim for dim in shape]
    return TensorType(element, dims, Quant(quant) if quant is not None else NoneAttr())


def quant_of(tensor: Attribute) -> QuantParams | None:
    """Quantization parameters of a tensor type, None if it has none."""
    encoding = tensor.encoding if isinstance(tensor, TensorType) else None
    return encoding.data if isinstance(encoding, Quant) else None


# --- constants ------------------------------------------------------------------------------


class Array:
    """Read-only NumPy data, compared by digest."""

    def __init__(self, values: NDArray) -> None:
        # No copy of the (often large) data that is already contiguous.
        view = np.ascontiguousarray(values).view()
        view.flags.writeable = False
        self.values = view.reshape(values.shape)

    @cached_property
    def digest(self) -> bytes:
        """128-bit digest of the bytes."""
        return hashlib.blake2b(self.values.tobytes(), digest_size=16).digest()

    def _key(self) -> tuple[Any, ...]:
        return self.values.dtype, self.values.shape, self.digest

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Array) and (self is other or self._key() == other._key())

    def __hash__(self) -> int:
        return hash((self.values.dtype, self.values.shape))

    @property
    def is_short(self) -> bool:
        """Whether the values stand in the text themselves."""
        kind = self.values.dtype.kind
        few = 0 < self.values.size <= _FEW and kind != "c"
        return few and (kind != "f" or bool(np.all(np.isfinite(self.values))))

    @property
    def key(self) -> str:
        """What stands for the data in a text that leaves it out."""
        return self.digest.hex()[:12]

    def __str__(self) -> str:
        return show(_nested(self.values)) if self.is_short else f'blob "{self.key}"'


class IrContext(Context):
    """What a parser of the IR knows.

    Args:
        constants: data by the key that stands for it in the text: a dict, or a function of the
            key and the tensor type.
    """

    def __init__(self, constants: Constants) -> None:
        super().__init__()
        self._constants = constants

    def constant(self, key: str, type_: Any) -> NDArray | None:
        """Data of a blob, None if it is not there."""
        if callable(self._constants):
            return self._constants(key, type_)
        return self._constants.get(key)


class ElidedArray(Array):
    """Stands for data that a text leaves out."""

    def __init__(self, key: str) -> None:
        self.elided_key = key

    @property
    def key(self) -> str:
        """As in the text."""
        return self.elided_key

    @property
    def is_short(self) -> bool:
        """Never: there are no values."""
        return False

    @property
    def values(self) -> NDArray:  # type: ignore[override]
        """Not there.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"the data of blob {self.key} is not in the text. Fix: pass parse_ir a dict that "
            "holds it, as constants_of makes it"
        )

    def _key(self) -> tuple[Any, ...]:
        return (self.key,)

    def __hash__(self) -> int:
        return hash(self.key)


@irdl_attr_definition
class Blob(Data[Array]):
    """Constant data; prints up to 8 values, else a key."""

    name = "tfl.blob"

    @staticmethod
    def of(values: NDArray) -> Blob:
        """Wrap an array (kept as a read-only view)."""
        return Blob(Array(values))

    @property
    def values(self) -> NDArray:
        """The data, read-only."""
        return self.data.values

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Array:
        """Read ``<tensor type, values>`` or ``<blob key>``."""
        with parser.in_angle_brackets():
            type_: Any = parser.parse_optional_type()
            if type_ is not None:
                parser.parse_punctuation(",")
            return read_array(parser, lambda: type_)

    def print_parameter(self, printer: Printer) -> None:
        """Print ``<tensor type, values>`` or ``<blob key>``."""
        type_ = "" if isinstance(self.data, ElidedArray) else f"{type_of_array(self.data.values)}, "
        printer.print_string(f"<{type_}{self.data}>")


def read_array(parser: AttrParser, read_type: Callable[[], Any]) -> Array:
    """Data as `Array` prints it; values, or the key of a blob.

    Args:
        parser: stands in front of the data; its context may know the blobs.
        read_type: gives the tensor type, which may stand after the data.
    """
    key, values = "", None
    if parser.parse_optional_keyword("blob") is not None:
        key = parser.parse_str_literal()
    else:
        values = read(parser)
    type_ = read_type()
    dtype = None if type_ is None else dtype_of_code(code_of_element(type_.element_type))
    if values is not None:
        shape = (-1,) if dtype is None else tuple(type_.get_shape())
        try:
            return Array(np.array(values, dtype or np.uint8).reshape(shape))
        except (TypeError, ValueError) as error:
            parser.raise_error(f"the values do not fit the type {type_} ({error})")
    found = parser.ctx.constant(key, type_) if isinstance(parser.ctx, IrContext) else None
    if found is None:
        return ElidedArray(key)
    if type_ is not None and dtype is not None and found.shape != tuple(type_.get_shape()):
        parser.raise_error(f"blob {key} has the shape {found.shape}")
    return Array(found)


def _nested(values: NDArray) -> Any:
    return [_nested(part) for part in values] if values.ndim else values[()]


def type_of_array(values: NDArray) -> TensorType[Any]:
    """Tensor type of a NumPy array."""
    return tensor_type(_BY_CODE[code_of_dtype(values.dtype)], values.shape)
