"""A new backend takes its own folder and a line of the table: followed here in a copy."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LINE = 'BNN_BACKEND(dummy, any, "", "a copy of the scalar one")\n'


@pytest.mark.slow
def test_a_folder_and_a_line_make_a_backend(
    require_tool: Callable[[str, str], str], vectors: Path, tmp_path: Path
) -> None:
    cmake = require_tool("cmake", "cmake")
    native, build = tmp_path / "native", tmp_path / "build"
    shutil.copytree(ROOT / "native", native)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)  # has the version
    folder = native / "src/dummy"
    shutil.copytree(native / "src/scalar", folder)
    (folder / "scalar.cc").rename(folder / "dummy.cc")
    for path in folder.iterdir():
        path.write_text(path.read_text().replace("scalar", "dummy"))
    with (native / "include/bnn/backends.def").open("a") as table:
        table.write(LINE)
    program = build / "oracle_vectors"
    for command in (
        [cmake, "-S", native, "-B", build, "-DBNN_TESTS=ON", "-DBNN_WERROR=ON"],
        [cmake, "--build", build, "-j", os.cpu_count() or 1, "--target", program.name],
        [program, vectors],
    ):
        done = subprocess.run(
            [str(part) for part in command], capture_output=True, text=True, timeout=600
        )
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    covered = next(line for line in done.stdout.splitlines() if "backends covered" in line)
    assert covered.split()[-1] == "dummy"
