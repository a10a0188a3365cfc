"""What students hand in, right and wrong in many ways, and the points for it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bnn_lab.cli.course import app
from bnn_lab.cli.main import main
from bnn_lab.course.folder import CourseFolder, init_course, shipped_exercises
from bnn_lab.course.grading import Limits, grade
from bnn_lab.course.points import NOT_GRADED, WAITING, Row, read_reports
from bnn_lab.course.release import make_release
from bnn_lab.errors import BnnLabError, InputError

NAME = "01_inertia"  # 16 points by checks, 4 for words


def wrong(cell: Callable[[Any, str], Any]) -> Callable[[Any], None]:
    """One step too early: costs the 3 points of its exercise."""

    def edit(notebook: Any) -> None:
        cell(notebook, "flip_step").source = (
            "def flip_step(initial, learning_rate, gradient):\n"
            "    return int(initial / (learning_rate * gradient))"
        )

    return edit


@pytest.fixture(scope="module")
def outcome(
    tmp_path_factory: pytest.TempPathFactory, hand_in: Any, cell: Any
) -> tuple[CourseFolder, dict[str, list[Row]]]:
    course = init_course(tmp_path_factory.mktemp("grading") / "course", empty=True)
    shutil.copy(next(p for p in shipped_exercises() if p.stem == NAME), course.exercises)
    make_release(course, NAME)

    def crashed(notebook: Any) -> None:
        cell(notebook, "ste").source += "\nimport os\nos._exit(1)"

    def endless(notebook: Any) -> None:
        cell(
            notebook, "flip_step"
        ).source = "def flip_step(initial, learning_rate, gradient):\n    while True:\n        pass"

    def stubborn(notebook: Any) -> None:
        # Not even Ctrl-C ends this one.
        cell(notebook, "flip_step").source = (
            "while True:\n    try:\n        while True:\n            pass\n"
            "    except KeyboardInterrupt:\n        pass"
        )

    def tampered(notebook: Any) -> None:
        gone = ("check_sign", "ste", "check_ste")
        notebook.cells = [
            c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") not in gone
        ]

        # A wrong answer that is to count as right, and for more points.
        wrong(cell)(notebook)
        check = cell(notebook, "check_flip_step")
        check.source = "pass"
        check.metadata["nbgrader"]["points"] = 100

    def loud(notebook: Any) -> None:
        cell(notebook, "sign").source += "\nfor _ in range(300):\n    print('x' * 20_000)"

    hand_in(course, NAME, "right", loud)
    hand_in(course, NAME, "wrong", wrong(cell))
    hand_in(course, NAME, "crashed", crashed)
    hand_in(course, NAME, "tampered", tampered)
    hand_in(course, NAME, "unreadable").write_text('{"cells": [')
    grade(course, limits=Limits(20, 60), sandboxed=False)
    hand_in(course, NAME, "endless", endless)
    hand_in(course, NAME, "stubborn", stubborn)
    rows = grade(course, students=["endless", "stubborn"], limits=Limits(8, 60), sandboxed=False)
    by_student: dict[str, list[Row]] = {}
    for row in rows:
        by_student.setdefault(row.student, []).append(row)
    return course, by_student


@pytest.mark.slow
@pytest.mark.parametrize(
    ("student", "points", "waiting"),
    [
        ("right", 16, 4),
        ("wrong", 13, 4),
        ("crashed", 2, 4),  # what came before the crash counts
        ("endless", 13, 4),
        ("tampered", 10, 4),  # check_sign came back, and passes; the teacher's checks ran
        ("unreadable", 0, 0),
    ],
)
def test_points(outcome: Any, student: str, points: float, waiting: float) -> None:
    _, rows = outcome
    mine = rows[student]
    assert sum(row.points for row in mine) == points
    assert sum(row.max_points for row in mine if row.state == WAITING) == waiting
    assert sum(row.max_points for row in mine) == 20


@pytest.mark.slow
def test_reasons_are_named(outcome: Any) -> None:
    _, rows = outcome
    notes = {s: {r.exercise: r.note for r in mine} for s, mine in rows.items()}
    assert notes["crashed"]["check_ste"] == "KernelDied"
    assert notes["endless"]["check_flip_step"] in ("CellTimeoutError", "KeyboardInterrupt")
    assert notes["tampered"]["check_ste"] == "NameError"
    assert notes["wrong"]["check_flip_step"] == "NotYet"
    assert all(r.state == NOT_GRADED for r in rows["unreadable"])
    assert "not a readable notebook" in rows["unreadable"][0].note


@pytest.mark.slow
def test_code_that_cannot_be_interrupted_ends_all(outcome: Any) -> None:
    _, rows = outcome
    mine = {row.exercise: row for row in rows["stubborn"]}
    assert sum(row.points for row in mine.values()) == 9  # what came before it
    assert mine["check_flip_step"].note == mine["check_scaling"].note == "KernelStuck"


@pytest.mark.slow
def test_output_is_limited(outcome: Any) -> None:
    course, _ = outcome
    assert course.autograded("right", NAME).stat().st_size < 2_000_000


@pytest.mark.slow
def test_feedback_has_hints_but_no_hidden_tests(outcome: Any) -> None:
    course, _ = outcome
    page = course.feedback("wrong", NAME).read_text()
    assert "Not yet" in page and "Hidden tests ran here" in page
    assert "HIDDEN TESTS" not in page
    assert "What happens without any gradient" not in page  # a line of the hidden test
    assert not course.feedback("unreadable", NAME).exists()


@pytest.mark.slow
def test_report(outcome: Any, tmp_path: Path) -> None:
    course, rows = outcome
    table = tmp_path / "all.csv"
    result = CliRunner(env={"COLUMNS": "200"}).invoke(
        app, ["report", "--course", str(course.root), "--csv", str(table)]
    )
    assert result.exit_code == 0, result.output
    for student in rows:
        assert student in result.output
    lines = table.read_text().splitlines()
    assert lines[0] == "assignment,student,exercise,points,max_points,state,note"
    assert "01_inertia,right,check_sign,2.0,2.0,auto," in lines
    assert len(lines) == 1 + 6 * len(rows)
    assert read_reports(course, [NAME]) == [row for mine in rows.values() for row in mine]


@pytest.mark.slow
def test_exercises_cannot_come_or_go_once_work_is_graded(outcome: Any, tmp_path: Path) -> None:
    shutil.copytree(outcome[0].root, tmp_path / "course")
    course = CourseFolder(tmp_path / "course")
    source = course.exercises / f"{NAME}.py"
    source.write_text(source.read_text().replace('"check_ste"', '"check_straight"'))
    with pytest.raises(BnnLabError, match="nbgrader db assignment remove 01_inertia"):
        make_release(course, NAME)


@pytest.mark.slow
def test_points_by_hand_reach_the_report(outcome: Any) -> None:
    from nbgrader.api import Gradebook

    from bnn_lab.course.points import read_gradebook

    course, _ = outcome
    url = f"sqlite:///{course.gradebook}"
    with Gradebook(url) as gradebook:
        given = gradebook.find_grade("explain_inertia", NAME, NAME, "right")
        given.manual_score, given.needs_manual_grade = 3, False
        gradebook.db.commit()
    rows = read_gradebook(course, url, [NAME], {})
    (row,) = [r for r in rows if r.student == "right" and r.exercise == "explain_inertia"]
    assert (row.points, row.state) == (3, "by hand")


def test_without_a_gradebook(tiny_source: str, tmp_path: Path, hand_in: Any) -> None:
    course = init_course(tmp_path / "course", empty=True)
    (course.exercises / "tiny.py").write_text(tiny_source)
    make_release(course, "tiny", no_database=True)
    hand_in(course, "tiny", "ana")
    with pytest.raises(BnnLabError, match="not in the gradebook"):
        grade(course, sandboxed=False)
    rows = grade(course, database=False, sandboxed=False)
    assert [(r.exercise, r.points, r.state) for r in rows] == [
        ("check_double", 2, "auto"),
        ("check_half", 3, "auto"),
        ("words", 0, WAITING),
    ]
    assert not list(course.root.glob("*.db"))
    assert course.feedback("ana", "tiny").is_file()
    assert read_reports(course, ["tiny"]) == rows

    hand_in(course, "tiny", "ben").write_text("damaged")
    again = grade(course, students=["ben"], database=False, sandboxed=False)
    assert [row for row in again if row.student == "ana"] == rows  # kept from the report
    assert [row.state for row in again if row.student == "ben"] == [NOT_GRADED] * 3
    assert read_reports(course, ["tiny"]) == again


@pytest.mark.slow
def test_the_whole_notebook_has_a_limit(own_tiny: CourseFolder, hand_in: Any, cell: Any) -> None:
    def dawdle(notebook: Any) -> None:
        cell(notebook, "half").source += "\nimport time\ntime.sleep(60)"

    hand_in(own_tiny, "tiny", "ben", dawdle)
    # The second cell of 60 s ends with the notebook's 12 s; nothing runs after it.
    rows = grade(own_tiny, limits=Limits(12, 12), sandboxed=False)
    assert [(r.points, r.note) for r in rows[:2]] == [(2, ""), (0, "TotalTimeLimit")]


def test_nothing_to_grade(tiny_course: CourseFolder, tmp_path: Path) -> None:
    course = init_course(tmp_path / "course", empty=True)
    with pytest.raises(InputError, match="has no exercises"):
        grade(course, sandboxed=False)
    with pytest.raises(InputError, match="nothing was handed in"):
        grade(tiny_course, sandboxed=False)
    with pytest.raises(InputError, match="no assignment 'nine'; this course has tiny"):
        grade(tiny_course, ["nine"], sandboxed=False)
    with pytest.raises(InputError, match="nothing handed in by 'zoe'"):
        grade(tiny_course, students=["zoe"], sandboxed=False)


@pytest.mark.parametrize(("cell", "total"), [(0, 10), (20, 10)])
def test_limits_that_make_no_sense(cell: int, total: int) -> None:
    with pytest.raises(InputError, match="limits of"):
        Limits(cell, total)


def test_grading_warns_of_untrusted_code(
    tiny_course: CourseFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["course", "grade", "--no-sandbox", "--course", str(tiny_course.root)])
    text = " ".join(capsys.readouterr().err.split())
    assert "Student code is about to run on this machine with your rights" in text
    assert "error: nothing was handed in" in text
