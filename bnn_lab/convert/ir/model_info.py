"""What a `.tflite` file says besides its graph, as an attribute of the module."""

from __future__ import annotations

from typing import Any

from xdsl.ir import Data
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer

from bnn_lab.convert.ir.literals import read, show
from bnn_lab.tflite.reader import ModelInfo, Signature


@irdl_attr_definition
class ModelInfoAttr(Data[ModelInfo]):
    """`ModelInfo` of a module; in short it prints ``<...>``."""

    name = "tfl.model"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> ModelInfo:
        """Read ``<[...]>``; ``<...>`` gives the defaults."""
        with parser.in_angle_brackets():
            if parser.parse_optional_punctuation("...") is not None:
                return ModelInfo()
            version, description, metadata, buffers, signatures = read(parser)
        return ModelInfo(
            version,
            _text(description),
            tuple((_text(name), data) for name, data in metadata),
            buffers,
            tuple(
                Signature(_text(key), subgraph, _named(inputs), _named(outputs))
                for key, subgraph, inputs, outputs in signatures
            ),
        )

    def print_parameter(self, printer: Printer) -> None:
        """Print all fields in order in the generic format."""
        info = self.data
        signatures = [
            (_bytes(one.key), one.subgraph, _pairs(one.inputs), _pairs(one.outputs))
            for one in info.signatures
        ]
        fields = (
            info.version,
            _bytes(info.description),
            [(_bytes(name), data) for name, data in info.metadata],
            info.metadata_buffers,
            signatures,
        )
        printer.print_string(f"<{show(fields)}>" if printer.print_generic_format else "<...>")


def _text(value: Any) -> Any:
    return None if value is None else value.decode()


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else value.encode()


def _pairs(items: tuple[tuple[str, int], ...]) -> list[tuple[bytes, int]]:
    return [(name.encode(), position) for name, position in items]


def _named(items: Any) -> tuple[tuple[str, int], ...]:
    return tuple((name.decode(), position) for name, position in items)
