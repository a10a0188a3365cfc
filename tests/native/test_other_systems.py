"""Windows and macOS, as far as they can be seen from Linux.

For Windows the kernels and the delegate are cross-compiled, and the kernels run under wine against
cases recorded from the oracle. For macOS there is no SDK here: the files that hold ARM instructions
are only parsed for it, with Linux's headers.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("oracle_vectors", "row_split")
MINGW = "g++-mingw-w64-x86-64"
ARM_HEADERS = Path("/usr/aarch64-linux-gnu/include")


@pytest.fixture(scope="module")
def windows_build(
    require_tool: Callable[[str, str], str], build_programs: Callable[..., Path]
) -> Path:
    require_tool("x86_64-w64-mingw32-g++-posix", MINGW)
    toolchain = ROOT / "native/cmake/x86_64-w64-mingw32.cmake"
    return build_programs(
        "windows",
        f"-DCMAKE_TOOLCHAIN_FILE={toolchain}",
        programs=(*PROGRAMS, "bnn_lab_delegate"),
    )


@pytest.fixture(scope="module")
def wine(
    require_tool: Callable[[str, str], str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs a program in a Windows of its own."""
    names = ["wine64", "/usr/lib/wine/wine64", "wine"]  # Debian's wine64 alone is not on the path
    program = next(filter(None, map(shutil.which, names)), None) or require_tool("wine64", "wine64")
    home = tmp_path_factory.mktemp("wine")
    environment = os.environ | {"WINEPREFIX": str(home / "prefix"), "WINEDEBUG": "-all"}

    def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *map(str, command)],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=600,
        )

    return run


@pytest.mark.slow
@pytest.mark.parametrize("program", PROGRAMS)
def test_kernels_under_wine(
    program: str,
    windows_build: Path,
    wine: Callable[..., subprocess.CompletedProcess[str]],
    vectors: Path,
) -> None:
    arguments = [vectors] if program == "oracle_vectors" else []
    done = wine(windows_build / f"{program}.exe", *arguments)
    assert done.returncode == 0, done.stdout[-4000:]
    if program == "oracle_vectors":
        assert "mismatches: 0" in done.stdout
        covered = done.stdout.split("backends covered:")[1].splitlines()[0].split()
        assert {"scalar"} <= set(covered)


@pytest.mark.slow
def test_delegate_for_windows_exports_its_functions(
    windows_build: Path, require_tool: Callable[[str, str], str]
) -> None:
    objdump = require_tool("x86_64-w64-mingw32-objdump", MINGW)
    (library,) = windows_build.glob("*bnn_lab_delegate.dll")
    shown = subprocess.run([objdump, "-p", library], capture_output=True, text=True, check=True)
    for name in (
        "tflite_plugin_create_delegate",
        "tflite_plugin_destroy_delegate",
        "bnn_delegate_groups",
        "bnn_delegate_layout",
        "bnn_delegate_trace",
    ):
        assert name in shown.stdout
    imported = [line for line in shown.stdout.splitlines() if "DLL Name:" in line]
    assert not [line for line in imported if "stdc++" in line or "winpthread" in line], imported


@pytest.mark.parametrize("name", ["neon/neon.cc", "scalar/scalar.cc"])
def test_backends_are_valid_for_apple_silicon(
    name: str, require_tool: Callable[[str, str], str]
) -> None:
    clangs = [f"clang++-{version}" for version in range(14, 31)] + ["clang++"]
    clang = next(filter(None, map(shutil.which, clangs)), None) or require_tool("clang++", "clang")
    standard = max(ARM_HEADERS.glob("c++/*"), default=None, key=lambda path: path.name)
    if standard is None:
        require_tool("aarch64-linux-gnu-g++ with headers", "g++-aarch64-linux-gnu")
    headers = [standard, standard / "aarch64-linux-gnu", ARM_HEADERS]
    command = [clang, "--target=arm64-apple-macos11", "-std=c++17", "-fsyntax-only", "-nostdinc++"]
    # -U: Apple's clang has a keyword of the name of a macro in Linux's headers.
    command += ["-Wall", "-Wextra", "-Werror", "-U__nonnull", f"-I{ROOT / 'native/include'}"]
    command += [part for path in headers for part in ("-isystem", str(path))]
    done = subprocess.run(
        [*command, str(ROOT / "native/src" / name)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-4000:]
