"""What a student handed in, looked at before anything is copied or run, and a clean copy of it.

nbgrader follows links, and stops the whole class at a notebook that it cannot make sense of. So it
sees copies only: plain files with plain names, and a notebook of which the cells are left.
"""

from __future__ import annotations

import json
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bnn_lab.course.folder import CourseFolder
from bnn_lab.errors import InputError

MOST_FILES, MOST_BYTES, MOST_DEPTH = 500, 100 * 2**20, 6
_STUDENT = re.compile(r"\w[\w.@ -]*")
_UNFIT = frozenset('*?[]<>|"\\:')
_LONGEST = 150  # bytes of a name
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def printable(text: str, longest: int = 300) -> str:
    """Text from a student on one line, without what steers a terminal or turns letters around."""
    line = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    return line if len(line) <= longest else line[: longest - 3] + "..."


def handed_in(course: CourseFolder, assignment: str) -> list[str]:
    """Names of the folders in which an assignment lies, in order, fit or unfit."""
    root = os.fspath(course.root / "submitted")
    try:
        names = sorted(os.listdir(root))
    except OSError:
        return []
    return [n for n in names if os.path.lexists(os.path.join(root, n, assignment))]


def check_student(course: CourseFolder, student: str) -> None:
    """Whether a student's folder is a folder, with a name that is fit.

    Raises:
        InputError: it is not; the message says why.
    """
    if not _STUDENT.fullmatch(student) or _name_problem(student) or student != student.strip():
        raise InputError(
            f"the folder's name {student!a} is unfit. Fix: letters, digits and _ . @ - only, "
            "and a letter or digit first"
        )
    if not stat.S_ISDIR(os.lstat(course.root / "submitted" / student).st_mode):
        raise InputError(f"submitted/{student} is a link, or not a folder. Fix: {_COPY}")


def clean_copy(
    course: CourseFolder, student: str, assignment: str, known: dict[str, dict[str, Any]], to: Path
) -> list[Path]:
    """Copy a submission's files, and of the notebook what may be graded.

    Args:
        course: where.
        student: whose.
        assignment: which.
        known: nbgrader's metadata of the cells that the assignment has, by grade_id.
        to: an empty folder.

    Returns:
        The files beside the notebook.

    Raises:
        InputError: names the file, and what is wrong: a link, a device, a name that is unfit, too
            much, or not a notebook.
    """
    check_student(course, student)
    folder = course.submitted(student, assignment).parent
    wanted = f"{assignment}.ipynb"
    beside, notebook = [], None
    for name, path in _plain_files(folder):
        content = _read(path, name)
        if name == wanted:
            notebook = clean_notebook(content, known)
        elif not name.endswith(".ipynb"):
            target = to / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            beside.append(target)
    if notebook is None:
        raise InputError(f"there is no {wanted} in submitted/{student}/{assignment}")
    (to / wanted).write_text(json.dumps(notebook), encoding="utf-8")
    return beside


_COPY = "ask for the file itself"


def _plain_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Names from `folder` on, and paths. Nothing is followed."""
    count = size = 0
    open_folders = [("", folder)]
    while open_folders:
        prefix, path = open_folders.pop()
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise InputError(
                f"{_shown(prefix or path.name)} is a link, or not a folder. Fix: {_COPY}"
            )
        for name in sorted(os.listdir(path)):
            inside = f"{prefix}{name}"
            if problem := _name_problem(name):
                raise InputError(f"the name {_shown(inside)} {problem}. Fix: rename the file")
            there = os.lstat(path / name)
            count, size = count + 1, size + there.st_size
            if count > MOST_FILES or size > MOST_BYTES or inside.count("/") >= MOST_DEPTH:
                raise InputError(
                    f"there are more than {MOST_FILES} files, {MOST_BYTES >> 20} MiB or "
                    f"{MOST_DEPTH} folders inside each other. Fix: ask for the notebook alone"
                )
            if stat.S_ISDIR(there.st_mode):
                open_folders.append((f"{inside}/", path / name))
            elif not stat.S_ISREG(there.st_mode):
                kind = "a link" if stat.S_ISLNK(there.st_mode) else "a device, pipe or socket"
                raise InputError(f"{_shown(inside)} is {kind}. Fix: {_COPY}")
            elif there.st_nlink > 1:
                raise InputError(f"{_shown(inside)} is also a file elsewhere. Fix: {_COPY}")
            else:
                yield inside, path / name


def _name_problem(name: str) -> str:
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        return "is not UTF-8"
    if len(encoded) > _LONGEST:
        return f"is longer than {_LONGEST} bytes"
    if any(c in _UNFIT or unicodedata.category(c)[0] == "C" for c in name):
        return "holds a character that file names should not have"
    return "begins with -" if name.startswith("-") else ""


def _shown(name: str) -> str:
    return printable(name.encode(errors="replace").decode(), 80)


def _read(path: Path, name: str) -> bytes:
    # It may have become a link since it was looked at.
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise InputError(f"{_shown(name)} cannot be read: {error.strerror}") from error


def clean_notebook(content: bytes, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A notebook's cells as a valid notebook: without outputs, and without metadata but nbgrader's.

    Args:
        content: of the `.ipynb` file.
        known: nbgrader's metadata of the cells that the assignment has, by grade_id. A student's
            cell of that id gets it back.

    Raises:
        InputError: it is not a notebook.
    """
    try:
        text = content.decode("utf-8-sig")
        raw = json.loads(text)
        if isinstance(raw, dict) and "worksheets" in raw:  # of 2014 and before
            import nbformat

            raw = nbformat.reads(text, 4)
        cells = raw["cells"]
        if not isinstance(cells, list):
            raise TypeError("its cells are not a list")
    except RecursionError:
        raise _unreadable("lists inside lists without end") from None
    except Exception as error:  # JSON, encoding, schema: whatever is wrong with the file
        raise _unreadable(f"{type(error).__name__}: {error}") from error
    clean = [_clean_cell(cell, n, known) for n, cell in enumerate(cells)]
    seen: set[str] = set()
    for cell in reversed(clean):  # of copies the last counts, as in nbgrader
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        if name in seen:
            cell["metadata"] = {}
        elif name:
            seen.add(name)
    return {
        "cells": clean,
        "metadata": {"kernelspec": _KERNEL, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _unreadable(reason: str) -> InputError:
    return InputError(
        f"it is not a readable notebook ({printable(reason, 120)}). Fix: download it again, as "
        ".ipynb"
    )


def _clean_cell(cell: Any, number: int, known: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if not isinstance(cell, dict):
        raise _unreadable(f"cell {number} is not a valid cell")
    kind, source, metadata = (cell.get(key) for key in ("cell_type", "source", "metadata"))
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if kind not in ("code", "markdown", "raw") or not isinstance(source, str):
        raise _unreadable(f"cell {number} has no type or no text")
    # Half of a surrogate pair is valid JSON, and cannot be written again.
    source = source.encode(errors="replace").decode()
    clean: dict[str, Any] = {
        "cell_type": kind,
        "id": f"cell-{number}",
        "metadata": {},
        "source": source,
    }
    if kind == "code":
        clean |= {"outputs": [], "execution_count": None}
    data = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = data.get("grade_id") if isinstance(data, dict) else None
    if isinstance(name, str) and name in known:
        clean["metadata"] = {"nbgrader": known[name]}
    return clean
