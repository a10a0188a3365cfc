"""What all commands share: one console, one way to write a file, one way to say what failed."""

from __future__ import annotations

import io
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from bnn_lab._files import check_writable, write_whole
from bnn_lab.errors import BnnLabError


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


def written(path: Path, what: str) -> None:
    """Say that a file is there."""
    say(f"{what} written to {path}")


def show_anything() -> None:
    """Replace characters that the terminal's encoding lacks, instead of failing on them."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
