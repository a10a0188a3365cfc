"""What pyproject.toml, the lock and the imports say of each other."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import bnn_lab

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
GROUPS: dict[str, list[str]] = PROJECT["dependency-groups"]

# A room may load these extras' packages; all rooms may load the base dependencies. What else a room
# wants, it imports in a function and says what to install.
LOADS = {
    "training": {"train"},
    "experiments": {"train"},
    "models": {"train"},
    "data": {"train"},
    "figures": {"notebooks"},
    "widgets": {"notebooks"},
    "course": {"course"},
}


def requirements(*extras: str) -> list[Requirement]:
    """Those of the base and of extras; extras of bnn-lab itself are followed."""
    todo, seen, found = list(extras), set(), []
    lines = list(PROJECT["project"]["dependencies"])
    while todo or lines:
        for line in lines:
            requirement = Requirement(line)
            if canonicalize_name(requirement.name) == "bnn-lab":
                todo += requirement.extras
            else:
                found.append(requirement)
        lines = []
        if todo and (extra := todo.pop()) not in seen:
            seen.add(extra)
            lines = EXTRAS[extra]
    return found


def names(*extras: str) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements(*extras)}


def locked() -> dict[str, list[Requirement]]:
    found: dict[str, list[Requirement]] = {}
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if line and not line.lstrip().startswith("#"):
            requirement = Requirement(line)
            found.setdefault(canonicalize_name(requirement.name), []).append(requirement)
    return found


@cache
def distributions() -> dict[str, list[str]]:
    return packages_distributions() | {
        # Not on every Python or machine, so perhaps not here.
        "larq_compute_engine": ["larq-compute-engine"],
        "tensorflow_datasets": ["tensorflow-datasets"],
        "_native": ["bnn-lab"],
    }


def third_party(tree: ast.Module, *, at_load: bool) -> Iterator[str]:
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if at_load and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if at_load and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            todo += node.orelse
            continue
        todo += ast.iter_child_nodes(node)
        modules = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            modules = [node.module]
        for module in modules:
            top = module.split(".")[0]
            if top != "bnn_lab" and top not in sys.stdlib_module_names:
                yield top


def undeclared(folder: Path, allowed: set[str], **which: bool) -> set[tuple[str, str]]:
    local = {
        path.stem for name in ("tests", "docs", "native") for path in (ROOT / name).rglob("*.py")
    }
    return {
        (str(path.relative_to(ROOT)), module)
        for path in folder.rglob("*.py")
        for module in third_party(ast.parse(path.read_text()), **which)
        if module not in local
        and not {canonicalize_name(d) for d in distributions().get(module, [module])} & allowed
    }


@pytest.mark.parametrize(
    "room", sorted(p.name for p in (ROOT / "bnn_lab").iterdir() if (p / "__init__.py").exists())
)
def test_a_room_loads_only_what_it_may(room: str) -> None:
    folder = ROOT / "bnn_lab" / room
    assert not undeclared(folder, names(*LOADS.get(room, ())), at_load=True)


@pytest.mark.parametrize("module", sorted((ROOT / "bnn_lab").glob("*.py")), ids=lambda p: p.stem)
def test_a_module_on_the_ground_floor_loads_only_the_base(module: Path) -> None:
    used = set(third_party(ast.parse(module.read_text()), at_load=True))
    missing = [n for n in used if not {*map(canonicalize_name, distributions()[n])} & names()]
    assert not missing


@pytest.mark.parametrize("folder", ["bnn_lab", "tests", "notebooks", "docs", "native"])
def test_every_import_is_declared(folder: str) -> None:
    extras = set(EXTRAS) - ({"test", "dev", "docs", "browser"} if folder == "bnn_lab" else set())
    # To compare with, where it is there; and a module that a test writes.
    optional = {"larq-zoo", "sweep-experiments"} if folder == "tests" else set()
    optional |= {canonicalize_name(Requirement(line).name) for line in GROUPS["torch"]}
    assert not undeclared(ROOT / folder, names(*extras) | optional, at_load=False)


def test_the_lock_holds_a_version_of_everything() -> None:
    lock = locked()
    declared = requirements(*EXTRAS)
    declared += [Requirement(line) for group in GROUPS.values() for line in group]
    for requirement in declared:
        entries = lock.get(canonicalize_name(requirement.name), [])
        assert entries, f"{requirement} is not in requirements.lock. Fix: make lock"
        fits = [
            entry
            for entry in entries
            if all(
                requirement.specifier.contains(s.version, prereleases=True) for s in entry.specifier
            )
        ]
        assert fits, f"requirements.lock has {entries}, but {requirement} is asked for"


def test_the_lock_names_no_place() -> None:
    text = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"://|--(index|extra|find)|@ |^/", text, re.MULTILINE)


@pytest.mark.parametrize("minor", [11, 12, 13])
def test_one_version_of_each_package_on_each_python(minor: int) -> None:
    where: dict[str, Any] = {
        "python_version": f"3.{minor}",
        "python_full_version": f"3.{minor}.7",
        "sys_platform": "linux",
        "platform_machine": "x86_64",
    }
    for name, entries in locked().items():
        fits = [e for e in entries if e.marker is None or e.marker.evaluate(where)]
        assert len(fits) <= 1, (name, fits)
    numpy = [e for e in locked()["numpy"] if e.marker and e.marker.evaluate(where)]
    assert [str(e.specifier).startswith("==1.") for e in numpy] == [minor < 13]


def test_the_build_group_is_what_the_build_asks_for() -> None:
    assert set(PROJECT["build-system"]["requires"]) <= set(GROUPS["build"])


def test_targets_of_make_name_extras() -> None:
    makefile = (ROOT / "Makefile").read_text()
    lists = re.findall(r"^EXTRAS_\w+ := (.*)$", makefile, re.MULTILINE)
    assert len(lists) >= 3
    for extras in lists:
        assert set(extras.split(",")) <= set(EXTRAS)


def test_the_version_is_written_once() -> None:
    assert version("bnn-lab") == bnn_lab.__version__ == PROJECT["project"]["version"]
    written = re.escape(PROJECT["project"]["version"])
    for name in ("bnn_lab/__init__.py", "native/CMakeLists.txt", "docs/conf.py", "CITATION.cff"):
        assert not re.search(rf"\b{written}\b", (ROOT / name).read_text()), name


@pytest.mark.parametrize("module", ["kernels", "runtime", "tflite", "reference", "errors"])
def test_inference_loads_no_tool_of_the_converter(module: str) -> None:
    absent = "{'xdsl', 'typer', 'rich', 'tensorflow', 'plotly'}"
    code = f"import sys, bnn_lab.{module}; print(*sorted({absent} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stdout.strip()) == (0, ""), run.stderr


XDSL = re.search(r"xdsl>=0\.(\d+),<0\.(\d+)", (ROOT / "pyproject.toml").read_text())
assert XDSL


@pytest.mark.slow
@pytest.mark.parametrize("minor", [int(XDSL[1]), int(XDSL[2]) - 1])
def test_converter_works_with_both_ends_of_the_xdsl_range(
    minor: int, tmp_path: Path, require_registry: None
) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    wanted = [f"--target={tmp_path}", "--no-deps", f"xdsl==0.{minor}.*"]
    subprocess.run([*pip, *wanted], check=True, timeout=300)
    # In front of the path, before the environment's own.
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import xdsl, pytest;"
        f"assert xdsl.__file__.startswith({str(tmp_path)!r});"
        "sys.exit(pytest.main(sys.argv[1:]))"
    )
    tests = ["tests/convert/passes/test_text.py", "tests/convert/test_dialect.py"]
    tests += ["tests/convert/test_flatbuffer.py", "tests/convert/test_lce_format.py"]
    run = subprocess.run(
        [sys.executable, "-c", code, "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert run.returncode == 0, run.stdout[-5000:] + run.stderr[-2000:]
