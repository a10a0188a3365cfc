"""Gives memory back after tests that took much, so that a process of many tests stays small.

Whole models are what stays otherwise. TensorFlow registers the gradient of each call of a quantizer
under a new name and keeps it for ever, and with it the graph and the weights of the model. What is
free at last, the C library keeps for later.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator

import psutil
import pytest

GROWTH = 256 << 20  # bytes by which a process may grow before it is tidied

_tidied_at = 0


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Iterator[None]:
    global _tidied_at
    result = yield
    process = psutil.Process()
    if process.memory_info().rss > _tidied_at + GROWTH:
        forget_gradients()
        gc.collect()
        give_free_memory_back()
        _tidied_at = process.memory_info().rss
    return result


def forget_gradients() -> None:
    """Drop the gradients of all calls so far; a model that is called again registers them anew."""
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework.ops import gradient_registry

        registered = gradient_registry._registry
        for name in [name for name in registered if name.startswith("CustomGradient-")]:
            del registered[name]


def give_free_memory_back() -> None:
    libc = None if sys.platform == "win32" else ctypes.CDLL(None)
    if hasattr(libc, "malloc_trim"):  # glibc has it
        libc.malloc_trim(0)
