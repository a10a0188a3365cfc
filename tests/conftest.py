from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bnn_lab.data import Digits, load_digits


class TrainedDigits(NamedTuple):
    """The lesson's network after its full training."""

    model: Any
    history: Any
    data: Digits


@pytest.fixture(scope="session")
def trained_digits() -> TrainedDigits:
    """Train once for the whole test run (about 15 s)."""
    from bnn_lab.lab import train_digits

    model, history = train_digits(seed=0)
    return TrainedDigits(model, history, load_digits())


@pytest.fixture(scope="session")
def require_tool() -> Callable[[str, str], str]:
    """`require_tool(program, debian_package)` returns the program's path.

    Without the program the test is skipped; it fails instead if BNN_LAB_REQUIRE_SYSTEM_TOOLS=1, so
    that continuous integration cannot lose a test silently.
    """

    def require(program: str, package: str) -> str:
        search = os.pathsep.join([os.environ.get("PATH", ""), str(Path(sys.executable).parent)])
        if path := shutil.which(program, path=search):
            return path
        reason = f"{program} is not installed (Debian package {package})"
        if os.environ.get("BNN_LAB_REQUIRE_SYSTEM_TOOLS") == "1":
            pytest.fail(f"{reason}, but BNN_LAB_REQUIRE_SYSTEM_TOOLS=1")
        pytest.skip(reason)

    return require
