"""`bnn-lab doctor`: checks of this installation."""

from __future__ import annotations

from typing import Annotated

import typer

from bnn_lab.cli.terminal import console


def doctor_command(
    training: Annotated[bool, typer.Option(help="Also start TensorFlow and larq.")] = True,
    notebooks: Annotated[bool, typer.Option(help="Also look at Jupyter and its widgets.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this installation, and say how to fix what is wrong (exit code 1 if anything is)."""
    from bnn_lab import doctor

    well = doctor.run(console(), as_json=as_json, training=training, notebooks=notebooks)
    if not well:
        raise typer.Exit(1)
