"""The kernels on 64-bit ARM: cross-compiled, then run under emulation of several CPUs."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CPUS = ["cortex-a53", "cortex-a72", "neoverse-n1", "max"]
SYSROOT = "/usr/aarch64-linux-gnu"


@pytest.fixture(scope="module")
def programs(
    require_tool: Callable[[str, str], str], build_programs: Callable[..., Path]
) -> dict[str, list[str]]:
    """Command of each test program, without the emulated CPU."""
    require_tool("aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu")
    emulator = require_tool("qemu-aarch64", "qemu-user")
    toolchain = ROOT / "native/cmake/aarch64-linux-gnu.cmake"
    directory = build_programs("aarch64", f"-DCMAKE_TOOLCHAIN_FILE={toolchain}")
    return {
        name: [emulator, "-L", SYSROOT, "-cpu", "CPU", str(directory / name)]
        for name in ("oracle_vectors", "compare_backends")
    }


def emulate(command: list[str], cpu: str, *arguments: str) -> str:
    """Output of a program that must succeed on the emulated CPU."""
    command = [cpu if part == "CPU" else part for part in command]
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"on {cpu}:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
    return done.stdout


@pytest.mark.parametrize("cpu", CPUS)
def test_neon_equals_the_oracle(cpu: str, programs: dict[str, list[str]], vectors: Path) -> None:
    output = emulate(programs["oracle_vectors"], cpu, str(vectors))
    assert "backends covered: scalar neon\n" in output
    cases = re.search(r"cases: (\d+)", output)
    assert cases and int(cases[1]) > 500


@pytest.mark.parametrize("cpu", CPUS)
def test_neon_equals_scalar_within_guard_pages(cpu: str, programs: dict[str, list[str]]) -> None:
    rounds, seed = "500", str(CPUS.index(cpu) + 1)
    output = emulate(programs["compare_backends"], cpu, rounds, seed)
    assert re.search(r"compared with scalar:.*\bneon\b", output), output
