"""The delegate's ops against hostile options, types and shapes, under ASan and UBSan."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "native/fuzz/corpus"
FOUND = ROOT / "native/fuzz/found.zip"  # what earlier fuzzing found worth keeping
SECONDS = 60 if os.environ.get("BNN_LAB_REQUIRE_SYSTEM_TOOLS") == "1" else 10
ENVIRONMENT = {
    **os.environ,
    # A tensor too large for memory must end in an exception, not in the sanitizer's own report.
    # Freed memory is not kept long, as tensors of 256 MiB are allowed.
    "ASAN_OPTIONS": "allocator_may_return_null=1:quarantine_size_mb=16",
}


def build(cmake: str, name: str, *options: str) -> Path:
    directory = ROOT / "build" / name
    for command in (
        [
            cmake,
            "-S",
            str(ROOT / "native"),
            "-B",
            str(directory),
            "-DBNN_SANITIZE=address,undefined",
            *options,
        ],
        [cmake, "--build", str(directory), "-j", "2", "--target", "fuzz_ops"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return directory / "fuzz_ops"


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)], env=ENVIRONMENT, capture_output=True, text=True, timeout=600
    )


def test_corpus_is_what_the_script_makes(tmp_path: Path) -> None:
    script = ROOT / "native/fuzz/make_corpus.py"
    subprocess.run([sys.executable, str(script), str(tmp_path)], check=True, timeout=60)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in CORPUS.iterdir()}


def test_corpus_runs(require_tool: Callable[[str, str], str], tmp_path: Path) -> None:
    program = build(require_tool("cmake", "cmake"), "fuzz-replay", "-DBNN_FUZZ_REPLAY=ON")
    with zipfile.ZipFile(FOUND) as found:
        found.extractall(tmp_path)
    files = sorted([*CORPUS.iterdir(), *tmp_path.iterdir()])
    assert len(files) > 500
    done = run(program, *files)
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"{len(files)} inputs replayed" in done.stdout


def test_fuzzing_finds_nothing(require_tool: Callable[[str, str], str], tmp_path: Path) -> None:
    cmake, clang = require_tool("cmake", "cmake"), require_tool("clang++-14", "clang-14")
    try:
        program = build(cmake, "fuzz", "-DBNN_FUZZ=ON", f"-DCMAKE_CXX_COMPILER={clang}")
    except AssertionError as error:
        if "clang_rt" not in str(error):
            raise
        require_tool("clang-runtime-of-libFuzzer", "libclang-rt-14-dev")  # skips, or fails in CI
    corpus = shutil.copytree(CORPUS, tmp_path / "corpus")
    with zipfile.ZipFile(FOUND) as found:
        found.extractall(corpus)
    done = run(
        program,
        corpus,
        f"-max_total_time={SECONDS}",
        "-timeout=10",
        # Not rss_limit: a child starts with its parent's peak, here that of TensorFlow.
        "-rss_limit_mb=0",
        "-malloc_limit_mb=1000",
        f"-artifact_prefix={tmp_path}/",
        "-print_final_stats=1",
    )
    assert done.returncode == 0, done.stderr[-4000:]
    executed = done.stderr.split("stat::number_of_executed_units:")[1].split()[0]
    if int(executed) < 1000:
        pytest.fail(f"only {executed} inputs were tried")
