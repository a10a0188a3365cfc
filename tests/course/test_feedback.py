"""HideHiddenTests on notebooks as autograde leaves them."""

from __future__ import annotations

from typing import Any

import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from bnn_lab.course.preprocessors import HideHiddenTests, hidden_lines

SOURCE = """assert double(2) == 4
### BEGIN HIDDEN TESTS
assert double(21) == 42, "secret"
### END HIDDEN TESTS
passed("Doubled.")"""
SHOWN = """assert double(2) == 4
passed("Doubled.")
# Hidden tests ran here."""


def clean(*cells: Any) -> Any:
    notebook, _ = HideHiddenTests().preprocess(new_notebook(cells=list(cells)), {})
    return notebook.cells


def traceback_at(number: int, name: str = "AssertionError", value: str = "") -> Any:
    lines = SOURCE.split("\n")
    shown = "\n".join(
        f"\x1b[32m{'----> ' if n == number else '      '}{n}\x1b[39m {line}"
        for n, line in enumerate(lines, 1)
    )
    frames = ["-" * 70, f"{name} Traceback (most recent call last)", f"Cell In[4], line {number}"]
    return new_output(
        "error", ename=name, evalue=value, traceback=[*frames, shown, f"{name}: {value}"]
    )


def test_hidden_lines() -> None:
    assert list(hidden_lines(SOURCE)) == [2, 3, 4]
    assert hidden_lines("x = 1") == {}


def test_the_source_loses_hidden_tests() -> None:
    (cell,) = clean(new_code_cell(SOURCE))
    assert cell.source == SHOWN


def test_an_error_in_a_hidden_test_says_only_so() -> None:
    (cell,) = clean(new_code_cell(SOURCE, outputs=[traceback_at(3, value="secret")]))
    (output,) = cell.outputs
    assert output.traceback == ["A hidden test failed (AssertionError)."]
    assert "secret" not in str(cell) and "42" not in str(cell)


def test_an_error_in_a_visible_line_keeps_its_message_but_no_neighbours() -> None:
    error = traceback_at(1, "NameError", "name 'double' is not defined")
    (cell,) = clean(new_code_cell(SOURCE, outputs=[error]))
    assert cell.outputs[0].traceback == ["NameError: name 'double' is not defined"]


def test_a_traceback_that_cannot_be_read_is_hidden() -> None:
    error = new_output("error", ename="ValueError", evalue="secret", traceback=["gibberish"])
    (cell,) = clean(new_code_cell(SOURCE, outputs=[error]))
    assert cell.outputs[0].traceback == ["A hidden test failed (ValueError)."]


def test_hints_stay() -> None:
    hint = new_output("error", ename="NotYet", evalue="x", traceback=["✗ Not yet. Try others."])
    (cell,) = clean(new_code_cell(SOURCE, outputs=[hint]))
    assert cell.outputs[0].traceback == ["✗ Not yet. Try others."]


@pytest.mark.parametrize(
    "output",
    [
        new_output("stream", text='look: assert double(21) == 42, "secret"\n'),
        new_output("display_data", {"text/plain": 'assert double(21) == 42, "secret"'}),
        new_output("error", ename="E", evalue="", traceback=['assert double(21) == 42, "secret"']),
    ],
)
def test_student_code_that_prints_hidden_tests(output: Any) -> None:
    spy, _ = clean(new_code_cell("print(...)", outputs=[output]), new_code_cell(SOURCE))
    assert "secret" not in str(spy) and "(a hidden test)" in str(spy)
