"""Builds what runs in a page: `make wasm`, or `python native/tools/build_wasm.py [--small]`.

Debian's clang does it, without emscripten. The modules are stored in the repository, the small
kernel as text in a JavaScript module, so that nobody needs a compiler to use them; the same clang
builds the same bytes.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "native"
SMALL = NATIVE / "wasm/small.cc"
SMALL_BYTES = ROOT / "bnn_lab/widgets/js/core/small_kernel_bytes.js"
MODULES = ROOT / "docs/_static/measure"
# File of a module to the backends that are left out of it. An engine without relaxed SIMD refuses a
# module that has it anywhere; with it, popcount may still be the better one, as on ARM.
KERNELS = {"kernels.wasm": "scalar;wasm_relaxed", "kernels_relaxed.wasm": "scalar"}
SOURCES = MODULES / "kernels.json"  # of what they were built
VERSIONS = range(30, 13, -1)  # of clang
PREFERRED = 19  # the one whose bytes are stored
PACKAGES = (
    f"clang-{PREFERRED} lld-{PREFERRED} libclang-rt-{PREFERRED}-dev-wasm32 wasi-libc "
    f"libc++-{PREFERRED}-dev-wasm32 libc++abi-{PREFERRED}-dev-wasm32"
)


def find_clang() -> str:
    """A clang that has its linker for WebAssembly beside it.

    Returns:
        Its name, such as clang-19.

    Raises:
        SystemExit: there is none; says what to install.
    """
    for suffix in [f"-{PREFERRED}", *(f"-{version}" for version in VERSIONS), ""]:
        if shutil.which(f"clang{suffix}") and shutil.which(f"wasm-ld{suffix}"):
            return f"clang{suffix}"
    raise SystemExit(
        f"error: no clang with a linker for WebAssembly; on Debian: apt-get install {PACKAGES}"
    )


def run(command: list[str], written: Path) -> bytes:
    """Run a command that writes a module.

    Args:
        command: program and arguments.
        written: the file it is to write.

    Returns:
        What the file holds.

    Raises:
        SystemExit: the command failed, or succeeded without writing the file, as a compiler's
            driver does that leaves out linking; says the command and what it printed.
    """
    written.unlink(missing_ok=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode or not written.is_file():
        reason = "" if done.returncode else f"\nIt succeeded, but wrote no {written}."
        raise SystemExit(f"error: {' '.join(command)}\n{done.stdout[-4000:]}{reason}")
    return written.read_bytes()


def build_small(clang: str) -> bytes:
    """Compile the small kernel.

    Args:
        clang: see `find_clang`.

    Returns:
        The module.
    """
    # The tiles are unrolled by -O2; -O3 adds a third of the size and no speed.
    target = ["--target=wasm32"]
    flags = ["-msimd128", "-O2", "-ffreestanding", "-ffp-contract=off", "-Wall", "-Wextra"]
    link = ["-nostdlib", "-Wl,--no-entry,--strip-all,--export=__heap_base,-z,stack-size=4096"]
    with tempfile.TemporaryDirectory() as folder:
        compiled, linked = Path(folder) / "small.o", Path(folder) / "small.wasm"
        run([clang, *target, *flags, "-Werror", "-c", str(SMALL), "-o", str(compiled)], compiled)
        # A step of its own: given -O, it would have any wasm-opt it finds make other bytes.
        return run([clang, *target, *link, str(compiled), "-o", str(linked)], linked)


def small_module(code: bytes) -> str:
    """The small kernel as a JavaScript module.

    Args:
        code: of `build_small`.

    Returns:
        JavaScript.
    """
    return (
        f"// native/wasm/small.cc, {len(code):,} bytes, by make wasm.\n"
        f'export const WASM =\n  "{base64.b64encode(code).decode()}";\n'
    )


def sources_digest() -> str:
    """One text for all that the kernels' modules are built of, version numbers aside.

    Returns:
        SHA-256, hexadecimal.
    """
    # Other backends are no part of them.
    patterns = ("include/bnn/*", "src/*.cc", "src/conv/*", "src/wasm*/*", "wasm/**/*")
    files = [path for pattern in patterns for path in NATIVE.glob(pattern) if path.is_file()]
    digest = hashlib.sha256()
    for path in [NATIVE / "CMakeLists.txt", NATIVE / "cmake/wasm32.cmake", *sorted(files)]:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(NATIVE).as_posix()} {content}\n".encode())
    return digest.hexdigest()


def has_relaxed_simd(clang: str) -> bool:
    """Whether a clang knows the instructions that one of the modules needs; clang 14 does not.

    Args:
        clang: see `find_clang`.

    Returns:
        Whether it compiles one of them.
    """
    source = (
        "#include <wasm_simd128.h>\n"
        "v128_t f(v128_t a, v128_t b) { return wasm_i8x16_relaxed_swizzle(a, b); }\n"
    )
    command = [clang, "--target=wasm32", "-ffreestanding", "-msimd128", "-mrelaxed-simd"]
    command += ["-Werror", "-fsyntax-only", "-x", "c", "-"]
    return not subprocess.run(command, input=source, text=True, capture_output=True).returncode


def build_kernels(clang: str, folder: Path) -> dict[str, bytes]:
    """Compile the kernels' modules.

    Args:
        clang: see `find_clang`.
        folder: for CMake; what it held is removed.

    Returns:
        File name to module; without those that this clang has no instructions for.
    """
    built = {}
    relaxed = has_relaxed_simd(clang)
    for name, without in KERNELS.items():
        if not relaxed and "wasm_relaxed" not in without.split(";"):
            continue
        build = folder / Path(name).stem
        shutil.rmtree(
            build, ignore_errors=True
        )  # the flags of an earlier toolchain file stay in it
        options = [f"-DCMAKE_TOOLCHAIN_FILE={NATIVE / 'cmake/wasm32.cmake'}", "-DBNN_WERROR=ON"]
        options += [f"-DCMAKE_CXX_COMPILER={clang.replace('clang', 'clang++')}"]
        options += [f"-DBNN_WITHOUT={without}"]
        run(["cmake", "-S", str(NATIVE), "-B", str(build), *options], build / "CMakeCache.txt")
        make = ["cmake", "--build", str(build), "--target", "bnn_page", "-j2"]
        built[name] = run(make, build / "bnn_page")
    return built


def main() -> None:
    """Build, and say how large it came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="the small kernel alone")
    arguments = parser.parse_args()
    clang = find_clang()
    if clang != f"clang-{PREFERRED}":
        print(f"warning: {clang} makes other bytes than clang-{PREFERRED}", file=sys.stderr)
    code = build_small(clang)
    SMALL_BYTES.write_text(small_module(code), encoding="utf-8")
    print(f"{SMALL_BYTES.relative_to(ROOT)}: {len(code):,} bytes")
    if arguments.small:
        return
    digest = sources_digest()
    built = build_kernels(clang, ROOT / "build/wasm")
    for name, module in built.items():
        (MODULES / name).write_bytes(module)
        print(f"{(MODULES / name).relative_to(ROOT)}: {len(module):,} bytes")
    if missing := ", ".join(set(KERNELS) - set(built)):
        raise SystemExit(
            f"error: {clang} knows no relaxed SIMD and left {missing} as before; "
            f"on Debian: apt-get install {PACKAGES}"
        )
    SOURCES.write_text(json.dumps({"sources": digest}) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
