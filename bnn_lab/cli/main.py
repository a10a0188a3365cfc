"""The `bnn-lab` command."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console

from bnn_lab.cli.bench import app as bench_app
from bnn_lab.cli.calibrate import calibrate_command
from bnn_lab.cli.convert import convert_command, inspect_command
from bnn_lab.cli.course import app as course_app
from bnn_lab.cli.profile import profile_command
from bnn_lab.cli.train import train_command
from bnn_lab.errors import BnnLabError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Binarized neural networks you can see.",
)


@app.callback()
def _commands() -> None:
    """Binarized neural networks you can see."""  # without it typer would drop the name `demo`


@app.command()
def demo(
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of training.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of initialisation and shuffling.")] = 0,
    num_threads: Annotated[int, typer.Option(min=1, help="Threads of every peer.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="Timing samples of each peer.")] = 30,
) -> None:
    """Train a small BNN on digits, convert it, check it and time it (under two minutes)."""
    from bnn_lab.cli.demo import run

    run(epochs=epochs, seed=seed, num_threads=num_threads, rounds=rounds)


@app.command()
def doctor(
    training: Annotated[bool, typer.Option(help="Also start TensorFlow and larq.")] = True,
    notebooks: Annotated[bool, typer.Option(help="Also look at Jupyter and its widgets.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Check this installation, and say how to mend what is wrong (exit code 1 if anything is)."""
    from bnn_lab import doctor as checks

    well = checks.run(Console(), as_json=as_json, training=training, notebooks=notebooks)
    if not well:
        raise typer.Exit(1)


app.command("convert")(convert_command)
app.command("inspect")(inspect_command)
app.command("profile")(profile_command)
app.command("train")(train_command)
app.command("calibrate")(calibrate_command)
app.add_typer(bench_app, name="bench")
app.add_typer(course_app, name="course")


def main(arguments: list[str] | None = None) -> None:
    """Entry point: errors of bnn_lab become one line and exit code 1.

    Args:
        arguments: default `sys.argv[1:]`.
    """
    try:
        app(args=arguments, prog_name="bnn-lab")
    except BnnLabError as error:
        message = " ".join(str(error).split())
        Console(stderr=True, soft_wrap=True).print(
            f"error: {message}", style="red", markup=False, highlight=False
        )
        sys.exit(1)
