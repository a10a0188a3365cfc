"""Attributes and types of the converter's IR.

Each holds a plain Python value (constant data, quantization parameters, op options) and prints it
in few characters: a dump of an ImageNet model is a few hundred lines, not megabytes of hex.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray
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

Tensor = TensorType[Any] | UnrankedTensorType[Any]


class PrintOnly(Data[Any]):
    """A `Data` attribute that can be printed but not parsed back: its text is a summary."""

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Any:
        """Not supported: the text leaves out the data."""
        parser.raise_error(f"{cls.name} prints a summary, which cannot be read back")

    def print_parameter(self, printer: Printer) -> None:
        """Print ``<summary>``."""
        printer.print_string(f"<{self.data}>")


# --- element types --------------------------------------------------------------------------


@irdl_attr_definition
class OtherElement(PrintOnly, TypeAttribute):
    """Element type that has no builtin counterpart (string, resource, float8 ...)."""

    name = "tfl.element"


def _unsigned(bits: int) -> IntegerType:
    return IntegerType(bits, Signedness.UNSIGNED)


# TFLite's name -> (IR type, numpy dtype of a constant; None = kept as raw bytes).
_ELEMENTS: dict[str, tuple[Attribute, str | None]] = {
    "FLOAT32": (Float32Type(), "<f4"),
    "FLOAT16": (Float16Type(), "<f2"),
    "FLOAT64": (Float64Type(), "<f8"),
    "BFLOAT16": (BFloat16Type(), None),
    "BOOL": (IntegerType(1), "?"),
    "INT2": (IntegerType(2), None),
    "INT4": (IntegerType(4), None),
    "INT8": (IntegerType(8), "<i1"),
    "INT16": (IntegerType(16), "<i2"),
    "INT32": (IntegerType(32), "<i4"),
    "INT64": (IntegerType(64), "<i8"),
    "UINT4": (_unsigned(4), None),
    "UINT8": (_unsigned(8), "<u1"),
    "UINT16": (_unsigned(16), "<u2"),
    "UINT32": (_unsigned(32), "<u4"),
    "UINT64": (_unsigned(64), "<u8"),
    "COMPLEX64": (ComplexType(Float32Type()), "<c8"),
    "COMPLEX128": (ComplexType(Float64Type()), "<c16"),
}
_CODES: dict[int, str] = {
    code: name for name, code in vars(schema.TensorType).items() if not name.startswith("_")
}
_BY_CODE: dict[int, tuple[Attribute, str | None]] = {
    code: _ELEMENTS.get(name, (OtherElement(name.lower()), None)) for code, name in _CODES.items()
}
_CODE_OF_ELEMENT = {element: code for code, (element, _) in _BY_CODE.items()}
_ELEMENT_OF_DTYPE = {
    np.dtype(dtype): element for element, dtype in _ELEMENTS.values() if dtype is not None
}

F32 = _ELEMENTS["FLOAT32"][0]
I8 = _ELEMENTS["INT8"][0]
I32 = _ELEMENTS["INT32"][0]


def element_of_code(code: int) -> Attribute | None:
    """IR element type of a TFLite tensor type code, None if the code is unknown."""
    return _BY_CODE[code][0] if code in _BY_CODE else None


def dtype_of_code(code: int) -> np.dtype | None:
    """NumPy dtype of a TFLite tensor type code, None if constants of it stay raw bytes."""
    dtype = _BY_CODE[code][1]
    return None if dtype is None else np.dtype(dtype)


def code_of_element(element: Attribute) -> int:
    """TFLite tensor type code of an IR element type."""
    return _CODE_OF_ELEMENT[element]


# --- quantization ---------------------------------------------------------------------------


@dataclass(frozen=True)
class QuantParams:
    """Affine quantization of a tensor: real = scale * (stored - zero_point).

    Attributes:
        scale: one value, or one per index along `axis`; empty if only a range was recorded.
        zero_point: as many as `scale`.
        axis: the quantized dimension of per-axis parameters.
        low: recorded minimum (informative).
        high: recorded maximum (informative).
        details: non-affine schemes, kept as read.
    """

    scale: tuple[float, ...] = ()
    zero_point: tuple[int, ...] = ()
    axis: int = 0
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    details: Options | None = None

    def __str__(self) -> str:
        if self.details is not None:
            return str(self.details)
        if not self.scale:
            return f"range {list(self.low)} to {list(self.high)}"
        if len(self.scale) == 1:
            zero = self.zero_point[0] if self.zero_point else 0
            return f"{self.scale[0]:.6g} * (q - {zero})" if zero else f"{self.scale[0]:.6g} * q"
        return f"{len(self.scale)} scales on axis {self.axis}"


@irdl_attr_definition
class Quant(PrintOnly):
    """`QuantParams` as the encoding of a tensor type."""

    name = "tfl.quant"


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

    def __str__(self) -> str:
        if 0 < self.values.size <= 8:
            return _compact(self.values.tolist())
        return f"blob {self.digest.hex()[:8]}"


@irdl_attr_definition
class Blob(PrintOnly):
    """Constant data; prints up to 8 values, else a digest."""

    name = "tfl.blob"

    @staticmethod
    def of(values: NDArray) -> Blob:
        """Wrap an array (kept as a read-only view)."""
        return Blob(Array(values))

    @property
    def values(self) -> NDArray:
        """The data, read-only."""
        return self.data.values


def type_of_array(values: NDArray) -> TensorType[Any]:
    """Tensor type of a NumPy array."""
    return tensor_type(_ELEMENT_OF_DTYPE[values.dtype], values.shape)


# --- op options -----------------------------------------------------------------------------

_ENUMS = {
    "padding": schema.Padding,
    "fusedActivationFunction": schema.ActivationFunctionType,
}
_ENUM_NAMES = {
    field: {code: name.lower() for name, code in vars(enum).items() if not name.startswith("_")}
    for field, enum in _ENUMS.items()
}


@dataclass(frozen=True)
class Options:
    """Builtin options of a TFLite op: a table of the schema, frozen.

    Attributes:
        table: the table's name in the schema, such as "Conv2DOptions".
        fields: (name, value) as in the schema's Python object API; vectors are tuples.
    """

    table: str
    fields: tuple[tuple[str, Any], ...]

    @staticmethod
    def from_object(table: Any) -> Options:
        """Freeze an object of the schema's object API (`Conv2DOptionsT`)."""
        fields = tuple((name, _freeze(value)) for name, value in vars(table).items())
        return Options(type(table).__name__.removesuffix("T"), fields)

    @staticmethod
    def make(table: str, **values: Any) -> Options:
        """Options with the schema's defaults but for `values`."""
        return Options.from_object(getattr(schema, f"{table}T")()).replace(**values)

    def to_object(self) -> Any:
        """Invert `from_object`."""
        table = getattr(schema, f"{self.table}T")()
        for name, value in self.fields:
            setattr(table, name, _thaw(value))
        return table

    def get(self, name: str) -> Any:
        """Value of a field."""
        return dict(self.fields)[name]

    def choice(self, name: str) -> str:
        """Lower-case name of an enum field, such as padding "same" or activation "relu"."""
        return _ENUM_NAMES[name].get(self.get(name), str(self.get(name)))

    def is_known(self, name: str) -> bool:
        """False for an enum field whose value the schema does not list."""
        return name not in _ENUMS or self.get(name) in _ENUM_NAMES[name]

    def replace(self, **values: Any) -> Options:
        """Copy with some fields changed; enum fields take their lower-case names."""
        fields = dict(self.fields)
        for name, value in values.items():
            if name not in fields:
                raise KeyError(f"{self.table} has no field {name!r}")
            if isinstance(value, str) and name in _ENUMS:
                value = getattr(_ENUMS[name], value.upper())
            fields[name] = value
        return Options(self.table, tuple(fields.items()))

    def _shown(self) -> Iterator[str]:
        defaults = vars(getattr(schema, f"{self.table}T")())
        for name, value in self.fields:
            if name in _ENUMS:
                yield f"{name} = {self.choice(name)}"
            elif value != defaults[name]:
                yield f"{name} = {_compact(value)}"

    def __str__(self) -> str:
        return ", ".join(self._shown())


@irdl_attr_definition
class OptionsAttr(PrintOnly):
    """`Options` of a builtin op."""

    name = "tfl.options"


@irdl_attr_definition
class Opaque(PrintOnly):
    """Anything that only has to survive from import to export."""

    name = "tfl.opaque"

    def print_parameter(self, printer: Printer) -> None:
        """Print ``<...>``."""
        printer.print_string("<...>")


def _freeze(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return tuple(value.tolist())
    if isinstance(value, list):
        return tuple(_freeze(item) for item in value)
    if type(value).__module__ == schema.__name__:
        return Options.from_object(value)
    return value


def _thaw(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_thaw(item) for item in value]
    return value.to_object() if isinstance(value, Options) else value


def _compact(value: Any) -> str:
    if isinstance(value, list | tuple):
        shown = ", ".join(_compact(item) for item in value[:8])
        return f"[{shown}{', ...' if len(value) > 8 else ''}]"
    if isinstance(value, float):
        return f"{value:.6g}"
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
