"""Instructions that the NEON tiles execute for a whole convolution, counted under emulation.

static_throughput.py looks at inner loops; this shows what surrounds them: laying out windows,
widening byte sums, the output transform. A recorded convolution runs under qemu-aarch64, which logs
every block of instructions it executes; those of the tile functions are counted by kind. Divided by
the number of vector pipes, the vector operations bound the speed of an out-of-order core.

    cmake -S native -B build/aarch64 -DBNN_TESTS=ON \\
        -DCMAKE_TOOLCHAIN_FILE=native/cmake/aarch64-linux-gnu.cmake
    cmake --build build/aarch64 --target oracle_vectors
    python native/tools/instruction_mix.py build/aarch64/oracle_vectors
"""

from __future__ import annotations

import argparse
import re
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
import record_vectors

LOAD_ADDRESS = 0x5500000000  # where qemu-user puts a position-independent program
RUNS = 3  # oracle_vectors runs a convolution with 1, 2 and 4 threads
PIPES = [2, 4]
# (height = width, channels, kernel)
SHAPES = [
    (28, 32, 3),
    (56, 64, 3),
    (28, 128, 3),
    (14, 256, 3),
    (7, 512, 3),
    (28, 256, 1),
]
EXECUTED = re.compile(r"^Trace \d+: \S+ \[[0-9a-f]+/([0-9a-f]+)/")
# The scalar backend's store functions are not templates.
TILE_CODE = re.compile(r"::tile_\w+<|::store<|::WindowReader::read|::popcounts_(deep|shallow)<")
INSTRUCTION = re.compile(r"^0x([0-9a-f]+):\s+[0-9a-f]{8}\s+(\S+)\s*(.*)")


def tile_ranges(program: str) -> list[tuple[int, int]]:
    """First address and end of each tile function and of what it calls without inlining."""
    nm = shutil.which("nm") or sys.exit("nm not found: install binutils")
    listing = subprocess.run([nm, "-C", "-S", program], capture_output=True, text=True, check=True)
    ranges = []
    for line in listing.stdout.splitlines():
        if TILE_CODE.search(line):
            start, size = (int(field, 16) for field in line.split()[:2])
            ranges.append((LOAD_ADDRESS + start, LOAD_ADDRESS + start + size))
    return ranges or sys.exit(f"{program} has no NEON tile functions; was it stripped?")


def kind(mnemonic: str, operands: str) -> list[str]:
    """What an instruction counts as."""
    if mnemonic == "ld1r":
        return ["load", "vector"]  # the broadcast takes a slot of a vector pipe
    if mnemonic.startswith("ld"):
        return ["load"]
    if mnemonic.startswith("st"):
        return ["store"]
    return ["vector"] if re.search(r"\bv\d+\.", operands) else ["other"]


def count(program: str, qemu: str, case: record_vectors.Case) -> Counter[str]:
    """Executed instructions of the tiles by kind, of one run of `case`."""
    filters = ",".join(f"{start:#x}..{end - 1:#x}" for start, end in tile_ranges(program))
    with tempfile.TemporaryDirectory() as directory:
        vectors, log = Path(directory, "vectors.bin"), Path(directory, "log")
        header = struct.pack("<2i", record_vectors.MAGIC, 1)
        vectors.write_bytes(header + record_vectors.encode(case))
        command = [qemu, "-L", "/usr/aarch64-linux-gnu", "-d", "in_asm,exec,nochain"]
        command += ["-dfilter", filters, "-D", str(log), program, str(vectors)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

        blocks: dict[int, Counter[str]] = {}
        executed: Counter[int] = Counter()
        block: Counter[str] | None = None
        for line in log.open():
            if line.startswith("IN:"):
                block = Counter()
                first = True
            elif block is not None and (match := INSTRUCTION.match(line)):
                if first:
                    blocks[int(match[1], 16)] = block
                    first = False
                block.update(kind(match[2], match[3]))
            elif match := EXECUTED.match(line):
                executed[int(match[1], 16)] += 1
    total: Counter[str] = Counter()
    for address, times in executed.items():
        for name, number in blocks[address].items():
            total[name] += times * number
    if not total or any(number % RUNS for number in total.values()):
        sys.exit(f"the log does not show {RUNS} equal runs: {dict(total)}")
    return Counter({name: number // RUNS for name, number in total.items()})


def measure(program: str, qemu: str, output: str) -> list[list[str]]:
    """One row of the table for each shape."""
    rows = []
    rng = np.random.default_rng(0)
    for size, channels, kernel in SHAPES:
        chosen: dict[str, Any] = {"size": (size, size), "kernel": (kernel, kernel), "batch": 1}
        chosen |= {"channels_in": channels, "channels_out": channels, "stride": (1, 1)}
        chosen |= {"dilation": (1, 1), "border": ("same", 1), "activation": "none"}
        case = record_vectors.bconv2d_case(rng, **chosen, output=output)
        mix = count(program, qemu, case)
        macs = size * size * channels * channels * kernel * kernel
        each = macs / 128
        row = [f"{kernel}x{kernel} {size},{channels}", f"{macs / 1e6:.1f}"]
        row += [f"{mix[name] / each:.2f}" for name in ("vector", "load", "store", "other")]
        row += [f"{macs * pipes / mix['vector']:.1f}" for pipes in PIPES]
        rows.append(row)
    return rows


def main() -> None:
    """Print the table, in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", help="oracle_vectors, built for aarch64")
    parser.add_argument("--output", choices=record_vectors.OUTPUTS, default="float32")
    arguments = parser.parse_args()
    qemu = shutil.which("qemu-aarch64") or sys.exit("qemu-aarch64 not found: install qemu-user")
    head = ["convolution", "MMAC", "vector", "loads", "stores", "other"]
    head += [f"MAC/cycle, {pipes} pipes" for pipes in PIPES]
    lines = [head, ["---", *["---:"] * (len(head) - 1)]]
    lines += measure(arguments.program, qemu, arguments.output)
    print("\n".join("| " + " | ".join(line) + " |" for line in lines))


if __name__ == "__main__":
    main()
