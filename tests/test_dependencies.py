"""Imports run one way: at load, inside functions and for types alike.

The layers are listed once, in docs/architecture.md; this test reads them there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "bnn_lab"
# What is worth a late import: each takes a fifth of a second or more to load, or belongs to an
# optional extra.
SLOW_OR_OPTIONAL = {
    "tensorflow", "tf_keras", "larq", "ai_edge_litert", "plotly", "xdsl", "nbgrader",
}  # fmt: skip
# Commands import when they are called, so that `bnn-lab --help` needs only typer and rich; the
# doctor looks at what may fail to import.
LATE_BY_DESIGN = {"cli", "doctor"}


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


@cache
def lazy_names() -> dict[str, dict[str, str]]:
    """Package to the names that its `__init__.pyi` exports, each with the module it comes from."""
    found = {}
    for path in PACKAGE.rglob("__init__.pyi"):
        package = ".".join(path.parent.relative_to(PACKAGE).parts)
        found[package] = {
            alias.name: ".".join(filter(None, (package, node.module or alias.name)))
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
    return found


@dataclass(frozen=True)
class Import:
    """One imported name.

    Attributes:
        target: module of bnn_lab without `bnn_lab.`; of other packages the first part.
        own: whether it is bnn_lab's.
        when: "load", "call" (inside a function) or "types".
    """

    target: str
    own: bool
    when: str


@cache
def imports_of(path: Path) -> tuple[Import, ...]:
    """All imports of a file, also those through `require_tensorflow` at load."""
    return tuple(_imports(ast.parse(path.read_text()), "load"))


def _imports(node: ast.AST, when: str) -> Iterator[Import]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
        when = "call"
    elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
        when = "types"
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "require_tensorflow":
        yield Import("tensorflow", False, when)
    elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
        names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (_import(name, when) for name in names)
    elif isinstance(node, ast.Import):
        yield from (_import(alias.name, when) for alias in node.names)
    for child in ast.iter_child_nodes(node):
        yield from _imports(child, when)


def _import(name: str, when: str) -> Import:
    first, _, rest = name.partition(".")
    return Import(module_of(rest), True, when) if first == "bnn_lab" else Import(first, False, when)


def module_of(name: str) -> str:
    """`convert.report.Report` is a name in the module `convert.report`; "" is bnn_lab itself."""
    package, _, last = name.rpartition(".")
    if name not in modules() and last in lazy_names().get(package, {}):
        return module_of(lazy_names()[package][last])
    while name and name not in modules():
        if "." not in name:
            return "" if name not in levels() else name
        name = name.rpartition(".")[0]
    return name


@cache
def graph() -> dict[str, set[str]]:
    return {
        module: {found.target for found in imports_of(path) if found.own} - {module, ""}
        for module, path in modules().items()
        if module
    }


@cache
def loaded_with(module: str) -> frozenset[str]:
    """Packages that are loaded when a module is, by it or by what it imports then."""
    seen: set[str] = set()
    packages: set[str] = set()
    todo = [module]
    while todo:
        parts = todo.pop().split(".")
        for name in {".".join(parts[: n + 1]) for n in range(len(parts))} - seen:
            seen.add(name)
            for found in imports_of(modules()[name]) if name in modules() else ():
                if found.when == "load":
                    (todo.append if found.own else packages.add)(found.target)
    return frozenset(packages)


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


def test_a_late_import_saves_loading_something_slow():
    needless = {
        (module, found.target)
        for module, path in modules().items()
        if room(module) not in LATE_BY_DESIGN
        for found in imports_of(path)
        if found.own and found.when == "call"
        if not (loaded_with(found.target) - loaded_with(module)) & SLOW_OR_OPTIONAL
    }
    assert not needless  # Fix: import it at the head of the file


def test_the_cost_of_a_load_is_seen():
    """What the test above rests on, held against what Python does."""
    assert "tensorflow" in loaded_with("training.flips")  # by require_tensorflow
    assert "tensorflow" not in loaded_with("training.results")
    assert "xdsl" in loaded_with("convert.layer_report")  # by the package that it is in
    assert "plotly" in loaded_with("figures.profile_figure")
    assert "plotly" not in loaded_with("figures")  # its names are loaded lazily
    assert module_of("figures.draw") == "figures.dispatch"
