"""What runs in a page is what its source builds."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def build_wasm(require_tool: Callable[[str, str], str]) -> Any:
    """native/tools/build_wasm.py as a module; skips without the clang whose bytes are stored."""
    path = ROOT / "native/tools/build_wasm.py"
    spec = importlib.util.spec_from_file_location("build_wasm", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for tool in ("clang", "wasm-ld"):
        require_tool(f"{tool}-{module.PREFERRED}", module.PACKAGES)
    return module


def test_the_stored_small_kernel_is_that_of_its_source(build_wasm: Any) -> None:
    code = build_wasm.build_small(build_wasm.find_clang())
    assert len(code) <= 5000
    stored = build_wasm.SMALL_BYTES.read_text(encoding="utf-8")
    assert stored == build_wasm.small_module(code), "Fix: make wasm"
