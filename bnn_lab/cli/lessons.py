"""The command `bnn-lab lessons`."""

from __future__ import annotations

import enum
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from bnn_lab.cli.terminal import say
from bnn_lab.errors import BnnLabError, InputError


class App(enum.StrEnum):
    """What opens the lessons."""

    LAB = "lab"
    NOTEBOOK = "notebook"
    NONE = "none"


_MODULES = {App.LAB: "jupyterlab", App.NOTEBOOK: "notebook"}


def lessons_command(
    folder: Annotated[Path, typer.Argument(help="Where to write them.")] = Path("bnn_lab_lessons"),
    options: Annotated[
        list[str] | None, typer.Argument(metavar="-- OPTIONS", help="For Jupyter: -- --port=8890.")
    ] = None,
    app: Annotated[App, typer.Option(help="JupyterLab, Notebook 7, or neither.")] = App.LAB,
    browser: Annotated[bool, typer.Option(help="Open a browser, or print the address.")] = True,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also those you changed; yours become NAME.mine.ipynb."),
    ] = False,
) -> None:
    """Write the lessons into a folder and open them in Jupyter."""
    from bnn_lab.lessons.copies import START, trust, write_lessons

    module = _MODULES.get(app)
    if module is not None and find_spec(module) is None:
        raise BnnLabError(
            f'{module} is not installed. Fix: pip install "bnn-lab[train,notebooks]", or write the '
            "lessons only: --app none"
        )
    if module is None and options:
        raise InputError(
            f"{' '.join(options)}: --app none starts no Jupyter, which these options are for. Fix: "
            "leave them out"
        )
    copies = write_lessons(folder, force=force)
    trust(copies.folder / name for name in (*copies.new, *copies.updated, *copies.moved))
    say(f"lessons are in {copies.folder}")
    for what, names in (("new", copies.new), ("updated", copies.updated)):
        if names:
            say(f"{what}: {', '.join(names)}")
    if copies.kept:
        say(f"kept, because you changed them: {', '.join(copies.kept)} (--force writes them anew)")
    for name, mine in copies.moved.items():
        say(f"new: {name}; yours is now {mine}")
    if module is None:
        return
    command = [sys.executable, "-m", module, START, *(options or [])]
    if not browser:
        command.append("--no-browser")
    if app is App.LAB:
        command.append("--LabApp.news_url=None")  # a question over the lesson, and another host
    # Jupyter refuses root, whom a container has, unless told.
    if getattr(os, "geteuid", lambda: 1)() == 0:
        command.append("--allow-root")
    os.chdir(copies.folder)
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(command[0], command)  # in this one's place: whoever ends it ends Jupyter
    raise typer.Exit(subprocess.run(command, check=False).returncode)
