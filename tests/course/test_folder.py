"""init, release and collect."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from typer.testing import CliRunner

from bnn_lab.cli.course import app
from bnn_lab.cli.main import main
from bnn_lab.course import folder as folder_module
from bnn_lab.course.collect import collect
from bnn_lab.course.folder import (
    CourseFolder,
    build_notebook,
    init_course,
    open_course,
    shipped_exercises,
    write_source,
)
from bnn_lab.course.nbgrader_commands import run
from bnn_lab.course.release import make_release, student_version_problems
from bnn_lab.course.submission import handed_in
from bnn_lab.errors import BnnLabError, InputError


def test_init_copies_the_exercises(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["init", str(tmp_path / "course")])
    assert result.exit_code == 0, result.output
    course = open_course(tmp_path / "course")
    assert course.assignments() == [path.stem for path in shipped_exercises()]
    assert "01_inertia" in result.output and "bnn-lab course release" in result.output


def test_init_leaves_what_is_there_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(InputError, match="is not an empty folder"):
        init_course(tmp_path)
    assert os.listdir(tmp_path) == ["mine.txt"]


def test_exercises_of_an_installed_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a wheel they lie in bnn_lab/course/source."""
    package = tmp_path / "site-packages" / "bnn_lab" / "course"
    monkeypatch.setattr(folder_module, "_HERE", package)
    with pytest.raises(InputError, match="has no exercises"):
        shipped_exercises()
    (package / "source").mkdir(parents=True)
    (package / "source" / "01_x.py").write_text("")
    assert [path.name for path in shipped_exercises()] == ["01_x.py"]


def test_a_folder_that_is_no_course(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["course", "release", "--course", str(tmp_path)])
    assert "is not a course" in " ".join(capsys.readouterr().err.split())


def test_release_is_what_students_need(tiny_course: CourseFolder) -> None:
    release = nbformat.read(tiny_course.release("tiny"), 4)
    text = "\n".join(cell.source for cell in release.cells)
    assert "return 2 * x" not in text and "hidden number" not in text and "Because" not in text
    assert text.count("# YOUR CODE HERE") == 2 and "YOUR ANSWER HERE" in text
    assert "Two times two." in text  # the visible check
    checks = [c for c in release.cells if c.metadata.get("nbgrader", {}).get("locked")]
    assert checks and all(c.metadata["editable"] is False for c in checks)


def test_the_students_folder_holds_one_file(tiny_course: CourseFolder) -> None:
    release = tiny_course.release("tiny")
    assert os.listdir(release.parent) == ["tiny.ipynb"]
    assert stat.S_IMODE(release.stat().st_mode) & 0o600 == 0o600


def test_own_exercises_as_a_notebook(tmp_path: Path, tiny_source: str) -> None:
    """Made in JupyterLab, without a py:percent source."""
    course = init_course(tmp_path / "course", empty=True)
    (tmp_path / "tiny.py").write_text(tiny_source)
    target = course.source("week-2")
    target.parent.mkdir(parents=True)
    nbformat.write(build_notebook(tmp_path / "tiny.py"), target)
    assert course.assignments() == ["week-2"]
    assert make_release(course, "week-2", no_database=True).is_file()


def test_release_names_every_mistake_and_writes_nothing(
    tmp_path: Path, tiny_source: str, capsys: pytest.CaptureFixture[str]
) -> None:
    course = init_course(tmp_path / "course", empty=True)
    broken = tiny_source.replace('"grade_id": "half"', '"grade_id": "double"')
    broken = broken.replace('"points": 3, ', "")
    (course.exercises / "tiny.py").write_text(broken)
    with pytest.raises(SystemExit):
        main(["course", "release", "--course", str(course.root)])
    out, err = capsys.readouterr()
    out = " ".join(out.split())
    assert "another cell has the same grade_id" in out and "its points are None" in out
    assert "nothing was released" in err
    assert not (course.root / "release").exists()


