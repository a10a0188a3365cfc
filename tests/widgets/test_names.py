"""Lists of widgets are those that the code and the lessons give."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import ipywidgets
import pytest

from bnn_lab import widgets

ROOT = Path(__file__).parents[2]
FOLDER = Path(widgets.__file__).parent
LESSONS = sorted((ROOT / "notebooks" / "lessons").glob("[0-9]*.py"))
# What others are made of: `import bnn_lab.widgets.base` and so on.
PARTS = {"FileDrop", "Explorable", "Heard", "LiveFigure"}


def classes() -> dict[str, type]:
    """Every widget that a module of the room defines."""
    found: dict[str, type] = {}
    for path in FOLDER.glob("[a-z]*.py"):
        module = importlib.import_module(f"bnn_lab.widgets.{path.stem}")
        for name, kind in vars(module).items():
            own = inspect.isclass(kind) and kind.__module__ == module.__name__
            if own and issubclass(kind, ipywidgets.DOMWidget) and not name.startswith("_"):
                found[name] = kind
    return found


def test_every_widget_is_exported() -> None:
    exported = {name for name in widgets.__all__ if inspect.isclass(getattr(widgets, name))}
    assert set(classes()) - PARTS == exported


def shown_in(lesson: Path) -> Iterator[str]:
    """Names of the explorers that a lesson makes."""
    for node in ast.walk(ast.parse(lesson.read_text())):
        if not isinstance(node, ast.Call):
            continue
        kind = classes().get(ast.unparse(node.func).rpartition(".")[2])
        if kind is None or not issubclass(kind, widgets.Explorer):
            continue
        given = [word.value for word in node.keywords if word.arg == "name"]
        default = inspect.signature(kind).parameters.get("name")
        if given:
            yield ast.literal_eval(given[0])
        elif default is not None:
            yield default.default
        else:
            yield sys.modules[kind.__module__].NAME


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda path: path.stem[:2])
def test_browsers_look_for_the_explorers_that_a_lesson_shows(lesson: Path) -> None:
    file = ROOT / "tests" / "browser" / "test_lessons.py"
    spec = importlib.util.spec_from_file_location("lessons_in_browsers", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert set(shown_in(lesson)) == module.EXPLORERS[lesson.stem]
