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
    assert make("machine", f"PYTHON={sys.executable}").returncode == 0


def test_no_python():
    line = error_line(make("machine", "demo", "PYTHON=/nonexistent"))
    assert line.startswith("error: no Python 3.11, 3.12 or 3.13 found")
    assert "make PYTHON=auto demo " in line  # the command that was asked for, one word longer


@pytest.fixture
def only_python_314(tmp_path, monkeypatch):
    for name in ("python3", "python3.11", "python3.12", "python3.13"):
        script(tmp_path / name, 'case "$*" in *"(3, 11)"*) exit 1;; -V) echo Python 3.14.0;; esac')
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("PYTHON", raising=False)


def test_no_python_that_fits(only_python_314):
    assert "make PYTHON=auto lab" in error_line(make("machine", "lab"))


def test_a_launcher_of_a_missing_version_is_passed_over(tmp_path, monkeypatch):
    script(tmp_path / "python3.11", "exit 127")
    script(tmp_path / "python3.12", "")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("PYTHON", raising=False)
    chosen = make("-pn", "help").stdout
    assert f"\nPYTHON := {tmp_path}/python3.12\n" in chosen


def test_auto_has_uv_download_a_python(tmp_path, only_python_314):
    calls = tmp_path / "calls"
    uv = script(tmp_path / "uv", f'echo "$*" >> {calls}')
    venv = tmp_path / "venv"
    ran = make(f"{venv}/bin/python", "PYTHON=auto", f"VENV={venv}", f"UV={uv}")
    assert ran.returncode == 0, ran.stderr
    assert "environment  Python 3.12, downloaded by uv" in ran.stdout
    (call,) = calls.read_text().splitlines()
    assert "--python 3.12" in call and "--no-python-downloads" not in call


def test_a_given_python_is_not_downloaded(tmp_path):
    calls = tmp_path / "calls"
    uv = script(tmp_path / "uv", f'echo "$*" >> {calls}')
    venv = tmp_path / "venv"
    ran = make(f"{venv}/bin/python", f"PYTHON={sys.executable}", f"VENV={venv}", f"UV={uv}")
    assert ran.returncode == 0, ran.stderr
    assert "--no-python-downloads" in calls.read_text()


def test_another_python_than_the_environment_has(tmp_path):
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    script(tmp_path / "venv" / "bin" / "python", "echo Python 3.10.99")
    line = error_line(make("machine", f"PYTHON={sys.executable}", f"VENV={tmp_path}/venv"))
    assert "was made with Python 3.10.99" in line and line.endswith("run: make clean")


def test_wrong_python(tmp_path):
    # Claims to be 3.9 and fails every check of the version.
    fake = script(
        tmp_path / "python", 'case "$*" in *version_info*) exit 1;; -V) echo Python 3.9.2;; esac'
    )
    line = error_line(make("machine", f"PYTHON={fake}"))
    assert "needs Python 3.11, 3.12 or 3.13" in line and "Python 3.9.2" in line
    assert "make PYTHON=auto" in line


def test_no_headers(tmp_path):
    fake = script(tmp_path / "python", 'case "$*" in *Python.h*) exit 1;; esac')
    assert "apt-get install python3-dev" in error_line(make("machine", f"PYTHON={fake}"))


def test_no_venv(tmp_path):
    fake = script(tmp_path / "python", 'case "$*" in *ensurepip*) exit 1;; esac')
    assert "apt-get install python3-venv" in error_line(make("machine", f"PYTHON={fake}"))


def test_no_compiler():
    line = error_line(make("machine", f"PYTHON={sys.executable}", "CXX=/nonexistent"))
    assert "no C++17 compiler found (tried '/nonexistent')" in line


def test_old_compiler(tmp_path):
    fake = script(tmp_path / "c++", "echo unrecognized option -std=c++17 >&2; exit 1")
    line = error_line(make("machine", f"PYTHON={sys.executable}", f"CXX={fake}"))
    assert "no C++17 compiler found" in line


def test_the_daily_check_names_tests_that_exist():
    lines = (ROOT / "Makefile").read_text().replace("\\\n", " ").splitlines()
    (paths,) = [line.split(":=")[1].split() for line in lines if line.startswith("CHECKED")]
    assert not [path for path in paths if not (ROOT / path).exists()]


def test_help_lists_the_two_commands():
    text = make("help").stdout
    assert "make lab" in text and "make test" in text
