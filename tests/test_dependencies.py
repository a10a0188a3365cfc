"""Imports run one way: at load, inside functions and for types alike.

The layers are listed once, in docs/architecture.md; this test reads them there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "bnn_lab"
# What is worth a late import: each takes a second or more to load, or is an optional extra.
SLOW_OR_OPTIONAL = {"tensorflow", "tf_keras", "larq", "ai_edge_litert", "plotly"}


@cache
def levels() -> dict[str, int]:
    """The number of each room's layer, from the bottom up."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    (block,) = re.findall(r"```\{code-block\} text\n:name: layers\n\n(.*?)```", page, re.DOTALL)
    layers = [line.split("|")[0].split() for line in block.splitlines() if line.strip()]
    return {name: level for level, names in enumerate(reversed(layers)) for name in names}


@cache
def modules() -> dict[str, Path]:
    """Dotted name without `bnn_lab.` to file."""
    found = {}
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(tree: ast.AST) -> Iterator[str]:
    """Every module of bnn_lab that is imported anywhere in a file, without `bnn_lab.`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            if name.split(".")[0] == "bnn_lab":
                yield longest_module(name.removeprefix("bnn_lab").lstrip("."))


def longest_module(name: str) -> str:
    """`convert.report.Report` is a name in the module `convert.report`."""
    while name and name not in modules():
        if "." not in name:
            return "" if name not in levels() else name
        name = name.rpartition(".")[0]
    return name


@cache
def graph() -> dict[str, set[str]]:
    return {
        module: set(imported(ast.parse(path.read_text()))) - {module, ""}
        for module, path in modules().items()
        if module
    }


def room(module: str) -> str:
    return module.split(".")[0]


def test_every_room_has_its_layer():
    rooms = {
        path.stem for path in PACKAGE.iterdir() if path.suffix in {".py", ".pyi"} or path.is_dir()
    }
    assert rooms - {"__init__", "__pycache__", "py"} == set(levels())


def test_no_module_imports_from_a_higher_layer():
    up = {
        (module, other)
        for module, others in graph().items()
        for other in others
        if room(other) != room(module) and levels()[room(other)] >= levels()[room(module)]
    }
    assert not up


def test_no_circles_between_modules():
    edges = graph()

    def reachable(start: str) -> set[str]:
        seen: set[str] = set()
        todo = list(edges[start])
        while todo:
            node = todo.pop()
            if node not in seen:
                seen.add(node)
                todo += edges.get(node, ())
        return seen

    assert not [module for module in edges if module in reachable(module)]
