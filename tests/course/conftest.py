"""Courses for the tests, and notebooks as students would hand them in."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from bnn_lab.course.collect import collect
from bnn_lab.course.folder import CourseFolder, init_course
from bnn_lab.course.release import make_release

Edit = Callable[[Any], None]

TINY = '''# %% [markdown]
# # Tiny

# %%
from bnn_lab.course.checks import attempt, expect_equal, passed

# %% nbgrader={"grade": false, "grade_id": "double", "locked": false, "schema_version": 3, "solution": true, "task": false}
def double(x):
    """Twice x."""
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check_double", "locked": true, "points": 2, "schema_version": 3, "solution": false, "task": false}
expect_equal(attempt(double, 2), 4, "Two times two.")
### BEGIN HIDDEN TESTS
assert double(21) == 42, "the hidden number"
### END HIDDEN TESTS
passed("Doubled.")

# %% nbgrader={"grade": false, "grade_id": "half", "locked": false, "schema_version": 3, "solution": true, "task": false}
def half(x):
    """Half of x."""
    ### BEGIN SOLUTION
    return x / 2
    ### END SOLUTION

# %% nbgrader={"grade": true, "grade_id": "check_half", "locked": true, "points": 3, "schema_version": 3, "solution": false, "task": false}
expect_equal(attempt(half, 8), 4, "The half of eight.")
### BEGIN HIDDEN TESTS
expect_equal(attempt(half, -3), -1.5, "Try others.")
### END HIDDEN TESTS
passed("Halved.")

# %% [markdown] nbgrader={"grade": true, "grade_id": "words", "locked": false, "points": 4, "schema_version": 3, "solution": true, "task": false}
# ### BEGIN SOLUTION
# Because.
# ### END SOLUTION
'''  # noqa: E501


@pytest.fixture(scope="session")
def tiny_source() -> str:
    return TINY


@pytest.fixture(scope="session")
def tiny_course(tmp_path_factory: pytest.TempPathFactory) -> CourseFolder:
    """A released course with one small assignment of its own, "tiny"."""
    course = init_course(tmp_path_factory.mktemp("tiny") / "course", empty=True)
    (course.exercises / "tiny.py").write_text(TINY)
    make_release(course, "tiny")
    return course


@pytest.fixture
def own_tiny(tiny_course: CourseFolder, tmp_path: Path) -> CourseFolder:
    """A copy of it for a single test."""
    shutil.copytree(tiny_course.root, tmp_path / "tiny")
    return CourseFolder(tmp_path / "tiny")


def _cell(notebook: Any, grade_id: str) -> Any:
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id:
            return cell
    raise KeyError(grade_id)


@pytest.fixture(scope="session")
def cell() -> Callable[[Any, str], Any]:
    """The cell of a grade_id."""
    return _cell


def _solve(course: CourseFolder, assignment: str) -> Any:
    """A released notebook with the instructor's solutions: what a perfect student sees."""
    notebook = nbformat.read(course.release(assignment), 4)
    source = nbformat.read(course.source(assignment), 4)
    for mine in notebook.cells:
        data = mine.metadata.get("nbgrader", {})
        if data.get("solution"):
            lines = _cell(source, data["grade_id"]).source.split("\n")
            mine.source = "\n".join(line for line in lines if "### " not in line)
    return notebook


@pytest.fixture(scope="session")
def solve() -> Callable[[CourseFolder, str], Any]:
    return _solve


@pytest.fixture(scope="session")
def hand_in(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`hand_in(course, assignment, student, edit)`: the solution after `edit`, collected."""

    def submit(
        course: CourseFolder, assignment: str, student: str, edit: Edit = lambda notebook: None
    ) -> Path:
        notebook = _solve(course, assignment)
        edit(notebook)
        file = tmp_path_factory.mktemp("downloads") / f"{assignment} (1).ipynb"
        nbformat.write(notebook, file)
        found, target = collect(course, student, file)
        assert found == assignment
        return target

    return submit
