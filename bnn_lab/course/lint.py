"""Mistakes in an instructor notebook that nbgrader would only show to students, or not at all."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bnn_lab.course.markers import HIDDEN, SOLUTION, lines_of, stub_of

_CALLED = (ast.FunctionDef, ast.ClassDef)
_BESIDE = "in_students_kernel"
_GRADE_ID = re.compile(r"[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Problem:
    """One finding.

    Attributes:
        cell: number of the cell from 1, 0 for the notebook as a whole.
        grade_id: id of the cell, "" if it has none.
        message: what is wrong, and the fix.
        serious: the notebook must not be released like this.
    """

    cell: int
    grade_id: str
    message: str
    serious: bool = True

    def __str__(self) -> str:
        place = f"cell {self.cell}" if self.cell else "notebook"
        name = f" '{self.grade_id}'" if self.grade_id else ""
        return f"{'error' if self.serious else 'warning'}: {place}{name}: {self.message}"


def lint(notebook: Any) -> list[Problem]:
    """Look for mistakes in an instructor notebook.

    Args:
        notebook: with solutions and nbgrader metadata.

    Returns:
        What was found, in order of the cells; empty if all is well.
    """
    found: list[Problem] = []
    ids: Counter[str] = Counter()
    waiting: tuple[int, str] | None = None  # a solution that no check has followed yet
    functions: set[str] = set()  # of solutions
    for number, cell in enumerate(notebook.cells, 1):
        data = cell.metadata.get("nbgrader") or {}
        grade_id = str(data.get("grade_id", ""))
        found += [Problem(number, grade_id, *rest) for rest in _cell_problems(cell, data)]
        if not data:
            continue
        ids[grade_id] += 1
        if ids[grade_id] == 2:
            message = "another cell has the same grade_id. Fix: give each cell its own."
            found.append(Problem(number, grade_id, message))
        is_solution, is_grade = bool(data.get("solution")), bool(data.get("grade"))
        if cell.cell_type == "code" and is_solution:
            functions |= {s.name for s in _statements(cell.source) if isinstance(s, _CALLED)}
        elif cell.cell_type == "code" and is_grade:
            for name in sorted(_looked_into(cell.source, functions)):
                found.append(_unseen(number, grade_id, name))
        if is_solution and not is_grade:
            if waiting:
                found.append(_unchecked(*waiting))
            waiting = (number, grade_id)
        elif is_grade and not is_solution:
            waiting = None
    if waiting:
        found.append(_unchecked(*waiting))
    if not any((c.metadata.get("nbgrader") or {}).get("grade") for c in notebook.cells):
        message = "no cell gives points. Fix: mark the check cells in nbgrader's metadata."
        found.append(Problem(0, "", message))
    return found


def _statements(source: str) -> list[ast.stmt]:
    try:
        return ast.parse(source).body
    except SyntaxError:  # a magic command; what is not Python at all is another finding
        return []


def _looked_into(source: str, functions: set[str]) -> set[str]:
    """Names of functions and classes of which a check uses more than what they return."""
    found = set()
    for statement in _statements(source):
        decorators = getattr(statement, "decorator_list", [])
        if any(isinstance(d, ast.Name) and d.id == _BESIDE for d in decorators):
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                found.add(node.value.id)
    return found & functions


def _unseen(number: int, grade_id: str, name: str) -> Problem:
    message = (
        f"it uses an attribute of '{name}', which stays in the student's process when you grade. "
        f"Fix: call it, or use a helper decorated with {_BESIDE}"
    )
    return Problem(number, grade_id, message, False)


def _unchecked(number: int, grade_id: str) -> Problem:
    message = "no check cell follows this solution, so it gives no points."
    return Problem(number, grade_id, message, False)


def _cell_problems(cell: Any, data: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    source, is_code = cell.source, cell.cell_type == "code"
    is_solution, is_grade = bool(data.get("solution")), bool(data.get("grade"))
    yield from _marker_problems(source, is_solution, is_grade and not is_solution)
    if not data:
        return
    if not _GRADE_ID.fullmatch(str(data.get("grade_id", ""))):
        yield "its grade_id is missing or holds more than letters, digits, _, . and -.", True
    if is_grade or data.get("task"):
        points = data.get("points")
        if isinstance(points, bool) or not isinstance(points, (int, float)) or points <= 0:
            yield f'it is graded, but its points are {points!r}. Fix: "points": 2', True
    if is_grade and not is_solution:
        if not data.get("locked"):
            yield 'a check cell that students may change. Fix: "locked": true', True
        if is_code and HIDDEN.begin not in source:
            yield "it has no hidden tests, so a student can write the answers in.", False
    if is_solution and is_code:
        if SOLUTION.begin not in source:
            yield (
                f"a solution cell without '### {SOLUTION.begin}': students would get an empty "
                "cell. Fix: mark what they are to write",
                True,
            )
        else:
            try:
                compile(stub_of(source), "stub", "exec")
            except SyntaxError as error:
                yield (
                    f"without its solution it is not valid Python ({error.msg}). Fix: leave a "
                    "docstring or `answer = None` outside the markers",
                    True,
                )


def _marker_problems(source: str, may_solve: bool, may_hide: bool) -> Iterator[tuple[str, bool]]:
    for region, allowed, where in (
        (SOLUTION, may_solve, "solution"),
        (HIDDEN, may_hide, "check"),
    ):
        begin, end = region.begin, region.end
        order = [
            begin if begin in line.text else end
            for line in lines_of(source)
            if region.marks(line.text)
        ]
        if not order:
            continue
        if order != [begin, end] * (len(order) // 2):
            yield f"'{begin}' and '{end}' do not come in pairs.", True
        if not allowed:
            yield f"'{begin}' outside a {where} cell: students would see it.", True
