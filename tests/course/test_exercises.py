"""Each exercise, through nbgrader's commands: its solution passes, its stub fails with a hint."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
import pytest

from bnn_lab.course.folder import CourseFolder, build_notebook, init_course, shipped_exercises
from bnn_lab.course.lint import lint
from bnn_lab.course.markers import open_lines
from bnn_lab.course.nbgrader_commands import nbgrader
from bnn_lab.course.points import Row, read_gradebook
from bnn_lab.course.release import make_release, student_version_problems
from bnn_lab.lessons.checks.cards import wrapped
from bnn_lab.lessons.checks.feedback import NotYet

ROOT = Path(__file__).parents[2]
SOURCES = {path.stem: path for path in shipped_exercises()}
# Those that load TensorFlow take some ten seconds.
SLOW = {"04_deployment", "05_design"}
ASSIGNMENTS = [
    pytest.param(name, marks=pytest.mark.slow if name in SLOW else (), id=name) for name in SOURCES
]


def graded_cells(notebook: Any) -> list[Any]:
    return [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")]


def test_there_is_an_assignment_for_each_lesson() -> None:
    assert [name[:2] for name in SOURCES] == ["01", "02", "03", "04", "05", "06"]
    assert all(path.parent == ROOT / "notebooks/exercises/source" for path in SOURCES.values())


def test_there_are_many_exercises_and_a_question_in_words_each() -> None:
    checks = 0
    for path in SOURCES.values():
        cells = graded_cells(build_notebook(path))
        written = [c for c in cells if c.cell_type == "markdown"]
        assert len(written) == 1, path
        checks += len(cells) - len(written)
    assert checks >= 15


@pytest.mark.parametrize("name", list(SOURCES))
def test_lint_finds_nothing(name: str) -> None:
    assert [str(problem) for problem in lint(build_notebook(SOURCES[name]))] == []


@pytest.mark.parametrize("name", list(SOURCES))
def test_points_add_up_to_what_the_text_says(name: str) -> None:
    notebook = build_notebook(SOURCES[name])
    points = [cell.metadata["nbgrader"]["points"] for cell in graded_cells(notebook)]
    text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
    assert f"{sum(points)} points:" in text
    headings = [line for line in text.split("\n") if line.startswith("## Exercise")]
    assert [int(line.rsplit("(", 1)[1].split()[0]) for line in headings] == points


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`graded(name)`: the course, and the rows of student "solution" and student "stub"."""

    @cache
    def run(name: str) -> tuple[CourseFolder, list[Row]]:
        course = init_course(tmp_path_factory.mktemp("exercises") / "course", empty=True)
        shutil.copy(SOURCES[name], course.exercises)
        make_release(course, name)
        for student, file in (("solution", course.source(name)), ("stub", course.release(name))):
            target = course.submitted(student, name)
            target.parent.mkdir(parents=True)
            shutil.copy(file, target)
        # A busy machine may take longer than a course's limits allow, to load TensorFlow alone.
        limits = ("--Execute.timeout=200", "--LimitedExecute.total_timeout=500")
        finished = nbgrader("autograde", name, *limits, folder=course.root, seconds=600)
        assert finished.code == 0, finished.log
        rows = read_gradebook(course, f"sqlite:///{course.gradebook}", [name], {})
        return course, rows

    return run


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_solution_passes(graded: Any, name: str) -> None:
    course, rows = graded(name)
    mine = [row for row in rows if row.student == "solution"]
    assert [row for row in mine if row.state == "auto" and row.points != row.max_points] == []
    assert [row.state for row in mine].count("to be read") == 1
    for cell in nbformat.read(course.autograded("solution", name), 4).cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error", (cell.source, output.traceback)
            assert output.get("name") != "stderr", (cell.source, output.text)


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_stub_fails_with_hints(graded: Any, name: str) -> None:
    course, rows = graded(name)
    mine = [row for row in rows if row.student == "stub"]
    assert mine and all(row.points == 0 for row in mine)
    for cell in nbformat.read(course.autograded("stub", name), 4).cells:
        errors = [o for o in cell.get("outputs", []) if o.output_type == "error"]
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
            (error,) = errors
            assert error.ename == "NotYet"
            (hint,) = error.traceback  # a hint, not a traceback
            assert hint.startswith("✗ Not yet. ") and hint == wrapped(" ".join(hint.split()))
        else:
            assert errors == [], cell.source


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_student_version_hides_what_it_must(graded: Any, name: str) -> None:
    course, _ = graded(name)
    source, release = (nbformat.read(f(name), 4) for f in (course.source, course.release))
    assert student_version_problems(source, release) == []
    assert {p.name for p in course.release(name).parent.iterdir()} == {f"{name}.ipynb"}
    for cell in release.cells:
        if cell.metadata.get("nbgrader", {}).get("solution"):
            stub = "YOUR CODE HERE" if cell.cell_type == "code" else "YOUR ANSWER HERE"
            assert stub in cell.source


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_right_answers_pass_what_students_can_see(
    graded: Any, solve: Any, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without hidden tests: no visible line may need a name that only they define."""
    course, _ = graded(name)
    scope: dict[str, Any] = {"__name__": "student"}
    for cell in solve(course, name).cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, name, "exec"), scope)
    right = capsys.readouterr().out.count("✓ Right.")
    checks = [c for c in graded_cells(nbformat.read(course.release(name), 4))]
    assert right == len([c for c in checks if c.cell_type == "code"])


@pytest.mark.parametrize("name", list(SOURCES))
def test_checks_are_folded_and_let_a_run_go_on(name: str) -> None:
    notebook = build_notebook(SOURCES[name])
    for cell in graded_cells(notebook):
        if cell.cell_type == "code":
            assert "raises-exception" in cell.metadata["tags"]  # Jupyter stops at others
            assert cell.metadata["jupyter"]["source_hidden"]
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    checks = [c for c in graded_cells(notebook) if c.cell_type == "code"]
    assert f"show_progress({len(checks)})" in code
    assert code.count("show_result(lambda") >= 1


def test_visible_checks_refuse_each_wrong_answer_to_the_scaling_theorem() -> None:
    """Whatever the text asks for, a check that students can see must ask for."""
    notebook = build_notebook(SOURCES["01_inertia"])
    cells = {c.metadata.get("nbgrader", {}).get("grade_id"): c.source for c in notebook.cells}
    start = notebook.cells[1].source
    pairs = next(c.source for c in notebook.cells if c.source.startswith("pairs = {"))
    right = {"momentum": True, "adam": True, "clipped": False, "clipped_in_scale": True}
    visible = "\n".join(open_lines(cells["check_scaling"]))
    for name in right:
        scope: dict[str, Any] = {}
        exec(f"{start}\n{pairs}", scope)
        scope["same_signs"] = {**right, name: not right[name]}
        with pytest.raises(NotYet, match=f"^{name}: "):
            exec(visible, scope)
