"""A student's first minutes with an assignment: a hint, a fix, and the cue of success."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bnn_lab.course.folder import init_course, shipped_exercises
from bnn_lab.course.release import make_release

NAME = "01_inertia"
STUB = "✗ Not yet. sign returns None. Write your lines, and return the result."
NUMPY = "✗ Not yet. You gave array([0.]). Here 0 becomes +1. (np.sign gives 0.)"
RIGHT = "✓ Right. Your sign gives ±1, and +1 for 0."


class Student:
    """Works with mouse and keyboard in an open notebook."""

    def __init__(self, notebook: Any) -> None:
        self.notebook, self.page = notebook, notebook.page
        self.cells = self.page.locator(".jp-Notebook .jp-Cell")

    def find(self, grade_id: str) -> int:
        """Number of the cell with a grade_id."""
        for number, cell in enumerate(self.notebook.cells()):
            if cell["metadata"].get("nbgrader", {}).get("grade_id") == grade_id:
                return number
        raise KeyError(grade_id)

    def run(self, number: int) -> None:
        """Select a cell, also a folded one, and press Shift+Enter."""
        self.page.evaluate(
            """number => {
                const {content} = window.jupyterapp.shell.currentWidget;
                content.mode = "command";
                content.activeCellIndex = number;
                content.node.focus();
            }""",
            number,
        )
        self.page.keyboard.press("Shift+Enter")
        self.notebook.settle()

    def write(self, number: int, source: str) -> None:
        """Replace a cell's text."""
        self.cells.nth(number).locator(".cm-content").click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(source)

    def folded(self, number: int) -> bool:
        """Whether the cell's text is out of sight."""
        return not self.cells.nth(number).locator(".cm-content").is_visible()

    def unfold(self, number: int) -> None:
        """Click what stands in the place of a folded cell's text."""
        self.cells.nth(number).locator(".jp-Placeholder").first.click()

    def sees(self, number: int) -> str:
        """Text below a cell."""
        text: str = self.cells.nth(number).locator(".jp-OutputArea").inner_text()
        return text.strip()


@pytest.mark.slow
@pytest.mark.parametrize("frontend", ["lab", "notebook"])
def test_a_student_gets_a_hint_and_then_the_cue(
    open_notebook: Callable[[str, str], Any], jupyter: Any, tmp_path: Path, frontend: str
) -> None:
    course = init_course(tmp_path / "course", empty=True)
    shutil.copy(next(p for p in shipped_exercises() if p.stem == NAME), course.exercises)
    name = f"{NAME}_{frontend}.ipynb"
    shutil.copy(make_release(course, NAME, no_database=True), jupyter.root / name)
    notebook = open_notebook(name, frontend)
    student = Student(notebook)
    mine, check = student.find("sign"), student.find("check_sign")

    student.run(1)
    student.run(check)  # too early, as happens
    assert student.sees(check).startswith("✗ Not yet. name 'sign' is not defined. Run the cells")

    student.run(mine)
    student.run(check)
    assert student.sees(check) == STUB
    notebook.screenshot("hint", student.cells.nth(check))

    student.write(mine, "def sign(x):\n    return np.sign(x)")
    student.run(mine)
    student.run(check)
    assert student.sees(check) == NUMPY
    notebook.screenshot("second hint")

    student.write(mine, "def sign(x):\n    return np.where(x < 0, -1.0, 1.0)")
    student.run(mine)
    student.run(check)
    assert student.sees(check).split("\n") == [RIGHT, "1 of 5 exercises solved."]
    assert student.sees(1).endswith("1 of 5 exercises solved.")  # at the top
    assert student.cells.nth(check).get_by_role("status").is_visible()
    notebook.screenshot("success")

    # A check cell is out of sight, and cannot be changed by accident.
    assert student.folded(check)
    student.unfold(check)
    before = notebook.cells()[check]["source"]
    student.write(check, "pass")
    assert notebook.cells()[check]["source"] == before


@pytest.mark.slow
def test_run_all_goes_on_behind_unsolved_exercises(
    open_notebook: Callable[[str, str], Any], jupyter: Any, tmp_path: Path
) -> None:
    course = init_course(tmp_path / "course", empty=True)
    shutil.copy(next(p for p in shipped_exercises() if p.stem == NAME), course.exercises)
    name = f"{NAME}_all.ipynb"
    shutil.copy(make_release(course, NAME, no_database=True), jupyter.root / name)
    notebook = open_notebook(name, "lab")
    notebook.start_all()
    notebook.wait_for_all()
    notebook.screenshot("run all")
    student = Student(notebook)
    for number, cell in enumerate(notebook.cells()):
        data = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "code" and data.get("grade"):
            assert student.sees(number).startswith("✗ Not yet."), number
            assert "is not defined" not in student.sees(number)
