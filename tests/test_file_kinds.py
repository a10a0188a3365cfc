"""Every kind of file is whole whatever happens; `python tests/file_tables.py` kills more often."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import file_tables  # a script beside this file

sys.path.pop(0)


@pytest.fixture(params=file_tables.KINDS)
def kind(request: pytest.FixtureRequest) -> file_tables.Kind:
    return file_tables.KINDS[request.param]


def test_kills(kind: file_tables.Kind, tmp_path: Path) -> None:
    found = file_tables.kill(kind, tmp_path, 4)
    assert found["whole"] == 4 and not found["damaged"] and not found["halves left"]


def test_full_and_read_only(kind: file_tables.Kind, mount: Callable[[str], Path]) -> None:
    folder = mount("size=16m")
    assert file_tables.full(kind, folder) == "old file kept: No space left on device"
    path = folder / kind.name
    old = path.read_bytes()
    remount = ["mount", "-o", "remount,ro", str(folder)]
    subprocess.run(remount, check=True, timeout=30)
    assert file_tables.refused(kind, path, old) == "old file kept: Read-only file system"
