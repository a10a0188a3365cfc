"""`bnn-lab profile`: where a model's time goes, in the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from bnn_lab.cli.terminal import check_targets, console, write_file
from bnn_lab.errors import InputError


def profile_command(
    file: Annotated[Path, typer.Argument(help="A .tflite file.")],
    threads: Annotated[int, typer.Option(min=1, max=256, help="Of the interpreter.")] = 1,
    backend: Annotated[
        str | None, typer.Option(help="Kernel backend; default the active one.")
    ] = None,
    fuse: Annotated[
        bool, typer.Option(help="Let binary convolutions take in the float ops around them.")
    ] = True,
    rounds: Annotated[int, typer.Option(min=1, help="Timing samples.")] = 30,
    trace: Annotated[
        bool,
        typer.Option("--trace", help="Beside one thread: where the --threads wait, op by op."),
    ] = False,
    signature: Annotated[
        str | None, typer.Option(help="Entry point of a file that has several.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file.")
    ] = None,
) -> None:
    """Show how long each op of a .tflite file takes."""
    import msgspec

    from bnn_lab import __version__
    from bnn_lab.measure.host import describe_host
    from bnn_lab.profiling.model_profile import profile

    if trace:
        from bnn_lab.profiling.thread_trace import trace_threads

        if threads < 2:
            raise InputError("--trace compares threads. Fix: say how many, such as --threads 2")
    check_targets(json_file)
    result: Any = (trace_threads if trace else profile)(
        file,
        num_threads=threads,
        backend=backend,
        fuse=fuse,
        rounds=rounds,
        signature=signature,
    )
    console().print(result)
    if json_file is not None:
        report = {
            "schema": "bnn_lab.trace/1" if trace else "bnn_lab.profile/1",
            "bnn_lab": __version__,
            "file": str(file),
            "host": msgspec.to_builtins(describe_host()),
            **result.as_dict(),
        }
        write_file(json_file, json.dumps(report, indent=1), "figures")
