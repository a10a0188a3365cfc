"""The delegate as C and C++ applications use it: installed, found, linked, run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import bnn_lab
from bnn_lab import kernels, reference
from bnn_lab.tflite.op_files import conv_file

ROOT = Path(__file__).resolve().parents[2]
SYSROOT = "/usr/aarch64-linux-gnu"

# What LiteRT's CPU detection reads; an emulated program would otherwise see the host's file and,
# with LiteRT 2.3, crash.
CPUINFO = """processor\t: 0
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3
"""

Program = Callable[..., subprocess.CompletedProcess[str]]


def checked(command: list[str | Path], timeout: int = 300) -> str:
    """Output of a command that must succeed."""
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}"
    return done.stdout


def install(cmake: str, name: str, *options: str) -> Path:
    """Build and install the delegate in build/<name>; gives the prefix."""
    build, prefix = ROOT / "build" / name, ROOT / "build" / f"{name}-prefix"
    source: list[str | Path] = ["-S", ROOT / "native", "-B", build]
    checked([cmake, *source, "-DCMAKE_BUILD_TYPE=Release", "-DBNN_WERROR=ON", *options])
    jobs = str(os.cpu_count() or 1)
    checked([cmake, "--build", build, "-j", jobs, "--target", "bnn_lab_delegate"], 900)
    checked([cmake, "--install", build, "--prefix", prefix])
    return prefix


def build_example(cmake: str, name: str, prefix: Path, litert: Path, *options: str) -> Path:
    """Build the example against an installed delegate; gives the program."""
    build = ROOT / "build" / f"{name}-example"
    package = prefix / "lib" / "cmake" / "bnn_lab_delegate"
    settings = [f"-Dbnn_lab_delegate_DIR={package}", f"-DLITERT_LIBRARY={litert}"]
    checked([cmake, "-S", ROOT / "native" / "examples", "-B", build, *settings, *options])
    checked([cmake, "--build", build])
    return build / "run_model"


@pytest.fixture(scope="module")
def cmake(require_tool: Callable[[str, str], str]) -> str:
    return require_tool("cmake", "cmake")


@pytest.fixture(scope="module")
def prefix(cmake: str) -> Path:
    return install(cmake, "cpp", "-DCMAKE_INSTALL_LIBDIR=lib")


@pytest.fixture(scope="module")
def example(cmake: str, prefix: Path) -> Program:
    """Run the example program with arguments."""
    spec = find_spec("ai_edge_litert")
    assert spec is not None and spec.submodule_search_locations
    litert = Path(spec.submodule_search_locations[0]) / "libLiteRt.so"
    program = build_example(cmake, "cpp", prefix, litert)

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [str(program), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120)

    return run


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, np.ndarray]:
    """A file with float and binary layers, an input file, and what Python gets for it."""
    from bnn_lab.models import digits_bnn
    from bnn_lab.training import set_binary_signs

    model = digits_bnn(64)
    set_binary_signs(model)
    directory = tmp_path_factory.mktemp("network")
    (directory / "model.tflite").write_bytes(bnn_lab.convert_keras_model(model))
    x = np.random.default_rng(4).normal(size=(1, 8, 8, 1)).astype(np.float32)
    (directory / "x.bin").write_bytes(x.tobytes())
    want = bnn_lab.Interpreter(directory / "model.tflite").predict(x)
    return directory / "model.tflite", directory / "x.bin", want


def outputs(done: subprocess.CompletedProcess[str]) -> dict[str, np.ndarray]:
    """Printed values by shape."""
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.search(r"median of \d+ runs: [\d.]+ ms", done.stdout)
    lines = re.findall(r"^output ([\dx]+): (.*)$", done.stdout, re.MULTILINE)
    return {shape: np.array(values.split(), np.float32) for shape, values in lines}


@pytest.mark.parametrize("backend", kernels.available_backends())
def test_equals_python(
    backend: str, example: Program, network: tuple[Path, Path, np.ndarray]
) -> None:
    model, x, want = network
    got = outputs(example(model, "--backend", backend, x))
    np.testing.assert_allclose(got["1x10"], want[0], rtol=1e-5, atol=1e-4)


def test_equals_the_oracle(example: Program, tmp_path: Path) -> None:
    rng = np.random.default_rng(9)
    words = reference.quantize(rng.normal(size=(1, 6, 5, 64)).astype(np.float32))
    filters = reference.quantize(rng.normal(size=(3, 3, 3, 64)).astype(np.float32))
    want = reference.bconv2d(words, filters, channels_in=64, padding="same", pad_values=1)
    (tmp_path / "m.tflite").write_bytes(conv_file(words.shape, filters, want.shape, channels_in=64))
    (tmp_path / "x.bin").write_bytes(words.tobytes())
    got = outputs(example(tmp_path / "m.tflite", tmp_path / "x.bin"))
    np.testing.assert_array_equal(got["1x6x5x3"], want.ravel())


def test_errors(example: Program, network: tuple[Path, Path, np.ndarray], tmp_path: Path) -> None:
    model, x, _ = network
    short = tmp_path / "short.bin"
    short.write_bytes(bytes(8))
    for arguments, code, message in [
        ([model, "--backend", "turbo"], 1, "unknown kernel backend 'turbo'"),
        ([tmp_path / "missing.tflite"], 1, "missing.tflite"),
        ([model, short], 1, "holds 8 bytes, the input takes 256"),
        ([model, x, x], 1, "the model has 1 inputs, not 2"),
        ([model, "--speed"], 2, "unknown option --speed"),
        ([], 2, "usage:"),
    ]:
        done = example(*arguments)
        assert done.returncode == code, done.stderr[-2000:]
        assert message in done.stderr


C_PROGRAM = """
#include <bnn_lab_delegate.h>
#include <stdio.h>
static void report(const char* message) { printf("%s\\n", message); }
int main(void) {
  char key[] = "speed", value[] = "max";
  char *keys[] = {key}, *values[] = {value};
  struct TfLiteDelegate* delegate = tflite_plugin_create_delegate(keys, values, 1, report);
  if (delegate != NULL) return 1;
  delegate = tflite_plugin_create_delegate(NULL, NULL, 0, report);
  if (delegate == NULL) return 2;
  if (bnn_delegate_groups(delegate, NULL, 0) != 0) return 3;
  if (bnn_delegate_groups(NULL, NULL, 0) != 0) return 4;
  tflite_plugin_destroy_delegate(delegate);
  tflite_plugin_destroy_delegate(NULL);
  return 0;
}
"""


def test_pkg_config_and_a_c_compiler(
    prefix: Path,
    require_tool: Callable[[str, str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PKG_CONFIG_PATH", str(prefix / "lib" / "pkgconfig"))
    pkg_config = require_tool("pkg-config", "pkg-config")
    flags = checked([pkg_config, "--cflags", "--libs", "bnn_lab_delegate"]).split()
    source, program = tmp_path / "main.c", tmp_path / "main"
    source.write_text(C_PROGRAM)
    compiler = require_tool("cc", "gcc")
    warnings = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    checked([compiler, *warnings, source, "-o", program, *flags])
    monkeypatch.setenv("LD_LIBRARY_PATH", str(prefix / "lib"))
    assert "unknown delegate option 'speed'" in checked([program])


def test_one_version(prefix: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (prefix / "lib" / "pkgconfig" / "bnn_lab_delegate.pc").read_text()
    assert f"Version: {bnn_lab.__version__}\n" in text


# --- 64-bit ARM under emulation ------------------------------------------------------------------


@pytest.fixture(scope="module")
def arm_litert() -> Path:
    """libLiteRt.so of the wheel for ARM, of the version that is installed here."""
    directory = ROOT / "build" / f"litert-{version('ai-edge-litert')}-aarch64"
    library = directory / "ai_edge_litert" / "libLiteRt.so"
    if not library.exists():
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
        platforms = ["--platform=manylinux_2_27_aarch64", "--platform=manylinux_2_17_aarch64"]
        what = ["--no-deps", "--only-binary=:all:", "--python-version=3.11", *platforms]
        requirement = f"ai-edge-litert=={version('ai-edge-litert')}"
        done = subprocess.run(
            [*pip, *what, "--dest", str(directory), requirement],
            capture_output=True,
            text=True,
            timeout=600,
        )
        if done.returncode != 0:
            reason = f"pip cannot download LiteRT for ARM: {done.stderr.strip().splitlines()[-1]}"
            if os.environ.get("BNN_LAB_REQUIRE_SYSTEM_TOOLS") == "1":
                pytest.fail(reason)
            pytest.skip(reason)
        (wheel,) = directory.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extract("ai_edge_litert/libLiteRt.so", directory)
    return library


@pytest.fixture(scope="module")
def arm_example(
    cmake: str,
    arm_litert: Path,
    require_tool: Callable[[str, str], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Program:
    """Run the example, built for ARM, on an emulated CPU."""
    require_tool("aarch64-linux-gnu-g++", "g++-aarch64-linux-gnu")
    emulator = require_tool("qemu-aarch64", "qemu-user")
    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={ROOT / 'native/cmake/aarch64-linux-gnu.cmake'}"
    prefix = install(cmake, "cpp-aarch64", toolchain, "-DCMAKE_INSTALL_LIBDIR=lib")
    program = build_example(cmake, "cpp-aarch64", prefix, arm_litert, toolchain)
    root = tmp_path_factory.mktemp("root")  # the emulator looks here first
    (root / "lib").symlink_to(f"{SYSROOT}/lib")
    (root / "proc").mkdir()
    (root / "proc" / "cpuinfo").write_text(CPUINFO)

    def run(cpu: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [emulator, "-L", str(root), "-cpu", cpu, str(program), *map(str, arguments)]
        return subprocess.run(command, capture_output=True, text=True, timeout=300)

    return run


@pytest.mark.parametrize("cpu", ["cortex-a53", "cortex-a72", "neoverse-n1", "max"])
def test_arm_equals_python(
    cpu: str, arm_example: Program, network: tuple[Path, Path, np.ndarray]
) -> None:
    model, x, want = network
    got = outputs(arm_example(cpu, model, "--backend", "neon", x))
    np.testing.assert_allclose(got["1x10"], want[0], rtol=1e-5, atol=1e-3)
