"""Checks, once a process, that the installed LiteRT and the delegate understand each other.

The delegate declares LiteRT's structs by itself. A LiteRT that lays them out otherwise must be
refused with a message, not give wrong numbers: so a tiny model runs and is compared with NumPy.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from bnn_lab import reference
from bnn_lab._quiet import without_native_chatter
from bnn_lab.errors import BnnLabError

_LOCK = threading.Lock()
_PASSED = False
_CHANNELS = 40  # not a whole number of words


def check_once(make_delegate: Callable[[], Any]) -> None:
    """Run the canary model unless it has passed before.

    Args:
        make_delegate: returns a new delegate object for LiteRT.

    Raises:
        BnnLabError: LiteRT refuses the delegate, or the result is wrong.
    """
    global _PASSED
    with _LOCK:
        if not _PASSED:
            _check(make_delegate)
            _PASSED = True


def _after_fork() -> None:
    """In a child: the thread that held the lock is not there."""
    global _LOCK
    _LOCK = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _check(make_delegate: Callable[[], Any]) -> None:
    from ai_edge_litert.interpreter import Interpreter

    from bnn_lab.tflite.op_files import conv_file  # the schema is slow to load

    rng = np.random.default_rng(0)
    x = reference.pack_bits(rng.random((1, 4, 3, _CHANNELS)) < 0.5)
    filters = reference.pack_bits(rng.random((5, 3, 3, _CHANNELS)) < 0.5)
    expected = reference.bconv2d(x, filters, channels_in=_CHANNELS, padding="same", pad_values=1)
    # The file states a wrong output size: the delegate must set the right one.
    content = conv_file(x.shape, filters, (1, 1, 1, 5), channels_in=_CHANNELS)
    try:
        with without_native_chatter():
            litert = Interpreter(model_content=content, experimental_delegates=[make_delegate()])
            litert.allocate_tensors()
            litert.set_tensor(litert.get_input_details()[0]["index"], x)
            litert.invoke()
            result = litert.get_tensor(litert.get_output_details()[0]["index"])
    except (RuntimeError, ValueError) as error:
        raise BnnLabError(f"{_describe()} does not run the bnn_lab delegate: {error}") from error
    if result.shape != expected.shape or not np.array_equal(result, expected):
        raise BnnLabError(
            f"{_describe()} gives wrong results with the bnn_lab delegate, most likely because "
            "its internal structs have changed. Fix: install a version that bnn_lab was tested "
            'with: pip install "ai-edge-litert>=2.1,<2.4"'
        )


def _describe() -> str:
    try:
        return f"ai-edge-litert {version('ai-edge-litert')}"
    except PackageNotFoundError:
        return "this LiteRT"
