"""The delegate against hostile options, types, shapes and graphs, under ASan and UBSan."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FUZZ = ROOT / "native/fuzz"
# Target: (seeds, the script that makes them, what earlier fuzzing found worth keeping, how many new
# inputs to try in CI and elsewhere).
TARGETS = {
    "fuzz_ops": (FUZZ / "corpus", "make_corpus.py", "found.zip", (40_000, 4_000)),
    "fuzz_graph": (FUZZ / "corpus_graph", "make_graph_corpus.py", "found_graph.zip", (2_000, 200)),
}
IN_CI = os.environ.get("BNN_LAB_REQUIRE_SYSTEM_TOOLS") == "1"
HANG = 3600  # seconds after which a program will never end
ENVIRONMENT = {
    **os.environ,
    # A tensor too large for memory must end in an exception, not in the sanitizer's own report.
    # Freed memory is not kept long, as tensors of 256 MiB are allowed.
    "ASAN_OPTIONS": "allocator_may_return_null=1:quarantine_size_mb=16",
}


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*map(str, command)], env=ENVIRONMENT, capture_output=True, text=True, timeout=HANG
    )


def all_inputs(target: str, folder: Path) -> list[Path]:
    corpus, _, found, _ = TARGETS[target]
    with zipfile.ZipFile(FUZZ / found) as archive:
        archive.extractall(folder)
    return sorted([*corpus.iterdir(), *folder.iterdir()])


@pytest.mark.parametrize("target", TARGETS)
def test_corpus_is_what_the_script_makes(target: str, tmp_path: Path) -> None:
    corpus, script, _, _ = TARGETS[target]
    subprocess.run([sys.executable, str(FUZZ / script), str(tmp_path)], check=True, timeout=HANG)
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert made == {path.name: path.read_bytes() for path in corpus.iterdir()}


@pytest.mark.parametrize("target", TARGETS)
def test_corpus_runs(sanitized: Path, tmp_path: Path, target: str) -> None:
    files = all_inputs(target, tmp_path)
    assert len(files) > 500
    done = run(sanitized / target, *files)
    assert done.returncode == 0, done.stderr[-4000:]
    assert f"{len(files)} inputs replayed" in done.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_fuzzing_finds_nothing(fuzzers: Path, tmp_path: Path, target: str) -> None:
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    all_inputs(target, corpus)
    shutil.copytree(TARGETS[target][0], corpus, dirs_exist_ok=True)
    in_ci, here = TARGETS[target][3]
    inputs = len(list(corpus.iterdir())) + (in_ci if IN_CI else here)
    done = run(
        fuzzers / target,
        corpus,
        f"-runs={inputs}",  # those of the corpus come first
        "-timeout=300",
        # Not rss_limit: a child starts with its parent's peak, here that of TensorFlow.
        "-rss_limit_mb=0",
        "-malloc_limit_mb=1000",
        f"-artifact_prefix={tmp_path}/",
        "-print_final_stats=1",
    )
    assert done.returncode == 0, done.stderr[-4000:]
    executed = done.stderr.split("stat::number_of_executed_units:")[1].split()[0]
    assert int(executed) >= inputs
