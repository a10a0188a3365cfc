"""Choice of the backend."""

from __future__ import annotations

import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bnn_lab import kernels
from bnn_lab.kernels import choice

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "native/include/bnn/backends.def"


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


PRINT_ACTIVE = "from bnn_lab import kernels; print(kernels.active_backend())"


def test_default_is_the_fastest(monkeypatch, tmp_path):
    monkeypatch.delenv("BNN_LAB_BACKEND", raising=False)
    monkeypatch.setenv("BNN_LAB_CACHE", str(tmp_path))  # without a calibration of this CPU
    choice.forget()
    assert kernels.active_backend() == kernels.available_backends()[-1]
    choice.forget()


def test_scalar_is_always_there():
    assert kernels.available_backends()[0] == "scalar"


@pytest.mark.parametrize("name", kernels.available_backends())
def test_environment_variable_forces(name):
    assert run(PRINT_ACTIVE, BNN_LAB_BACKEND=name).stdout.strip() == name


@pytest.mark.parametrize(
    "backend", [b for b in kernels.all_backends() if not b.available], ids=lambda b: b.name
)
def test_unsupported_backend_is_refused(backend: kernels.BackendInfo) -> None:
    result = run(PRINT_ACTIVE, BNN_LAB_BACKEND=backend.name)
    assert result.returncode != 0
    assert "BackendError: environment variable BNN_LAB_BACKEND" in result.stderr
    assert backend.name in result.stderr and "available here: scalar" in result.stderr
    reason = (
        "needs instructions that this CPU or its operating system lacks"
        if backend.built
        else "is not in this build"
    )
    assert reason in result.stderr


def test_unknown_backend_is_refused():
    result = run(PRINT_ACTIVE, BNN_LAB_BACKEND="turbo")
    assert "BackendError" in result.stderr
    assert "unknown kernel backend 'turbo'" in result.stderr


# --- one list of them ----------------------------------------------------------------------------


def test_the_list_is_that_of_the_table() -> None:
    names = re.findall(r"^BNN_BACKEND\((\w+),", TABLE.read_text(), re.MULTILINE)
    assert [backend.name for backend in kernels.all_backends()] == names


def test_those_of_this_architecture_are_built() -> None:
    for backend in kernels.all_backends():
        assert backend.built == (backend.architecture in ("any", platform.machine())), backend
        assert backend.built or not backend.available, backend


@pytest.mark.parametrize(
    "backend",
    [b for b in kernels.all_backends() if b.architecture == "x86_64"],
    ids=lambda b: b.name,
)
def test_the_cpu_is_asked_for_all_that_the_compiler_may_use(backend: kernels.BackendInfo) -> None:
    """The compiler's flags, the CPU check and the list name the same features."""
    folder = ROOT / "native/src" / backend.name
    flags = re.search(r"bnn_backend\((.*?)\)", (folder / "CMakeLists.txt").read_text(), re.DOTALL)
    assert flags
    compiled = [flag.replace("-", "") for flag in re.findall(r"-m([\w-]+)", flags[1])]
    checked = re.findall(r'cpu_supports\("(\w+)"\)', (folder / "cpu.cc").read_text())
    listed = [feature.replace("_", "") for feature in backend.features]
    checked = [feature.replace("_", "") for feature in checked]
    assert sorted(compiled) == sorted(checked) == sorted(listed)


@pytest.mark.parametrize(
    ("page", "cell"),
    [
        ("docs/kernels.md", r"^\| `(\w+)` \|"),
        ("docs/architecture.md", r"^\| `(\w+)` \|.*`native/src/\1` \|$"),
        ("notebooks/lessons/03_bitpacked_convolution.py", r"^# \* \*\*(\w+)\*\*: "),
    ],
)
def test_pages_name_every_backend(page: str, cell: str) -> None:
    names = re.findall(cell, (ROOT / page).read_text(), re.MULTILINE)
    backends = [backend.name for backend in kernels.all_backends()]
    # The first table has all; another may leave out those that lack what it is about.
    assert names[: len(backends)] == backends and set(names) == set(backends)


def test_no_other_file_names_a_backend() -> None:
    """A new one must not need more than its folder, the table, and pages."""
    name = "avx512vpopcntdq"
    assert name in {backend.name for backend in kernels.all_backends()}
    # amx is built on it.
    own = {ROOT / "native/src" / name, ROOT / "native/src/amx", ROOT / "native/tests/emulated.h"}
    suffixes = {".py", ".cc", ".h", ".def", ".txt", ".cmake", ".toml"}
    found = [
        path
        for folder in ("bnn_lab", "native", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in suffixes
        and own.isdisjoint({path, *path.parents})
        and name in path.read_text()
    ]
    assert found == [TABLE, Path(__file__)]
