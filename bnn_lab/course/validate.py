"""A student's own check: nbgrader's `validate`, read and retold.

`nbgrader validate` exits with 0 whatever it finds, so its text has to be read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnn_lab.course.folder import nbgrader_data, read_notebook
from bnn_lab.course.nbgrader_commands import Finished, nbgrader
from bnn_lab.errors import BnnLabError, InputError

PASSED, FAILED, CHANGED, EMPTY, BY_HAND = "passed", "failed", "changed", "empty", "by hand"
_SUCCESS = "Success! Your notebook passes all the tests."
_BLOCK = re.compile(r"^={20,}$", re.MULTILINE)
_WIDTH = 100_000  # nbgrader cuts lines of hints otherwise


@dataclass(frozen=True)
class Verdict:
    """What became of one exercise.

    Attributes:
        grade_id: id of its check cell or written answer.
        points: the points it is worth.
        state: "passed"; "failed"; "changed" (the check cell was edited); "empty" (a written answer
            is missing); "by hand" (a written answer that the teacher will read).
        hint: what to do; "" if nothing.
    """

    grade_id: str
    points: float
    state: str
    hint: str = ""


def check_notebook(path: Path, *, seconds: int = 60) -> list[Verdict]:
    """Run a notebook from top to bottom and tell how each exercise fares. Writes nothing.

    Args:
        path: the student's notebook.
        seconds: limit for each cell.

    Returns:
        One verdict for each exercise, in order.

    Raises:
        InputError: it is not a notebook of a course, or its exercises are gone.
        BnnLabError: nbgrader could not run it.
    """
    notebook = read_notebook(path)
    graded = [c for c in notebook.cells if nbgrader_data(c).get("grade")]
    if not graded:
        raise InputError(
            f"{path} has no exercises with points. Fix: check the notebook that your teacher "
            "released, not a copy of its text."
        )
    path = path.resolve()
    options = [f"--Validator.width={_WIDTH}", f"--Execute.timeout={seconds}"]
    # Bare: the course's configuration belongs to the teacher.
    finished = nbgrader("validate", *options, path.name, folder=path.parent)
    if finished.code != 0:
        raise BnnLabError(_fatal(finished, path))
    return read_verdicts(finished.out, graded)


def read_verdicts(text: str, graded: list[Any]) -> list[Verdict]:
    """Verdicts from what `nbgrader validate` printed.

    Args:
        text: its standard output.
        graded: the notebook's cells that give points.

    Returns:
        One verdict for each of them.

    Raises:
        BnnLabError: the text is not what this version of nbgrader prints.
    """
    failed: dict[str, str] = {}
    changed: set[str] = set()
    head, *blocks = _BLOCK.split(text)
    for block in blocks:
        source, _, error = block.partition("\n\nThe error was:\n\n")
        title, _, source = source.strip("\n").partition("\n\n")
        source = _unindent(source)
        if title.startswith("The following cell failed"):
            failed[source] = _unindent(error)
        elif title.startswith("The following") and "changed" in title:
            changed.add(source)
        else:
            raise BnnLabError(f"nbgrader validate said what this version does not know: {title!r}")
    if not blocks and _SUCCESS not in head:
        raise BnnLabError(f"nbgrader validate said what this version does not know: {head!r}")
    known = {_squeeze(cell.source) for cell in graded}
    if not all(_squeeze(source) in known for source in failed):
        raise BnnLabError("nbgrader validate named a cell that the notebook does not have")
    return [_verdict(cell, failed, changed) for cell in graded]


def _verdict(cell: Any, failed: dict[str, str], changed: set[str]) -> Verdict:
    data = cell.metadata["nbgrader"]
    name, points = data["grade_id"], float(data.get("points") or 0)
    source = _squeeze(cell.source)
    if any(_squeeze(text) == source for text in changed):
        hint = (
            "You changed this check cell. Grading uses the original; copy it back from the "
            "released notebook, and change only the cell above it."
        )
        return Verdict(name, points, CHANGED, hint)
    error = next((e for text, e in failed.items() if _squeeze(text) == source), None)
    if data.get("solution"):
        if error is not None:
            return Verdict(name, points, EMPTY, "Write your answer into this cell.")
        return Verdict(name, points, BY_HAND)
    if error is not None:
        return Verdict(name, points, FAILED, _hint(error))
    return Verdict(name, points, FAILED if changed else PASSED, _NOT_RUN if changed else "")


_NOT_RUN = "Not tried: nbgrader looks no further while check cells are changed."


def _hint(error: str) -> str:
    lines = [line for line in error.strip().splitlines() if line.strip()]
    if not lines:
        return ""
    if "CellTimeoutError" in error:
        return "It takes too long: does a loop in the cell above ever end?"
    mark = "✗ Not yet. "
    starts = [number for number, line in enumerate(lines) if line.strip().startswith(mark)]
    if starts:  # a hint may have several lines
        return " ".join(line.strip() for line in lines[starts[-1] :]).removeprefix(mark)
    return lines[-1].strip()


def _fatal(finished: Finished, path: Path) -> str:
    if "DeadKernelError" in finished.log or "Kernel died" in finished.log:
        return (
            f"{path.name}: Python ended while the notebook ran. Fix: look for exit(), for endless "
            "recursion, and for arrays that need too much memory."
        )
    return f"nbgrader could not run {path.name}: {finished.problem}"


def _unindent(text: str) -> str:
    return "\n".join(line[4:] if line.startswith("    ") else line for line in text.split("\n"))


def _squeeze(text: str) -> str:
    return "".join(text.split())
