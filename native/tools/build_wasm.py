"""Builds what runs in a page: `make wasm`, or `python native/tools/build_wasm.py [--small]`.

Debian's clang does it, without emscripten. The small kernel is stored in the repository as text
in a JavaScript module, so that nobody needs a compiler to use it; the same clang builds the same
bytes.
"""

from __future__ import annotations

import argparse
import base64
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SMALL = ROOT / "native/src/wasm/small/small.cc"
SMALL_BYTES = ROOT / "bnn_lab/widgets/js/core/small_kernel_bytes.js"
VERSIONS = range(30, 15, -1)  # of clang; relaxed SIMD came with 16
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


def build_small(clang: str) -> bytes:
    """Compile the small kernel.

    Args:
        clang: see `find_clang`.

    Returns:
        The module.
    """
    # The tiles are unrolled by -O2; -O3 adds a third of the size and no speed.
    flags = ["--target=wasm32", "-msimd128", "-O2", "-ffreestanding", "-ffp-contract=off"]
    flags += ["-Wall", "-Wextra", "-Werror", "-nostdlib"]
    link = "-Wl,--no-entry,--strip-all,--export=__heap_base,-z,stack-size=4096"
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "small.wasm"
        subprocess.run([clang, *flags, link, "-o", str(target), str(SMALL)], check=True)
        return target.read_bytes()


def small_module(code: bytes) -> str:
    """The small kernel as a JavaScript module.

    Args:
        code: of `build_small`.

    Returns:
        JavaScript.
    """
    return (
        f"// native/src/wasm/small/small.cc, {len(code):,} bytes, by make wasm.\n"
        f'export const WASM =\n  "{base64.b64encode(code).decode()}";\n'
    )


def main() -> None:
    """Build, and say how large it came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true", help="the small kernel alone")
    parser.parse_args()
    clang = find_clang()
    if clang != f"clang-{PREFERRED}":
        print(f"warning: {clang} makes other bytes than clang-{PREFERRED}", file=sys.stderr)
    code = build_small(clang)
    SMALL_BYTES.write_text(small_module(code), encoding="utf-8")
    print(f"{SMALL_BYTES.relative_to(ROOT)}: {len(code):,} bytes")


if __name__ == "__main__":
    main()
