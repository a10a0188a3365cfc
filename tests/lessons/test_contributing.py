"""CONTRIBUTING's exercise works as it stands there, and its files exist."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()


def section(title: str) -> str:
    (found,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_exercise_checks_as_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", section("Add an exercise"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(textwrap.dedent(code), names)
    check = names["check_double"]
    check(lambda x: 2 * x)
    check(lambda x: x**2)
    check(lambda x: None)
    assert capsys.readouterr().out.splitlines() == [
        "✓ Right. Doubling is adding.",
        "✗ Not yet. For 3 it gives 9: that is the square.",
        "✗ Not yet. Your function returns None. Write your lines, and return the result.",
    ]


@pytest.mark.parametrize(
    "title", ["Add a figure of a result", "Add an exercise", "Add a section to a lesson"]
)
def test_the_files_that_are_named_exist(title: str) -> None:
    paths = re.findall(r"`((?:bnn_lab|docs|notebooks|tests)/[\w/.]+\.\w+)`", section(title))
    assert len(paths) >= 3
    for path in paths:
        if re.fullmatch(r"(x|test_x|NN_name)", Path(path).stem):  # a name to be chosen
            assert (ROOT / path).parent.is_dir(), path
        else:
            assert (ROOT / path).is_file(), path
