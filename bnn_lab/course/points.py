"""Points as a table: from the gradebook, or from the CSV files that grading wrote."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

from bnn_lab._files import write_whole
from bnn_lab.course.folder import CourseFolder, nbgrader_data, read_notebook
from bnn_lab.course.outputs import cell_error
from bnn_lab.course.submission import printable
from bnn_lab.errors import BnnLabError, InputError

if TYPE_CHECKING:
    from rich.table import Table

AUTO, MANUAL, WAITING, NOT_GRADED = "auto", "by hand", "to be read", "not graded"


@dataclass(frozen=True)
class Row:
    """One exercise of one student.

    Attributes:
        assignment: its name.
        student: the name of the student's folder.
        exercise: grade_id of the check cell or written answer.
        points: the points given.
        max_points: the points it is worth.
        state: "auto", "by hand", "to be read" (a written answer without points yet) or "not
            graded" (the submission as a whole could not be).
        note: why points are missing, where that is known: an error's name or what happened.
    """

    assignment: str
    student: str
    exercise: str
    points: float
    max_points: float
    state: str
    note: str = ""


def read_gradebook(
    course: CourseFolder,
    url: str,
    assignments: list[str],
    status: Mapping[str, Mapping[str, str]],
) -> list[Row]:
    """Rows from nbgrader's gradebook.

    Args:
        course: the one whose executed notebooks say why points are missing.
        url: URL of the database.
        assignments: names.
        status: assignment to student to what went wrong with the whole submission.

    Returns:
        Rows in order of assignment, student and exercise.

    Raises:
        BnnLabError: the gradebook cannot be read.
    """
    from nbgrader.api import Gradebook, MissingEntry
    from sqlalchemy.exc import SQLAlchemyError

    rows: list[Row] = []
    try:
        with Gradebook(url) as gradebook:
            for assignment in assignments:
                try:
                    notebook = gradebook.find_notebook(assignment, assignment)
                except MissingEntry:
                    continue
                order = [cell.name for cell in notebook.source_cells]
                graded = sorted(notebook.grade_cells, key=lambda cell: order.index(cell.name))
                submissions = {
                    s.student.id: s for s in gradebook.assignment_submissions(assignment)
                }
                notes = status.get(assignment, {})
                failed = {s for s, problem in notes.items() if problem.startswith(NOT_GRADED)}
                for student in sorted(set(submissions) | failed):
                    problem = notes.get(student, "")
                    if student in failed:
                        rows += [
                            Row(assignment, student, c.name, 0.0, c.max_score, NOT_GRADED, problem)
                            for c in graded
                        ]
                        continue
                    grades = {
                        grade.cell.name: grade
                        for book in submissions[student].notebooks
                        for grade in book.grades
                    }
                    errors = _errors(course, assignment, student)
                    for cell in graded:
                        rows.append(_row(assignment, student, cell, grades.get(cell.name), errors))
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise BnnLabError(
            f"the gradebook {url.removeprefix('sqlite:///')} cannot be read: {reason}. Fix: "
            "`nbgrader db upgrade` after a new version, or a copy from a backup"
        ) from error
    return rows


def _row(assignment: str, student: str, cell: object, grade: object, errors: dict[str, str]) -> Row:
    name, worth = str(cell.name), float(cell.max_score)  # type: ignore[attr-defined]
    if grade is None:
        return Row(assignment, student, name, 0.0, worth, AUTO, "the cell is missing")
    if grade.needs_manual_grade:  # type: ignore[attr-defined]
        return Row(assignment, student, name, 0.0, worth, WAITING)
    state = AUTO if grade.manual_score is None else MANUAL  # type: ignore[attr-defined]
    points = float(grade.score or 0.0)  # type: ignore[attr-defined]
    note = "" if points else errors.get(name, "")
    return Row(assignment, student, name, points, worth, state, note)


def _errors(course: CourseFolder, assignment: str, student: str) -> dict[str, str]:
    """Names of the errors that an executed submission's check cells stopped with."""
    path = course.autograded(student, assignment)
    if not path.is_file():
        return {}
    return {
        nbgrader_data(cell)["grade_id"]: cell_error(cell)
        for cell in read_notebook(path).cells
        if cell.cell_type == "code" and nbgrader_data(cell).get("grade_id")
    }


def write_report(course: CourseFolder, assignment: str, rows: list[Row]) -> Path:
    """Write an assignment's rows to ``reports/ASSIGNMENT.csv``."""
    path = course.reports / f"{assignment}.csv"
    write_whole(path, to_csv(rows))
    return path


def to_csv(rows: list[Row]) -> str:
    """Rows as CSV text with a header."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, [field.name for field in fields(Row)], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: _cell(value) for key, value in asdict(row).items()})
    return stream.getvalue()


# A spreadsheet takes a text for a formula that begins with one of these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = printable(value, 1000)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _text(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell


def read_reports(course: CourseFolder, assignments: list[str]) -> list[Row]:
    """Rows from the CSV files that `grade` wrote.

    Raises:
        InputError: there is none, or one is damaged.
    """
    rows: list[Row] = []
    for assignment in assignments:
        path = course.reports / f"{assignment}.csv"
        if not path.is_file():
            continue
        try:
            with path.open(newline="", encoding="utf-8") as file:
                for line in csv.DictReader(file):
                    numbers = {key: float(line.pop(key)) for key in ("points", "max_points")}
                    texts = {key: _text(value) for key, value in line.items()}
                    rows.append(Row(**texts, **numbers))  # type: ignore[arg-type]
        except (TypeError, ValueError, KeyError, AttributeError, csv.Error) as error:
            raise InputError(f"{path} is damaged ({error}). Fix: grade again.") from error
    if not rows:
        raise InputError("nothing is graded yet. Fix: `bnn-lab course grade`.")
    return rows


def summary(rows: list[Row]) -> Table:
    """A `rich` table: a line for each student and assignment."""
    from rich.table import Table
    from rich.text import Text

    table = Table("assignment", "student", title_justify="left")
    for title in ("points", "of", "to be read"):
        table.add_column(title, justify="right")
    table.add_column("lost points", overflow="fold")
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.assignment, row.student), []).append(row)
    for (assignment, student), mine in groups.items():
        waiting = sum(row.max_points for row in mine if row.state == WAITING)
        table.add_row(
            Text(assignment),
            Text(printable(student)),
            f"{sum(row.points for row in mine):g}",
            f"{sum(row.max_points for row in mine):g}",
            f"{waiting:g}" if waiting else "",
            Text(printable(_lost(mine), 1000)),
        )
    return table


def _lost(rows: list[Row]) -> str:
    if rows and all(row.state == NOT_GRADED for row in rows):
        return rows[0].note
    lost = [r for r in rows if r.state != WAITING and r.points < r.max_points]
    return ", ".join(r.exercise + (f" ({r.note})" if r.note else "") for r in lost)
