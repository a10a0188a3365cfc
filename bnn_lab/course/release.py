"""Student versions: nbgrader's `generate_assignment`, between lint and a look at the result."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from bnn_lab.course.folder import CourseFolder, read_notebook, write_source
from bnn_lab.course.lint import Problem, lint
from bnn_lab.course.markers import REGIONS, open_lines
from bnn_lab.course.nbgrader_commands import nbgrader
from bnn_lab.errors import BnnLabError, InputError

_MARKERS = (*(word for r in REGIONS for word in (r.begin, r.end)), "BEGIN MARK SCHEME")
_TELLING = 12  # characters from which a hidden line that shows up again counts as leaked


def lint_assignment(course: CourseFolder, assignment: str) -> list[Problem]:
    """Mistakes in an assignment's instructor notebook; see `bnn_lab.course.lint`.

    Raises:
        InputError: there is no such assignment, or its notebook is damaged.
    """
    return lint(read_notebook(write_source(course, assignment)))


def make_release(
    course: CourseFolder,
    assignment: str,
    *,
    database_url: str | None = None,
    release_folder: str | None = None,
    no_database: bool = False,
) -> Path:
    """Make the student version of one assignment.

    Args:
        course: where.
        assignment: which.
        database_url: URL of the gradebook; None: the course's.
        release_folder: None: the course's.
        no_database: do not touch any gradebook.

    Returns:
        The student version.

    Raises:
        InputError: lint finds something serious.
        BnnLabError: nbgrader fails, or the result still holds solutions or hidden tests.
    """
    problems = [problem for problem in lint_assignment(course, assignment) if problem.serious]
    if problems:
        listed = "; ".join(str(problem) for problem in problems)
        raise InputError(f"'{assignment}' cannot be released: {listed}")
    url = database_url or f"sqlite:///{course.gradebook}"
    arguments = [assignment, "--force", f"--CourseDirectory.db_url={url}"]
    target = course.release(assignment)
    if release_folder:
        arguments.append(f"--CourseDirectory.release_directory={release_folder}")
        target = Path(release_folder) / assignment / target.name
    if no_database:
        arguments.append("--no-db")
    finished = nbgrader("generate_assignment", *arguments, folder=course.root)
    if finished.code != 0 or not target.is_file():
        fix = ""
        if "submissions associated" in finished.problem:
            fix = (
                ". Fix: once work is graded, exercises may change, but not come, go or get "
                "another grade_id; or start afresh: nbgrader db assignment remove "
                f"{assignment} --force"
            )
        raise BnnLabError(f"nbgrader could not release '{assignment}': {finished.problem}{fix}")
    leaks = student_version_problems(
        read_notebook(course.source(assignment)), read_notebook(target)
    )
    if leaks:
        shutil.rmtree(target.parent)
        raise BnnLabError(f"the student version of '{assignment}' was deleted: {'; '.join(leaks)}")
    return target


def student_version_problems(source: Any, release: Any) -> list[str]:
    """What a student version shows that it must not.

    Args:
        source: the instructor notebook.
        release: made from it.

    Returns:
        A line for each finding.
    """
    found = []
    text = "\n".join(cell.source for cell in release.cells)
    found += [f"it still holds '{marker}'" for marker in _MARKERS if marker in text]
    if any(cell.get("outputs") for cell in release.cells):
        found.append("it holds outputs, which may show solutions")
    hidden = {
        line.strip()
        for cell in source.cells
        for line in set(cell.source.split("\n")) - set(open_lines(cell.source))
        if len(line.strip()) >= _TELLING
    }
    shown = {line.strip() for cell in source.cells for line in open_lines(cell.source)}
    leaked = sorted((hidden & {line.strip() for line in text.split("\n")}) - shown)
    found += [f"it still shows the line '{line}'" for line in leaked[:3]]
    return found
