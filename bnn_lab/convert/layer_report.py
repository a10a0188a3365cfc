"""What became of each Keras layer: binary or float and why, its bytes, operations and ops."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

BINARY, PARTLY, FLOAT, FOLDED, NONE = "binary", "partly binary", "float", "folded", "no weights"


@dataclass(frozen=True)
class LayerReport:
    """One layer of the Keras model.

    Attributes:
        name: the layer, with the names of nested models before it.
        kind: its class.
        verdict: "binary" (each multiplication of ±1 by ±1), "partly binary", "float", "folded"
            (its weights joined another layer's constants) or "no weights".
        reason: why it is float, or what it was folded into; "" for a binary layer.
        advice: what to change in the model to make it binary; "" if nothing helps.
        weights_1bit: weights that a quantizer makes binary.
        weights_other: all other weights, moving statistics among them.
        larq_bytes: size of its weights by larq's summary.
        file_bytes: size of its constants in the file.
        macs_binary: binary multiply-accumulates for one sample.
        macs_float: float ones.
        ops: ops of the file that belong to it, with their count if above one.
    """

    name: str
    kind: str
    verdict: str
    reason: str
    advice: str
    weights_1bit: int
    weights_other: int
    larq_bytes: float
    file_bytes: int
    macs_binary: int
    macs_float: int
    ops: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """A converted model, layer by layer.

    In a notebook it shows as a table; `rich.print(report)` prints one in a terminal.

    Attributes:
        model: the Keras model's name.
        layers: in the model's order.
        other_bytes: constants that belong to no single layer.
        structure_bytes: the rest of the file: graph, names, alignment.
        file_bytes: the file's size; the sum of all bytes above.
        larq_bytes: the model's size by larq's summary.
    """

    model: str
    layers: tuple[LayerReport, ...]
    other_bytes: int
    structure_bytes: int
    file_bytes: int
    larq_bytes: float

    @property
    def binary_layers(self) -> list[str]:
        """Names of the layers that are binary throughout."""
        return [layer.name for layer in self.layers if layer.verdict == BINARY]

    @property
    def float_layers(self) -> dict[str, str]:
        """Why each float or partly binary layer is so."""
        shown = (FLOAT, PARTLY)
        return {layer.name: layer.reason for layer in self.layers if layer.verdict in shown}

    def as_dict(self) -> dict[str, Any]:
        """All figures, in a form that `json.dumps` accepts."""
        return {**asdict(self), "layers": [{**asdict(x), "ops": list(x.ops)} for x in self.layers]}

    def to_json(self) -> str:
        """The report as JSON text."""
        return json.dumps(self.as_dict(), indent=2)

    def __str__(self) -> str:
        binary = sum(layer.macs_binary for layer in self.layers)
        total = binary + sum(layer.macs_float for layer in self.layers)
        share = f"{100 * binary / total:.1f} % of {total:,} MACs binary" if total else "no MACs"
        return (
            f"{self.model}: {len(self.binary_layers)} binary layers, {share}, "
            f"{self.file_bytes:,} bytes (larq's summary: {self.larq_bytes:,.0f})"
        )

    def __rich__(self) -> Any:
        """A table for `rich`."""
        from rich.table import Table

        table = Table(title=str(self), title_justify="left", show_footer=True)
        for (title, right), footer in zip(_COLUMNS, self._totals(), strict=True):
            justify: Any = "right" if right else "left"
            table.add_column(title, footer, justify=justify, overflow="fold")
        for row in self._rows():
            table.add_row(*row)
        return table

    def _repr_html_(self) -> str:
        def line(cells: tuple[str, ...], tag: str) -> str:
            inner = "".join(
                f'<{tag} style="text-align:{"right" if right else "left"}">{escape(cell)}</{tag}>'
                for cell, (_, right) in zip(cells, _COLUMNS, strict=True)
            )
            return f"<tr>{inner}</tr>"

        head = line(tuple(title for title, _ in _COLUMNS), "th")
        body = "".join(line(row, "td") for row in self._rows())
        return (
            f"<table><caption>{escape(str(self))}</caption><thead>{head}</thead>"
            f"<tbody>{body}</tbody><tfoot>{line(self._totals(), 'th')}</tfoot></table>"
        )

    def _rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = [
            (
                layer.name,
                layer.kind,
                layer.verdict,
                f"{layer.weights_1bit:,}",
                f"{layer.weights_other:,}",
                f"{layer.larq_bytes:,.0f}",
                f"{layer.file_bytes:,}",
                f"{layer.macs_binary:,}",
                f"{layer.macs_float:,}",
                ", ".join(layer.ops),
                layer.reason + (f"; {layer.advice}" if layer.advice else ""),
            )
            for layer in self.layers
        ]
        for title, count in (
            ("(shared constants)", self.other_bytes),
            ("(file structure)", self.structure_bytes),
        ):
            rows.append((title, *[""] * 5, f"{count:,}", *[""] * 4))
        return rows

    def _totals(self) -> tuple[str, ...]:
        def total(key: str) -> str:
            return f"{sum(getattr(layer, key) for layer in self.layers):,}"

        return (
            "total",
            "",
            "",
            total("weights_1bit"),
            total("weights_other"),
            f"{self.larq_bytes:,.0f}",
            f"{self.file_bytes:,}",
            total("macs_binary"),
            total("macs_float"),
            "",
            "",
        )


# Title, and whether it is a number.
_COLUMNS = (
    ("layer", False),
    ("kind", False),
    ("verdict", False),
    ("1-bit weights", True),
    ("other weights", True),
    ("larq bytes", True),
    ("file bytes", True),
    ("binary MACs", True),
    ("float MACs", True),
    ("ops in the file", False),
    ("why, and what to change", False),
)


def counted(names: list[str]) -> tuple[str, ...]:
    """Op names, each once, with its count if above one."""
    return tuple(f"{n} × {name}" if n > 1 else name for name, n in Counter(names).items())
