"""Binary MAC per cycle of the NEON convolution's inner loops, by static analysis.

Compiles native/src/neon/neon.cc to assembly with exactly the flags that CMake gives it, finds the
innermost loops that count bits, and simulates each with llvm-mca, which assumes that every load
hits the first-level cache and that every branch is predicted. The number of multiply-accumulates
is not assumed but counted: each `cnt` of 16 bytes is 128 of them.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

NATIVE = Path(__file__).resolve().parents[1]
CPUS = ["cortex-a53", "cortex-a72", "neoverse-n1", "neoverse-v1", "apple-m1"]
MACS_PER_CNT = 128
ITERATIONS = 1000

LABEL = re.compile(r"^([.\w$]+):")
# Conditional branches that close a loop; the target is the last operand.
BRANCH = re.compile(r"^(?:b\.?[a-z]{2}|cbn?z|tbn?z)\s+.*?([.\w$]+)$")
EOR, CNT, ADD = (rf"{name}\s+v\d+\.16b" for name in ("eor", "cnt", "add"))
TILE = re.compile(r"(tile_\w+)<.*?(\d+), (\d+)>|(tile_\w+)<.*?(\d+)>")


class Loop(NamedTuple):
    """One innermost loop of the kernel."""

    name: str
    lines: list[str]

    def count(self, pattern: str) -> int:
        """Instructions that match `pattern` from their mnemonic on."""
        return sum(bool(re.match(pattern, line)) for line in self.lines)

    @property
    def instructions(self) -> int:
        """All instructions of an iteration."""
        return sum(not LABEL.match(line) for line in self.lines)

    def counting(self) -> Loop:
        """Its xor, popcount and add instructions alone."""
        lines = [line for line in self.lines if re.match("|".join((EOR, CNT, ADD)), line)]
        return Loop(f"{self.name}, counting", lines)

    @property
    def macs(self) -> int:
        """Binary multiply-accumulates of an iteration."""
        return MACS_PER_CNT * self.count(CNT)


def run(command: list[str], stdin: str | None = None, cwd: Path | None = None) -> str:
    """Standard output of a command; its standard error if it fails."""
    done = subprocess.run(command, input=stdin, cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{shlex.join(command)} failed:\n{done.stderr}{done.stdout}")
    return done.stdout


def find_program(names: list[str], package: str) -> str:
    """Path of the first of `names` that is installed."""
    for name in names:
        if path := shutil.which(name):
            return path
    sys.exit(f"{names[-1]} not found: install it (Debian package {package}) or name it explicitly")


def compile_to_assembly(compiler: str, build: Path) -> tuple[str, str]:
    """Assembly of neon.cc and the command that made it."""
    configure = ["cmake", "-S", str(NATIVE), "-B", str(build), "-DCMAKE_BUILD_TYPE=Release"]
    configure += [f"-DCMAKE_TOOLCHAIN_FILE={NATIVE}/cmake/aarch64-linux-gnu.cmake"]
    configure += [f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON"]
    run(configure)
    entries = json.loads((build / "compile_commands.json").read_text())
    entry = next(e for e in entries if e["file"].endswith("neon/neon.cc"))
    command = shlex.split(entry["command"])
    output = command.index("-o")
    del command[output : output + 2]
    command[command.index("-c")] = "-S"
    text = run([*command, "-o", "-"], cwd=Path(entry["directory"]))
    shown = [Path(command[0]).name, *command[1:]]
    return text, shlex.join(shown).replace(f"{NATIVE}/", "native/").replace(str(NATIVE), "native")


def demangle(name: str) -> str:
    """Readable form of a C++ symbol."""
    return run(["c++filt", name]).strip()


def innermost_loops(function: list[str]) -> list[list[str]]:
    """Bodies of the loops of a function that hold no other loop."""
    labels: dict[str, int] = {}
    spans: list[tuple[int, int]] = []
    for i, line in enumerate(function):
        if match := LABEL.match(line):
            labels[match[1]] = i
        elif (match := BRANCH.match(line)) and match[1] in labels:
            spans.append((labels[match[1]], i))
    innermost = [
        (start, end)
        for start, end in spans
        if not any(start <= s and e <= end and (s, e) != (start, end) for s, e in spans)
    ]
    return [function[start : end + 1] for start, end in innermost]


def functions(assembly: str) -> dict[str, list[str]]:
    """Instructions and labels of each function, without directives and comments."""
    found: dict[str, list[str]] = {}
    names = set(re.findall(r"\.type\s+([.\w$]+),\s*[@%]function", assembly))
    current: list[str] = []
    for raw in assembly.splitlines():
        line = raw.split("//")[0].strip()
        match = LABEL.match(line)
        if match and match[1] in names:
            current = found.setdefault(match[1], [])
        elif match:
            current.append(match[0])
        elif line and not line.startswith("."):
            current.append(re.sub(r"\s+", " ", line))
    return found


def kernel_loops(assembly: str) -> list[Loop]:
    """The distinct loops that count bits, of the tile functions with float output.

    The other outputs instantiate the same loops.
    """
    loops = []
    for symbol, lines in functions(assembly).items():
        match = TILE.search(demangle(symbol).replace("(anonymous namespace)::", ""))
        if "StoreFloat" not in symbol or match is None:
            continue
        if match[1]:
            name = f"{match[1]}, {match[2]} pixels x {4 * int(match[3])} channels"
        else:
            name = f"{match[4]}, {match[5]} pixels x 4 channels"
        for body in innermost_loops(lines):
            loop = Loop(name.removeprefix("tile_"), body)
            # Without an add for each popcount it is not a loop over the depth, but one around it.
            if loop.macs == 0 or loop.count(ADD) != loop.count(CNT):
                continue
            if loop.count(EOR) != loop.count(CNT):
                sys.exit(f"{name}: xor and popcount instructions do not pair up")
            loops.append(loop)
    if not loops:
        sys.exit("no loop with cnt instructions found in a tile function")
    return sorted(loops, key=lambda loop: (loop.name.split(",")[0], -loop.macs))


def cycles_per_iteration(loop: Loop, cpu: str, mca: str) -> float:
    """Simulated cycles of one iteration in the steady state."""
    code = "\n".join(loop.lines) + "\n"
    command = [mca, "-mtriple=aarch64", f"-mcpu={cpu}", f"-iterations={ITERATIONS}", "-json"]
    report = json.loads(run(command, stdin=code))
    summary = report["CodeRegions"][0]["SummaryView"]
    assert summary["Iterations"] == ITERATIONS
    return summary["TotalCycles"] / ITERATIONS


def table(loops: list[Loop], mca: str, cpus: list[str], markdown: bool) -> str:
    """Binary MAC per cycle of every loop on every CPU."""
    head = ["loop", "MAC", "eor+cnt+add", "loads", "stores", "other", *cpus]
    rows = []
    for loop in loops:
        vector = loop.count(EOR) + loop.count(CNT) + loop.count(ADD)
        loads, stores = loop.count(r"ld"), loop.count(r"st")
        other = loop.instructions - vector - loads - stores
        row = [loop.name, *map(str, (loop.macs, vector, loads, stores, other))]
        row += [f"{loop.macs / cycles_per_iteration(loop, cpu, mca):.1f}" for cpu in cpus]
        rows.append(row)
    if markdown:
        lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)
    widths = [max(len(line[i]) for line in [head, *rows]) for i in range(len(head))]
    aligned = [
        "  ".join(
            c.ljust(w) if i == 0 else c.rjust(w)
            for i, (c, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in [head, *rows]
    ]
    return "\n".join(aligned)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--compiler", default="aarch64-linux-gnu-g++", help="g++ or clang++")
    parser.add_argument("--mca", help="llvm-mca (default: the newest that is installed)")
    parser.add_argument("--cpu", action="append", help=f"repeatable (default: {', '.join(CPUS)})")
    parser.add_argument("--markdown", action="store_true", help="a table for the documentation")
    parser.add_argument("--show-loops", action="store_true", help="print each loop's instructions")
    arguments = parser.parse_args()

    newest = [f"llvm-mca-{version}" for version in range(30, 13, -1)] + ["llvm-mca"]
    mca = find_program([arguments.mca] if arguments.mca else newest, "llvm")
    compiler = find_program([arguments.compiler], "g++-aarch64-linux-gnu")
    with tempfile.TemporaryDirectory() as build:
        assembly, command = compile_to_assembly(compiler, Path(build))
    loops = kernel_loops(assembly)
    version = run([compiler, "--version"]).splitlines()[0]
    mca_version = re.search(r"LLVM version \S+", run([mca, "--version"]))
    print(f"{version}; llvm-mca of {mca_version[0] if mca_version else 'unknown version'}")
    print(command)
    print()
    print(table(loops, mca, arguments.cpu or CPUS, arguments.markdown))
    if arguments.show_loops:
        for loop in loops:
            print(f"\n{loop.name}\n  " + "\n  ".join(loop.lines))


if __name__ == "__main__":
    main()
