"""Keeps known start-up chatter of native libraries out of terminals and notebooks."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import IO

_LOCK = threading.RLock()

# Lines that tell a user nothing. Everything else is passed on.
_NOISE = re.compile(
    rb"^(INFO: (Created TensorFlow Lite|Initialized TensorFlow Lite)"
    rb"|WARNING: All log messages before absl::InitializeLog"
    rb"|[WIE]\d{4} .*(cuda|CUDA|gpu|GPU|cpu_feature_guard|tf_tfl_flatbuffer_helpers|oneDNN|MLIR"
    rb"|reader\.cc|loader\.cc|mlir_graph_optimization_pass|flatbuffer_export"
    rb"|stats_calculator|port\.cc)"
    rb"|To enable the following instructions:"
    rb"|I0000 |fully_quantize: )"
)


_saved: int | None = None  # where stderr leads while it is held back


@contextlib.contextmanager
def without_native_chatter() -> Iterator[None]:
    """Hold back what native code writes to stderr, then pass on all but the known noise.

    Python's own exceptions are not affected. The file descriptor is shared by all threads, so one
    thread at a time does this, and what other threads write meanwhile arrives at the end. Where
    there is no stderr, or no place to hold it, all is written as it comes.
    """
    global _saved
    with _LOCK, contextlib.ExitStack() as stack:
        try:
            held = stack.enter_context(_store())
            _flush()
            saved = os.dup(2)
        except OSError:
            yield
            return
        os.dup2(held.fileno(), 2)
        outer, _saved = _saved, saved
        try:
            yield
        finally:
            _flush()
            os.dup2(saved, 2)
            os.close(saved)
            _saved = outer
            held.seek(0)
            rest = b"".join(line for line in held if not _NOISE.match(line))
            if rest:
                with contextlib.suppress(OSError):
                    os.write(2, rest)


def _store() -> IO[bytes]:
    # A temporary folder may be missing or full.
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("stderr"), "w+b")
    return tempfile.TemporaryFile()


def _flush() -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):  # a broken pipe, a closed file
            sys.stderr.flush()


def _after_fork() -> None:
    """In a child: the thread that held the lock is not there, and stderr leads where it did."""
    global _LOCK, _saved
    _LOCK = threading.RLock()
    if _saved is not None:
        with contextlib.suppress(OSError):
            os.dup2(_saved, 2)
            os.close(_saved)
        _saved = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
