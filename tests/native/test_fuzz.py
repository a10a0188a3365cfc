"""The delegate against hostile options, types, shapes and graphs, under ASan and UBSan."""

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
FUZZ = ROOT / "native/fuzz"
# Target: (seeds, the script that makes them, what earlier fuzzing found worth keeping).
TARGETS = {
    "fuzz_ops": (FUZZ / "corpus", "make_corpus.py", "found.zip"),
    "fuzz_graph": (FUZZ / "corpus_graph", "make_graph_corpus.py", "found_graph.zip"),
}
SECONDS = 60 if os.environ.get("BNN_LAB_REQUIRE_SYSTEM_TOOLS") == "1" else 10
ENVIRONMENT = {
    **os.environ,
    # A tensor too large for memory must end in an exception, not in the sanitizer's own report.
    # Freed memory is not kept long, as tensors of 256 MiB are allowed.
    "ASAN_OPTIONS": "allocator_may_return_null=1:quarantine_size_mb=16",
}


def build(cmake: str, name: str, *options: str) -> Path:
    directory = ROOT / "build" / name
    sanitized = ["-DBNN_SANITIZE=address,undefined", *options]
    for command in (
        [cmake, "-S", str(ROOT / "native"), "-B", str(directory), *sanitized],
        [cmake, "--build", str(directory), "-j", "2", "--target", *TARGETS],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return directory


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)], env=ENVIRONMENT, capture_output=True, text=True, timeout=600
    )


def all_inputs(target: str, folder: Path) -> list[Path]:
    corpus, _, found = TARGETS[target]
    with zipfile.ZipFile(FUZZ / found) as archive:
        archive.extractall(folder)
    return sorted([*corpus.iterdir(), *folder.iterdir()])


@pytest.mark.parametrize("target", TARGETS)
def test_corpus_is_what_the_script_makes(target: str, tmp_path: Path) -> None:
    corpus, script, _ = TARGETS[target]
    subprocess.run([sys.executable, str(FUZZ / script), str(tmp_path)], check=True, timeout=60)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in corpus.iterdir()}


@pytest.mark.parametrize("target", TARGETS)
def test_corpus_runs(require_tool: Callable[[str, str], str], tmp_path: Path, target: str) -> None:
    program = build(require_tool("cmake", "cmake"), "fuzz-replay", "-DBNN_FUZZ_REPLAY=ON") / target
    files = all_inputs(target, tmp_path)
    assert len(files) > 500
    done = run(program, *files)
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"{len(files)} inputs replayed" in done.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_fuzzing_finds_nothing(
    require_tool: Callable[[str, str], str], fuzzing_clang: str, tmp_path: Path, target: str
) -> None:
    cmake = require_tool("cmake", "cmake")
    directory = build(cmake, "fuzz", "-DBNN_FUZZ=ON", f"-DCMAKE_CXX_COMPILER={fuzzing_clang}")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    all_inputs(target, corpus)
    shutil.copytree(TARGETS[target][0], corpus, dirs_exist_ok=True)
    done = run(
        directory / target,
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
