from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("oracle_vectors", "compare_backends")
FUZZ_PROGRAMS = ("fuzz_ops", "fuzz_graph")
HANG = 3600  # seconds after which a build or a program will never end


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
        directory.mkdir(parents=True, exist_ok=True)
        source = ["-S", str(ROOT / "native"), "-B", str(directory)]
        release = ["-DBNN_TESTS=ON", "-DBNN_WERROR=ON", "-DCMAKE_BUILD_TYPE=Release"]
        jobs = str(os.cpu_count() or 1)
        with (directory / "lock").open("w") as lock:  # another process of this run may build it
            fcntl.flock(lock, fcntl.LOCK_EX)
            checked([cmake, *source, *release, *options], HANG)
            checked([cmake, "--build", str(directory), "-j", jobs, "--target", *programs], HANG)
        return directory

    return build


@pytest.fixture(scope="session")
def sanitized(build_programs: Callable[..., Path]) -> Path:
    """The test programs, and those that replay inputs of the fuzzer, under ASan and UBSan.

    With -O1: at -O3 GCC takes four times as long for kernels with sanitizers.
    """
    options = "-DBNN_SANITIZE=address,undefined", "-DBNN_FUZZ_REPLAY=ON"
    options += ("-DCMAKE_CXX_FLAGS_RELEASE=-O1",)
    return build_programs("sanitized", *options, programs=(*PROGRAMS, *FUZZ_PROGRAMS))


@pytest.fixture(scope="session")
def fuzzers(build_programs: Callable[..., Path], fuzzing_clang: str) -> Path:
    """The fuzzer's programs, under ASan and UBSan."""
    options = "-DBNN_SANITIZE=address,undefined", "-DBNN_FUZZ=ON"
    compiler = f"-DCMAKE_CXX_COMPILER={fuzzing_clang}"
    return build_programs("fuzz", *options, compiler, programs=FUZZ_PROGRAMS)


@pytest.fixture(scope="session")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cases recorded from the oracle, for the oracle_vectors program."""
    path = tmp_path_factory.mktemp("vectors") / "vectors.bin"
    checked([sys.executable, str(ROOT / "native/tests/record_vectors.py"), str(path)], 120)
    return path
