from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("oracle_vectors", "compare_backends")


def checked(command: list[str], timeout: int) -> None:
    """Run a command of a build; a failure shows its output."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout
    )
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-8000:]}"


LLVM_VERSIONS = range(30, 13, -1)
FUZZ_TARGET = b"""#include <stddef.h>
#include <stdint.h>
extern "C" int LLVMFuzzerTestOneInput(const uint8_t*, size_t) { return 0; }
"""


@pytest.fixture(scope="session")
def fuzzing_clang(
    require_tool: Callable[[str, str], str], tmp_path_factory: pytest.TempPathFactory
) -> str:
    """A clang++ of any version from 14 on that has libFuzzer's runtime."""
    program = tmp_path_factory.mktemp("clang") / "program"
    for name in [f"clang++-{version}" for version in LLVM_VERSIONS] + ["clang++"]:
        if clang := shutil.which(name):
            command = [clang, "-fsanitize=fuzzer", "-x", "c++", "-", "-o", str(program)]
            if subprocess.run(command, input=FUZZ_TARGET, capture_output=True).returncode == 0:
                return clang
    return require_tool("clang++ with libFuzzer", "clang-14 and libclang-rt-14-dev, or newer")


@pytest.fixture(scope="session")
def llvm_mca(require_tool: Callable[[str, str], str]) -> str:
    """llvm-mca of any version."""
    for version in LLVM_VERSIONS:
        if program := shutil.which(f"llvm-mca-{version}"):
            return program
    return require_tool("llvm-mca", "llvm")


@pytest.fixture(scope="session")
def build_programs(require_tool: Callable[[str, str], str]) -> Callable[..., Path]:
    """Build the native test programs in build/<name>, where the next run finds them again."""

    def build(name: str, *options: str, programs: tuple[str, ...] = PROGRAMS) -> Path:
        cmake = require_tool("cmake", "cmake")
        directory = ROOT / "build" / name
        source = ["-S", str(ROOT / "native"), "-B", str(directory)]
        checked([cmake, *source, "-DBNN_TESTS=ON", "-DCMAKE_BUILD_TYPE=Release", *options], 120)
        jobs = str(os.cpu_count() or 1)
        checked([cmake, "--build", str(directory), "-j", jobs, "--target", *programs], 600)
        return directory

    return build


@pytest.fixture(scope="session")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cases recorded from the oracle, for the oracle_vectors program."""
    path = tmp_path_factory.mktemp("vectors") / "vectors.bin"
    checked([sys.executable, str(ROOT / "native/tests/record_vectors.py"), str(path)], 120)
    return path