def test_leaks_are_found(tiny_course: CourseFolder, solve: Any) -> None:
    source = nbformat.read(tiny_course.source("tiny"), 4)
    solved = solve(tiny_course, "tiny")
    assert any("return 2 * x" in line for line in student_version_problems(source, solved))
    assert any("BEGIN HIDDEN TESTS" in line for line in student_version_problems(source, source))


def test_names_of_assignments(tmp_path: Path) -> None:
    course = init_course(tmp_path / "course", empty=True)
    with pytest.raises(InputError, match="may hold letters"):
        write_source(course, "../x")
    with pytest.raises(InputError, match="there is neither"):
        write_source(course, "x")


def test_edits_of_a_generated_notebook_are_not_lost(tmp_path: Path, tiny_source: str) -> None:
    course = init_course(tmp_path / "course", empty=True)
    source = course.exercises / "tiny.py"
    source.write_text(tiny_source)
    target = write_source(course, "tiny")
    notebook = nbformat.read(target, 4)
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", text="ran")]
    nbformat.write(notebook, target)
    write_source(course, "tiny")  # only run, not edited
    notebook.cells[0].source = "# My own title"
    nbformat.write(notebook, target)
    os.utime(source, (1, 1))
    with pytest.raises(InputError, match=r"tiny\.ipynb was edited, but is made from .*tiny\.py"):
        write_source(course, "tiny")
    os.utime(target, (0, 0))  # the source was edited later
    write_source(course, "tiny")
    assert nbformat.read(target, 4).cells[0].source == "# Tiny"


def test_a_source_that_is_no_notebook(tmp_path: Path) -> None:
    course = init_course(tmp_path / "course", empty=True)
    (course.exercises / "odd.py").write_text("# %% nbgrader={broken\nx = 1\n")
    with pytest.raises(InputError, match="no cell gives points"):
        make_release(course, "odd")


class TestCollect:
    @pytest.fixture
    def course(self, tmp_path: Path, tiny_source: str) -> CourseFolder:
        course = init_course(tmp_path / "course", empty=True)
        (course.exercises / "tiny.py").write_text(tiny_source)
        other = tiny_source.replace('_id": "', '_id": "other-')
        (course.exercises / "other.py").write_text(other)
        return course

    def test_finds_the_assignment_by_its_exercises(
        self, course: CourseFolder, tmp_path: Path
    ) -> None:
        file = tmp_path / "final FINAL (2).ipynb"
        nbformat.write(build_notebook(course.exercises / "other.py"), file)
        name, target = collect(course, "ana", file)
        assert name == "other"
        assert target == course.root / "submitted" / "ana" / "other" / "other.ipynb"
        assert handed_in(course, "other") == ["ana"] and handed_in(course, "tiny") == []

    def test_refuses_other_notebooks(self, course: CourseFolder, tmp_path: Path) -> None:
        file = tmp_path / "x.ipynb"
        nbformat.write(nbformat.v4.new_notebook(), file)
        with pytest.raises(InputError, match="no exercise of any assignment"):
            collect(course, "ana", file)
        nbformat.write(build_notebook(course.exercises / "other.py"), file)
        with pytest.raises(InputError, match="no exercise of assignment 'tiny'"):
            collect(course, "ana", file, "tiny")

    def test_refuses_damaged_files_and_odd_names(
        self, course: CourseFolder, tmp_path: Path
    ) -> None:
        file = tmp_path / "x.ipynb"
        with pytest.raises(InputError, match="there is no notebook"):
            collect(course, "ana", file)
        file.write_text("<html>")
        with pytest.raises(InputError, match="not a readable notebook"):
            collect(course, "ana", file)
        with pytest.raises(InputError, match="the student's name"):
            collect(course, "../ana", file)


def test_a_command_over_its_time_is_stopped_with_its_children(tmp_path: Path) -> None:
    finished = run(["sh", "-c", "sleep 60 & echo $! > child; wait"], folder=tmp_path, seconds=1)
    assert finished.code is None and "time limit" in finished.problem
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 20  # on a busy machine a killed process takes a moment to go
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().split()[2] not in "ZX"
    except OSError:
        return False


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BnnLabError, match=r'pip install "bnn-lab\[course\]"'):
        init_course(tmp_path / "course")
