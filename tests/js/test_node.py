"""The tests in JavaScript, under the Node that pip installs, and whether their vectors are late."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_vectors_are_what_python_computes() -> None:
    command = [sys.executable, str(HERE / "make_vectors.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr


def test_javascript(node: str) -> None:
    files = sorted(str(path) for path in HERE.glob("*.test.mjs"))
    result = subprocess.run([node, "--test", *files], capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout[-4000:] + result.stderr[-2000:]
    assert "# pass 0" not in result.stdout and "pass" in result.stdout
