"""`bnn-lab course check`, which students run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from bnn_lab.cli.main import main
from bnn_lab.course.folder import CourseFolder
from bnn_lab.course.validate import Verdict, check_notebook, read_verdicts
from bnn_lab.errors import BnnLabError, InputError


@pytest.fixture
def check(
    tiny_course: CourseFolder, solve: Callable[..., Any], tmp_path: Path
) -> Callable[..., dict[str, Verdict]]:
    def run(edit: Callable[[Any], None] = lambda notebook: None) -> dict[str, Verdict]:
        notebook = solve(tiny_course, "tiny")
        edit(notebook)
        file = tmp_path / "my notebook.ipynb"
        nbformat.write(notebook, file)
        before = file.read_bytes()
        verdicts = check_notebook(file, seconds=8)
        assert file.read_bytes() == before
        return {verdict.grade_id: verdict for verdict in verdicts}

    return run


def test_all_right(check: Any) -> None:
    states = {name: (v.state, v.points) for name, v in check().items()}
    assert states == {
        "check_double": ("passed", 2),
        "check_half": ("passed", 3),
        "words": ("by hand", 4),
    }


def test_hints(check: Any, cell: Any) -> None:
    def edit(notebook: Any) -> None:
        cell(notebook, "double").source = "def double(x):\n    return x + 1"
        cell(notebook, "half").source = "def hlaf(x):\n    return x / 2"
        cell(notebook, "words").source = "YOUR ANSWER HERE"

    verdicts = check(edit)
    assert verdicts["check_double"].hint == "You gave 3. Two times two."
    assert verdicts["check_half"].state == "failed"
    assert verdicts["check_half"].hint.startswith("name 'half' is not defined. Run the cells")
    assert verdicts["words"].state == "empty"


def test_loops_without_end(check: Any, cell: Any) -> None:
    def edit(notebook: Any) -> None:
        cell(notebook, "double").source = "def double(x):\n    while True:\n        pass"

    verdicts = check(edit)
    assert verdicts["check_double"].hint.startswith("It takes too long")
    assert verdicts["check_half"].state == "passed"


def test_changed_checks(check: Any, cell: Any) -> None:
    def edit(notebook: Any) -> None:
        cell(notebook, "check_double").source = "pass"

    verdicts = check(edit)
    assert verdicts["check_double"].state == "changed"
    assert "Grading uses the original" in verdicts["check_double"].hint


def test_python_that_ends(check: Any, cell: Any) -> None:
    def edit(notebook: Any) -> None:
        cell(notebook, "double").source = "import os\nos._exit(3)"

    with pytest.raises(BnnLabError, match="Python ended while the notebook ran"):
        check(edit)


def test_exit_code_and_text(
    tiny_course: CourseFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["course", "check", str(tiny_course.release("tiny"))])
    assert caught.value.code == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "✗ check_double (2 points): double returns None." in out
    assert "0 of 3 exercises pass the visible checks." in out


def test_notebooks_without_exercises(tmp_path: Path) -> None:
    file = tmp_path / "x.ipynb"
    nbformat.write(nbformat.v4.new_notebook(), file)
    with pytest.raises(InputError, match="has no exercises with points"):
        check_notebook(file)


@pytest.mark.parametrize("text", ["", "Alles gut.", "=" * 90 + "\nSomething new:\n\n    x\n"])
def test_output_that_nbgrader_does_not_print_today(text: str) -> None:
    with pytest.raises(BnnLabError, match="what this version does not know"):
        read_verdicts(text, [])
