"""What all commands share: one console, one way to write a file, one way to say what failed."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console

from bnn_lab._files import check_writable, write_whole
from bnn_lab.errors import BnnLabError, InputError


def console(*, stderr: bool = False) -> Console:
    """Where commands print. Texts are shown as they are: paths and names may hold brackets."""
    return Console(stderr=stderr, markup=False, highlight=False)


def say(text: str, style: str = "", *, stderr: bool = False) -> None:
    """Print a line, whatever its length, so that paths can be copied."""
    console(stderr=stderr).print(text, style=style, soft_wrap=True)


def warn(problem: str, kind: str = "warning", *, stderr: bool = False) -> None:
    """One yellow line."""
    say(f"{kind}: {problem}", "yellow", stderr=stderr)


def list_questions(
    what: str, questions: Mapping[str, str], more: Mapping[str, Mapping[str, str]] = {}
) -> None:
    """A table of what may be asked for.

    Args:
        what: a name stands for, such as "study".
        questions: name to the question it answers.
        more: further columns: title to a text for each name that has one.
    """
    from rich.table import Table

    table = Table(what, "question", *more)
    for name, question in questions.items():
        table.add_row(name, question, *(texts.get(name, "") for texts in more.values()))
    console().print(table)


def say_noise(problem: str | None) -> None:
    """Say before a measurement what it will suffer from, if anything."""
    if problem is not None:
        warn(f"{problem}. Only quiet rounds count, so this takes longer.", "noisy", stderr=True)


def fail(error: BnnLabError) -> NoReturn:
    """Say in one line what went wrong and end with exit code 1."""
    say(f"error: {' '.join(str(error).split())}", "red", stderr=True)
    sys.exit(1)


def write_file(path: Path, content: str | bytes, what: str) -> None:
    """Write a file whole and say so; folders are made.

    Args:
        path: path of the file.
        content: text is written as UTF-8.
        what: it holds, such as "figures".

    Raises:
        InputError: the file cannot be written.
    """
    write_whole(path, content.encode() if isinstance(content, str) else content)
    written(path, what)


def check_targets(*paths: Path | None) -> None:
    """Before minutes of measuring: whether the files that were asked for can be written.

    Raises:
        InputError: one cannot.
    """
    for path in paths:
        if path is not None:
            check_writable(path)


def given_options(context: typer.Context, *but: str) -> list[str]:
    """The options that were typed, as they are written.

    Args:
        context: of the command.
        but: parameters that do not count.
    """
    return [
        option.opts[0]
        for option in context.command.params
        if option.param_type_name == "option"
        and option.name not in (None, *but)
        and str(context.get_parameter_source(option.name or "")).endswith("COMMANDLINE")
    ]


def refuse_without_name(context: typer.Context, what: str) -> None:
    """Refuse options of a command that only lists what it could do.

    Args:
        context: of the command, which got no name.
        what: a name stands for, such as "study".

    Raises:
        InputError: an option was given.
    """
    if found := given_options(context):
        raise InputError(
            f"{', '.join(found)}: without a name, this command lists what there is. Fix: name a "
            f"{what}, or leave the options out"
        )


def written(path: Path, what: str) -> None:
    """Say that a file is there."""
    say(f"{what} written to {path}")


def show_anything() -> None:
    """Replace characters that the terminal's encoding lacks, instead of failing on them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
