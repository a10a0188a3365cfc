"""`make` says in one line what a machine lacks."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )


def script(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def error_line(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode != 0
    lines = [line for line in result.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1, result.stderr
    return lines[0]


def test_this_machine_passes():
    assert make("check", f"PYTHON={sys.executable}").returncode == 0


def test_no_python():
    line = error_line(make("check", "PYTHON=/nonexistent"))
    assert line.startswith("error: no Python found; install Python 3.11")


def test_wrong_python(tmp_path):
    # Claims to be 3.9 and fails every check of the version.
    fake = script(
        tmp_path / "python", 'case "$*" in *version_info*) exit 1;; -V) echo Python 3.9.2;; esac'
    )
    line = error_line(make("check", f"PYTHON={fake}"))
    assert "needs Python 3.11 or 3.12" in line and "Python 3.9.2" in line


def test_no_headers(tmp_path):
    fake = script(tmp_path / "python", 'case "$*" in *Python.h*) exit 1;; esac')
    assert "apt-get install python3-dev" in error_line(make("check", f"PYTHON={fake}"))


def test_no_venv(tmp_path):
    fake = script(tmp_path / "python", 'case "$*" in *ensurepip*) exit 1;; esac')
    assert "apt-get install python3-venv" in error_line(make("check", f"PYTHON={fake}"))


def test_no_compiler():
    line = error_line(make("check", f"PYTHON={sys.executable}", "CXX=/nonexistent"))
    assert "no C++17 compiler found (tried '/nonexistent')" in line


def test_old_compiler(tmp_path):
    fake = script(tmp_path / "c++", "echo unrecognized option -std=c++17 >&2; exit 1")
    line = error_line(make("check", f"PYTHON={sys.executable}", f"CXX={fake}"))
    assert "no C++17 compiler found" in line


def test_help_lists_the_two_commands():
    text = make("help").stdout
    assert "make lab" in text and "make test" in text
