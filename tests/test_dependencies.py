"""Dependencies run one way: no package imports a higher one when it loads, and none in a circle."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "bnn_lab"

# From the bottom up; see docs/architecture.md.
LAYERS = [
    {"errors", "_quiet", "_keras", "_pandas", "_native", "reference"},
    {"kernels"},
    {"runtime"},
    {"convert", "data", "models"},
    {"bench", "lab", "explore"},
    {"widgets", "course"},
    {"compat", "demo", "doctor", "cli"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def imports_at_load(tree: ast.Module) -> set[str]:
    """bnn_lab's packages that a module imports when it loads: not in functions, not for types."""
    found: set[str] = set()
    todo: list[ast.stmt] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "bnn_lab":
                found |= {alias.name for alias in node.names if alias.name in LEVEL}
            elif node.module.startswith("bnn_lab."):
                found.add(node.module.split(".")[1])
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo += node.orelse
        elif isinstance(node, (ast.If, ast.Try, ast.With, ast.ClassDef)):
            todo += [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)]
    return found


def graph() -> dict[str, set[str]]:
    edges: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        relative = path.relative_to(ROOT).with_suffix("")
        package = relative.parts[0]
        if package == "__init__":
            continue
        found = imports_at_load(ast.parse(path.read_text()))
        edges.setdefault(package, set()).update(found - {package})
    return edges


def test_every_package_has_its_layer():
    assert set(graph()) <= set(LEVEL)


def test_no_package_imports_a_higher_one():
    upwards = {
        (package, other)
        for package, others in graph().items()
        for other in others
        if LEVEL[other] > LEVEL[package]
    }
    assert not upwards


def test_no_circles():
    edges = graph()

    def reachable(start: str) -> set[str]:
        seen: set[str] = set()
        todo = list(edges.get(start, ()))
        while todo:
            node = todo.pop()
            if node not in seen:
                seen.add(node)
                todo += edges.get(node, ())
        return seen

    assert not [package for package in edges if package in reachable(package)]
