"""Options of the builtin ops: tables of TFLite's schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from xdsl.ir import Data
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer

from bnn_lab.convert.ir.literals import read, show
from bnn_lab.tflite.options import BUILTIN_CHOICES, BUILTIN_ENUMS


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
        return BUILTIN_CHOICES[name].get(self.get(name), str(self.get(name)))

    def is_known(self, name: str) -> bool:
        """False for an enum field whose value the schema does not list."""
        return name not in BUILTIN_ENUMS or self.get(name) in BUILTIN_CHOICES[name]

    def replace(self, **values: Any) -> Options:
        """Copy with some fields changed; enum fields take their lower-case names."""
        fields = dict(self.fields)
        for name, value in values.items():
            if name not in fields:
                raise KeyError(f"{self.table} has no field {name!r}")
            if isinstance(value, str) and name in BUILTIN_ENUMS:
                value = getattr(BUILTIN_ENUMS[name], value.upper())
            fields[name] = value
        return Options(self.table, tuple(fields.items()))

    def _shown(self) -> Iterator[str]:
        defaults = vars(getattr(schema, f"{self.table}T")())
        for name, value in self.fields:
            if name in BUILTIN_ENUMS:
                yield f"{name} = {self.choice(name)}"
            elif value != defaults[name]:
                yield f"{name} = {_show(value)}"

    def __str__(self) -> str:
        return ", ".join(self._shown())


@irdl_attr_definition
class OptionsAttr(Data[Options]):
    """`Options` of a builtin op."""

    name = "tfl.options"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Options:
        """Read ``<Table {name = value, ...}>``."""
        with parser.in_angle_brackets():
            return _read_table(parser, parser.parse_identifier())

    def print_parameter(self, printer: Printer) -> None:
        """Print ``<Table {name = value, ...}>``; fields that have their default are left out."""
        printer.print_string(f"<{_show(self.data)}>")


def read_fields(parser: AttrParser, table: str) -> Options:
    """Options of a table from ``name = value, ...``; what is not said has the schema's default."""
    if not hasattr(schema, f"{table}T"):
        parser.raise_error(f"TFLite's schema has no table {table}")
    values: dict[str, Any] = {}
    while not values or parser.parse_optional_punctuation(",") is not None:
        name = parser.parse_optional_identifier()
        if name is None:
            break
        parser.parse_punctuation("=")
        word = parser.parse_optional_identifier() if name in BUILTIN_ENUMS else None
        if word is None:
            values[name] = _rounded(read(parser, lambda inner: _read_table(parser, inner)))
        else:
            values[name] = getattr(BUILTIN_ENUMS[name], word.upper(), None)
            if values[name] is None:
                parser.raise_error(f"{word} is no {name}")
    options = Options.make(table)
    unknown = values.keys() - dict(options.fields).keys()
    if unknown:
        parser.raise_error(f"{table} has no field {sorted(unknown)[0]}")
    return options.replace(**values)


def _read_table(parser: AttrParser, table: str) -> Options:
    with parser.in_braces():
        return read_fields(parser, table)


def _rounded(value: Any) -> Any:
    """A float as the file holds it."""
    if isinstance(value, tuple):
        return tuple(_rounded(item) for item in value)
    return float(np.float32(value)) if isinstance(value, float) else value


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


def _show(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_show(item) for item in value)}]"
    return f"{value.table} {{{value}}}" if isinstance(value, Options) else show(value)
