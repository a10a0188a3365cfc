"""The native test programs on this machine, under AddressSanitizer and UBSan."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bnn_lab import kernels


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=600)


def covered(output: str, pattern: str) -> set[str]:
    """Backends named on the line that `pattern` starts."""
    match = re.search(pattern + r":([\w ]*)", output)
    assert match, output
    return set(match[1].split())


@pytest.fixture(scope="module")
def compared(sanitized: Path, vectors: Path) -> str:
    """What comparing the sanitized kernels with the oracle prints."""
    done = run(sanitized / "oracle_vectors", vectors)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_every_backend_equals_the_oracle(compared: str) -> None:
    assert covered(compared, "backends covered") == set(kernels.available_backends())


def emulated_here() -> set[str]:
    """Forms of the amx backend that run without tiles: one anywhere, one on vector registers."""
    amx = next(backend for backend in kernels.all_backends() if backend.name == "amx")
    vectors = {feature for feature in amx.features if not feature.startswith("amx_")}
    have = any(b.available and vectors <= set(b.features) for b in kernels.all_backends())
    return {"amx_portable", *(["amx_emulated"] if have else [])}


def test_the_logic_of_tiles_equals_the_oracle_on_any_cpu(compared: str) -> None:
    """It is not counted as covering amx: that takes the tiles."""
    assert covered(compared, "\nemulated") == emulated_here()


def test_tiles_leave_to_popcounts_what_they_do_not_help(compared: str) -> None:
    """Narrow groups, few steps, little work, depthwise layers, and columns beside zero-padding."""
    line = r"\nchoice between tiles and popcounts: (\d+) of (\d+) layers"
    ((right, layers),) = re.findall(line, compared)
    assert right == layers and int(layers) == 10 * len(emulated_here())


@pytest.mark.parametrize("build", ["sanitized", "as shipped"])
def test_every_backend_equals_scalar_within_guard_pages(
    sanitized: Path, build_programs: Callable[..., Path], build: str
) -> None:
    directory = sanitized if build == "sanitized" else build_programs("host")
    done = run(directory / "compare_backends")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    others = set(kernels.available_backends()) - {"scalar"}
    assert covered(done.stdout, "compared with scalar") >= others
    assert covered(done.stdout, "\nemulated") == emulated_here()


def test_spans_of_several_rows_and_set_up_of_threads(compared: str) -> None:
    """Both are for backends to come; one of the test program asks for them."""
    line = r"spans of several rows: (\d+) of (\d+), on (\d+) threads, with (\d+) set-ups"
    found = re.findall(line, compared)
    assert len(found) == 2, compared  # up to three rows, and as many as there are
    for numbers in found:
        several, spans, threads, set_ups = map(int, numbers)
        assert 0 < several < spans and threads > 1
        assert 0 < set_ups < spans  # one serves many spans


def test_a_wrong_result_is_reported(sanitized: Path, vectors: Path, tmp_path: Path) -> None:
    data = bytearray(vectors.read_bytes())
    data[-4] ^= 0x80  # an expected value of the last case; up to three bytes of fill follow
    wrong = tmp_path / "wrong.bin"
    wrong.write_bytes(data)
    done = run(sanitized / "oracle_vectors", wrong)
    assert done.returncode == 1
    for backend in kernels.available_backends():
        assert f"MISMATCH {backend} case" in done.stdout


@pytest.mark.parametrize("size", [0, 4, 1001])
def test_a_truncated_file_is_refused(
    sanitized: Path, vectors: Path, tmp_path: Path, size: int
) -> None:
    short = tmp_path / "short.bin"
    short.write_bytes(vectors.read_bytes()[:size])
    done = run(sanitized / "oracle_vectors", short)
    assert done.returncode == 2
    assert "truncated" in done.stderr


@pytest.mark.skipif(platform.machine() != "x86_64", reason="falls back from x86 vector units")
def test_an_old_cpu_falls_back_to_scalar(
    build_programs: Callable[..., Path],
    require_tool: Callable[[str, str], str],
    vectors: Path,
) -> None:
    qemu = require_tool("qemu-x86_64", "qemu-user")
    program = build_programs("host") / "oracle_vectors"
    done = run(qemu, "-cpu", "Nehalem", program, vectors)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert covered(done.stdout, "backends covered") == {"scalar"}


def test_the_thread_pool_has_no_race(build_programs: Callable[..., Path]) -> None:
    program = "thread_pool_stress"
    directory = build_programs("races", "-DBNN_SANITIZE=thread", programs=(program,))
    done = run(directory / program)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "tasks run by workers" in done.stdout


def test_rows_are_divided_among_threads(build_programs: Callable[..., Path]) -> None:
    program = "row_split"
    directory = build_programs("host", programs=(program,))
    done = run(directory / program)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "divisions of rows are right" in done.stdout
