"""The `bnn-lab` command.

Modules of commands import what they need when they are called, so that `bnn-lab --help` and the
shell's completion need only typer and rich.
"""

from __future__ import annotations

from typing import Annotated

import typer

from bnn_lab.cli.bench import app as bench_app
from bnn_lab.cli.calibrate import calibrate_command
from bnn_lab.cli.convert import convert_command
from bnn_lab.cli.course import app as course_app
from bnn_lab.cli.demo import demo_command
from bnn_lab.cli.doctor import doctor_command
from bnn_lab.cli.experiment import experiment_command
from bnn_lab.cli.inspect import inspect_command
from bnn_lab.cli.lessons import lessons_command
from bnn_lab.cli.profile import profile_command
from bnn_lab.cli.terminal import console, fail, show_anything
from bnn_lab.cli.train import train_command
from bnn_lab.errors import BnnLabError

app = typer.Typer(no_args_is_help=True, help="Binarized neural networks you can see.")


def _show_version(wanted: bool) -> None:
    if wanted:
        from bnn_lab import __version__

        console().print(f"bnn-lab {__version__}")
        raise typer.Exit


@app.callback()
def _commands(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    """Binarized neural networks you can see."""


app.command("lessons")(lessons_command)
app.command("demo")(demo_command)
app.command("doctor")(doctor_command)
app.command("convert")(convert_command)
app.command("inspect")(inspect_command)
app.command("profile")(profile_command)
app.command("train")(train_command)
app.command("experiment")(experiment_command)
app.command("calibrate")(calibrate_command)
app.add_typer(bench_app, name="bench")
app.add_typer(course_app, name="course")


def main(arguments: list[str] | None = None) -> None:
    """Entry point: errors of bnn_lab become one line and exit code 1.

    Args:
        arguments: default `sys.argv[1:]`.
    """
    show_anything()
    try:
        app(args=arguments, prog_name="bnn-lab")
    except BnnLabError as error:
        fail(error)
