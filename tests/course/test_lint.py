from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bnn_lab.course.folder import build_notebook
from bnn_lab.course.lint import lint
from bnn_lab.course.markers import hidden_lines, open_lines, stub_of


@pytest.fixture
def notebook(tmp_path: Path, tiny_source: str) -> Any:
    file = tmp_path / "tiny.py"
    file.write_text(tiny_source)
    return build_notebook(file)


def found(notebook: Any) -> list[str]:
    return [str(problem) for problem in lint(notebook)]


def test_a_sound_notebook(notebook: Any) -> None:
    assert found(notebook) == []


def test_duplicate_grade_ids(notebook: Any, cell: Any) -> None:
    cell(notebook, "half").metadata["nbgrader"]["grade_id"] = "double"
    (line,) = found(notebook)
    assert line.startswith("error: cell 5 'double': another cell has the same grade_id")


@pytest.mark.parametrize("points", [None, 0, -1, "three", True])
def test_missing_points(notebook: Any, cell: Any, points: Any) -> None:
    cell(notebook, "check_half").metadata["nbgrader"]["points"] = points
    (line,) = found(notebook)
    assert f"its points are {points!r}" in line and "error: cell 6 'check_half'" in line


def test_solution_without_markers(notebook: Any, cell: Any) -> None:
    mine = cell(notebook, "double")
    mine.source = mine.source.replace("### BEGIN SOLUTION", "").replace("### END SOLUTION", "")
    (line,) = found(notebook)
    assert "error: cell 3 'double': a solution cell without '### BEGIN SOLUTION'" in line


def test_markers_that_do_not_pair(notebook: Any, cell: Any) -> None:
    cell(notebook, "double").source += "\n### BEGIN SOLUTION"
    assert any("do not come in pairs" in line for line in found(notebook))


@pytest.mark.parametrize("marker", ["SOLUTION", "HIDDEN TESTS"])
def test_markers_in_a_cell_that_is_not_cleared(notebook: Any, marker: str) -> None:
    notebook.cells[1].source += f"\n### BEGIN {marker}\nsecret = 1\n### END {marker}"
    (line,) = found(notebook)
    assert "students would see it" in line


def test_stub_that_is_no_python(notebook: Any, cell: Any) -> None:
    mine = cell(notebook, "half")
    mine.source = "def half(x):\n    ### BEGIN SOLUTION\n    return x / 2\n    ### END SOLUTION"
    (line,) = found(notebook)
    assert "without its solution it is not valid Python" in line


def test_check_that_students_may_change(notebook: Any, cell: Any) -> None:
    cell(notebook, "check_half").metadata["nbgrader"]["locked"] = False
    (line,) = found(notebook)
    assert "a check cell that students may change" in line


def test_warnings(notebook: Any, cell: Any) -> None:
    check = cell(notebook, "check_double")
    check.source = check.source.split("### BEGIN")[0]
    notebook.cells.remove(cell(notebook, "check_half"))
    problems = lint(notebook)
    assert not any(problem.serious for problem in problems)
    assert [problem.grade_id for problem in problems] == ["check_double", "half"]


def test_checks_that_look_into_functions(notebook: Any, cell: Any) -> None:
    check = cell(notebook, "check_double")
    check.source += "\n@in_students_kernel\ndef helper():\n    return double.__doc__"
    assert found(notebook) == []
    check.source += "\nexpect(double.__doc__, 'Say what it does.')"
    (line,) = found(notebook)
    assert line.startswith("warning: cell 4 'check_double': it uses an attribute of 'double'")


def test_no_points_at_all(notebook: Any) -> None:
    notebook.cells = notebook.cells[:2]
    assert "no cell gives points" in found(notebook)[0]


def test_stub_keeps_the_indentation() -> None:
    source = "def f():\n    '''doc'''\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION"
    assert stub_of(source) == "def f():\n    '''doc'''\n    # YOUR CODE HERE"


CELL = """a = 1
    ### BEGIN SOLUTION
    secret = 2
    ### END SOLUTION
b = 3
### BEGIN HIDDEN TESTS
assert a
### END HIDDEN TESTS
c = 4"""


def test_one_parser_tells_what_is_open_and_what_is_hidden() -> None:
    assert open_lines(CELL) == ["a = 1", "b = 3", "c = 4"]
    assert list(hidden_lines(CELL)) == [6, 7, 8]
    assert "secret" not in stub_of(CELL) and "assert a" in stub_of(CELL)


@pytest.mark.parametrize("end", ["SOLUTION", "HIDDEN TESTS"])
def test_a_region_that_is_not_closed_reaches_to_the_end(end: str) -> None:
    source = f"a = 1\n### BEGIN {end}\nsecret = 2"
    assert open_lines(source) == ["a = 1"]
    assert open_lines(f"a = 1\n### END {end}\nb = 2") == ["a = 1", "b = 2"]
