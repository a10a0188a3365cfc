"""What became of each layer: binary or float and why, its bytes, operations and ops."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

BINARY, PARTLY, FLOAT, FOLDED, NONE = "binary", "partly binary", "float", "folded", "no weights"
TERNARY = "ternary"


@dataclass(frozen=True)
class LayerReport:
    """One layer of the model.

    Attributes:
        name: the layer, with the names of nested models before it.
        kind: its class.
        verdict: "binary" (each multiplication of ±1 by ±1), "partly binary", "ternary" (of -1, 0 or
            +1 by int8), "float", "folded" (its weights joined another layer's constants) or "no
            weights".
        reason: why it is float, or what it was folded into; "" for a binary layer.
        advice: what to change in the model to make it binary; "" if nothing helps.
        weights_1bit: weights that a quantizer makes binary.
        weights_other: all other weights, moving statistics among them.
        larq_bytes: size of its weights by larq's summary; of a torch module counted likewise.
        file_bytes: size of its constants in the file.
        macs_binary: binary multiply-accumulates for one sample.
        macs_float: float ones.
        ops: ops of the file that belong to it, with their count if above one.
        macs_ternary: ternary ones, for one sample.
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
    macs_ternary: int = 0


@dataclass(frozen=True)
class Report:
    """A converted model, layer by layer.

    In a notebook it shows as a table; `rich.print(report)` prints one in a terminal, and
    `rich.print(report.table(full=True))` one with all figures.

    Attributes:
        model: the model's name.
        layers: in the model's order.
        other_bytes: constants that belong to no single layer.
        structure_bytes: the rest of the file: graph, names, alignment.
        file_bytes: the file's size; the sum of all bytes above.
        larq_bytes: the model's size by larq's summary; see `LayerReport`.
        framework: "Keras" or "PyTorch".
    """

    model: str
    layers: tuple[LayerReport, ...]
    other_bytes: int
    structure_bytes: int
    file_bytes: int
    larq_bytes: float
    framework: str = "Keras"

    @property
    def binary_layers(self) -> list[str]:
        """Names of the layers that are binary throughout."""
        return [layer.name for layer in self.layers if layer.verdict == BINARY]

    @property
    def ternary_layers(self) -> list[str]:
        """Names of the layers of ternary weights and int8 activations."""
        return [layer.name for layer in self.layers if layer.verdict == TERNARY]

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
        ternary = sum(layer.macs_ternary for layer in self.layers)
        total = binary + ternary + sum(layer.macs_float for layer in self.layers)
        share = f"{100 * binary / total:.1f} % of {total:,} MACs binary" if total else "no MACs"
        if ternary:
            share = (
                f"{len(self.ternary_layers)} ternary ones, {share}, "
                f"{100 * ternary / total:.1f} % ternary"
            )
        return (
            f"{self.model}: {len(self.binary_layers)} binary layers, {share}, "
            f"{self.file_bytes:,} bytes ({self._counted_by}: {self.larq_bytes:,.0f})"
        )

    @property
    def _counted_by(self) -> str:
        return "larq's summary" if self.framework == "Keras" else "its weights alone"

    def __rich__(self) -> Any:
        """A table of what matters first, for `rich`: it fits into 80 columns."""
        return self.table()

    def table(self, *, full: bool = False) -> Any:
        """A table for `rich`.

        Args:
            full: with all figures, which take a wide terminal; else verdict, bytes and reason.

        Returns:
            A `rich.table.Table`.
        """
        from rich.table import Table

        table = Table(title=str(self), title_justify="left", show_footer=True)
        for title, right, footer in self._heads(full):
            justify: Any = "right" if right else "left"
            # Words stay whole: a name may be cut, a reason takes another line.
            table.add_column(title, footer, justify=justify, overflow="fold", no_wrap=right)
        for row in self._rows(full):
            table.add_row(*row)
        return table

    def _repr_html_(self) -> str:
        """The short table, and all figures folded below it."""
        full = f"<details><summary>all figures</summary>{self._html(True)}</details>"
        return f"<p>{escape(str(self))}</p>{self._html(False)}{full}"

    def _html(self, full: bool) -> str:
        heads = self._heads(full)

        def line(cells: tuple[str, ...], tag: str) -> str:
            inner = "".join(
                f'<{tag} style="text-align:{"right" if right else "left"}">{escape(cell)}</{tag}>'
                for cell, (_, right, _) in zip(cells, heads, strict=True)
            )
            return f"<tr>{inner}</tr>"

        head = line(tuple(title for title, _, _ in heads), "th")
        body = "".join(line(row, "td") for row in self._rows(full))
        foot = line(tuple(footer for _, _, footer in heads), "th")
        return f"<table><thead>{head}</thead><tbody>{body}</tbody><tfoot>{foot}</tfoot></table>"

    def _heads(self, full: bool) -> list[tuple[str, bool, str]]:
        """Title, whether it is a number, and total of each column."""
        columns = zip(_COLUMNS, self._totals(), strict=True)
        return [(title, right, total) for (title, right, short), total in columns if short or full]

    def _rows(self, full: bool) -> list[tuple[str, ...]]:
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
        return [
            tuple(cell for cell, (_, _, short) in zip(row, _COLUMNS, strict=True) if short or full)
            for row in rows
        ]

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


# Title, whether it is a number, and whether the short table has it.
_COLUMNS = (
    ("layer", False, True),
    ("kind", False, False),
    ("verdict", False, True),
    ("1-bit weights", True, False),
    ("other weights", True, False),
    ("larq bytes", True, False),
    ("file bytes", True, True),
    ("binary MACs", True, False),
    ("float MACs", True, False),
    ("ops in the file", False, False),
    ("why, and what to change", False, True),
)


def counted(names: list[str]) -> tuple[str, ...]:
    """Op names, each once, with its count if above one."""
    return tuple(f"{n} × {name}" if n > 1 else name for name, n in Counter(names).items())
