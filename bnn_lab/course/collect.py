"""Taking a student's notebook into a course's folder."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from bnn_lab.course.folder import (
    NAME,
    CourseFolder,
    instructor_notebook,
    nbgrader_data,
    read_notebook,
)
from bnn_lab.errors import InputError


def collect(
    course: CourseFolder, student: str, file: Path, assignment: str | None = None
) -> tuple[str, Path]:
    """Copy a student's notebook to where nbgrader looks for it, replacing an earlier one.

    Args:
        course: where.
        student: a name for the student's folder: letters, digits, _ and -.
        file: the student's `.ipynb`, whatever its name.
        assignment: None: the one whose exercises the notebook has.

    Returns:
        The assignment, and the copy.

    Raises:
        InputError: the name is unfit, the file is damaged, or its exercises are of no assignment.
    """
    if not NAME.fullmatch(student):
        raise InputError(f"the student's name '{student}' may hold letters, digits, _ and -.")
    ids = _grade_ids(read_notebook(file))
    matches = {
        name: len(ids & _grade_ids(instructor_notebook(course, name)))
        for name in course.choose(None if assignment is None else [assignment])
    }
    best = max(matches, key=lambda name: matches[name])
    if not matches[best]:
        wanted = f"assignment '{assignment}'" if assignment else "any assignment of this course"
        raise InputError(
            f"{file} has no exercise of {wanted}. Fix: ask for the notebook that was released."
        )
    target = course.submitted(student, best)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, target)
    return best, target


def _grade_ids(notebook: Any) -> set[str]:
    found = (nbgrader_data(cell).get("grade_id") for cell in notebook.cells)
    return {str(name) for name in found if name}
