"""The kernels on 64-bit ARM: cross-compiled, then run under emulation of several CPUs."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

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


@pytest.fixture(scope="module")
def static_throughput() -> ModuleType:
    """native/tools/static_throughput.py as a module."""
    path = ROOT / "native/tools/static_throughput.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def loops(
    static_throughput: ModuleType,
    require_tool: Callable[[str, str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """Inner loops of the NEON kernel by name, as the cross compiler makes them."""
    require_tool("cmake", "cmake")
    compiler = require_tool("aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu")
    build = tmp_path_factory.mktemp("static")
    assembly, _ = static_throughput.compile_to_assembly(compiler, build)
    return {loop.name: loop for loop in static_throughput.kernel_loops(assembly)}


@pytest.mark.parametrize("name", ["deep, 4 pixels x 4 channels", "shallow, 2 pixels x 32 channels"])
def test_a_full_tile_takes_three_operations_per_128_bits(name: str, loops: dict[str, Any]) -> None:
    loop = loops[name]
    assert loop.macs == 4 * 4 * 128
    assert loop.count(r"(eor|cnt|add)\s+v\d+\.16b") == 3 * 4 * 4
    assert loop.count(r"st") == 0, "accumulators are spilled"
    assert loop.count(r"mov\s+v") == 0


@pytest.mark.parametrize("cpu", ["cortex-a72", "neoverse-n1", "neoverse-v1"])
def test_a_full_tile_takes_no_longer_than_its_counting(
    cpu: str,
    loops: dict[str, Any],
    static_throughput: ModuleType,
    llvm_mca: str,
) -> None:
    """Whatever a version of llvm-mca holds of the CPU: loads and the loop hide behind the rest."""
    loop = loops["deep, 4 pixels x 4 channels"]
    counting = loop.counting()
    assert (counting.instructions, counting.macs) == (3 * 4 * 4, loop.macs)
    alone = static_throughput.cycles_per_iteration(counting, cpu, llvm_mca)
    assert alone >= 12, "more than four vector pipes"
    assert static_throughput.cycles_per_iteration(loop, cpu, llvm_mca) <= 1.07 * alone
