"""`bnn-lab inspect`: what a `.tflite` file holds, and what the converter's passes do to it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bnn_lab.cli.terminal import console, say, warn
from bnn_lab.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table
    from xdsl.dialects.builtin import ModuleOp
    from xdsl.ir import SSAValue

SCHEMA = "bnn_lab.inspect/1"


def inspect_command(
    file: Annotated[Path, typer.Argument(help="A .tflite file.")],
    ir: Annotated[bool, typer.Option("--ir", help="Print the graph as text.")] = False,
    passes: Annotated[
        bool, typer.Option("--passes", help="Run the converter's passes and print what they did.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    isolated: Annotated[
        bool,
        typer.Option(
            "--isolated",
            help="For files from strangers: read the file, and run it once, in a process with "
            "limits.",
        ),
    ] = False,
) -> None:
    """Show inputs, outputs and ops of a .tflite file."""
    from bnn_lab.cli.isolated import describe_isolated
    from bnn_lab.tflite.contents import read_contents

    if not file.is_file():
        raise InputError(f"there is no file '{file}'. Fix: check the path")
    describe = describe_isolated if isolated else describe_file
    found = describe(read_contents(file, "inspect"), ir=ir, passes=passes)
    if as_json:
        typer.echo(json.dumps({"schema": SCHEMA, "file": str(file), **found}, indent=1))
        return
    say(f"{file}: {found['bytes']:,} bytes")
    console().print(_ends_table(found))
    console().print(_op_table(found))
    for entry in found.get("passes", ()):
        console().print(f"{entry['name']}: {entry['summary']}", style="bold")
        for outcome in entry["outcomes"]:
            if outcome["role"] != "cleans":
                console().print(f"    {outcome['text']}")
    if ir:
        say(found["ir"])
    if isolated:
        say(f"run once on zeros, in a process with limits: {found['trial']}")
        if found["network"]:
            warn("the process could have reached the network: this system lets no user leave it")


def describe_file(content: bytes, *, ir: bool = False, passes: bool = False) -> dict[str, Any]:
    """What a `.tflite` file holds, as plain values.

    Args:
        content: bytes of the file.
        ir: also the graph's text (after the passes, if they run).
        passes: also run the converter's passes on the graph, and say what each did.

    Returns:
        ``bytes``, ``inputs`` and ``outputs`` (function, name, type, shape; -1 where a dimension is
        unknown, null for a shape of unknown rank), ``ops`` (op, count, bytes of constants that it
        reads), and if asked for ``passes`` (name, summary, outcomes) and ``ir``.

    Raises:
        ModelFileError: the file is corrupt, not understood, or one that `Interpreter` would refuse.
    """
    from bnn_lab.convert.ir.importer import import_model
    from bnn_lab.convert.ir.text import ir_text
    from bnn_lab.convert.pipeline import run_pipeline
    from bnn_lab.tflite.check import check_contents

    check_contents(content)
    module = import_model(content)
    found = {"bytes": len(content), **_ends(module), "ops": _ops(module)}
    if passes:
        found["passes"] = [
            {
                "name": result.name,
                "summary": result.summary,
                "outcomes": [
                    {**vars(o), "role": o.role.name.lower(), "text": str(o)}
                    for o in result.outcomes
                ],
            }
            for result in run_pipeline(module)
        ]
    if ir:
        found["ir"] = ir_text(module)
    return found


def _ends(module: ModuleOp) -> dict[str, list[dict[str, Any]]]:
    from xdsl.dialects.func import FuncOp

    found: dict[str, list[dict[str, Any]]] = {"inputs": [], "outputs": []}
    for function in module.ops:
        if not isinstance(function, FuncOp) or function.body.block.last_op is None:
            continue
        block, name = function.body.block, function.sym_name.data
        found["inputs"] += [_value(name, value) for value in block.args]
        found["outputs"] += [_value(name, value) for value in function.body.block.last_op.operands]
    return found


def _value(function: str, value: SSAValue) -> dict[str, Any]:
    from xdsl.dialects.builtin import TensorType

    from bnn_lab.convert.ir.tfl_dialect import name_of

    kind = value.type
    return {
        "function": function,
        "name": name_of(value),
        "type": str(kind),
        "shape": list(kind.get_shape()) if isinstance(kind, TensorType) else None,
    }


def _ops(module: ModuleOp) -> list[dict[str, Any]]:
    from bnn_lab.convert.ir.tfl_dialect import Const, LabOp, NoValue

    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for op in module.walk():
        if not isinstance(op, LabOp) or isinstance(op, Const | NoValue):
            continue
        counts[op.name] += 1
        constants = {operand.owner for operand in op.operands}
        sizes[op.name] += sum(c.value.values.nbytes for c in constants if isinstance(c, Const))
    return [
        {"op": name, "count": count, "constant_bytes": sizes[name]}
        for name, count in counts.most_common()
    ]


def _ends_table(found: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table("", "name", "type", title="inputs and outputs", title_justify="left")
    for end in ("input", "output"):
        for value in found[f"{end}s"]:
            table.add_row(f"{value['function']} {end}", value["name"], value["type"])
    return table


def _op_table(found: Mapping[str, Any]) -> Table:
    from rich.table import Table

    table = Table("op", title="ops", title_justify="left")
    table.add_column("count", justify="right")
    table.add_column("bytes of constants", justify="right")
    for entry in found["ops"]:
        table.add_row(entry["op"], str(entry["count"]), f"{entry['constant_bytes']:,}")
    return table
