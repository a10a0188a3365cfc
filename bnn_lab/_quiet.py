"""Keeps known start-up chatter of native libraries out of terminals and notebooks."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator

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


@contextlib.contextmanager
def without_native_chatter() -> Iterator[None]:
    """Hold back what native code writes to stderr, then pass on all but the known noise.

    Python's own exceptions are not affected. The file descriptor is shared by all threads, so one
    thread at a time does this, and what other threads write meanwhile arrives at the end.
    """
    with _LOCK, tempfile.TemporaryFile() as held:
        sys.stderr.flush()
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(saved, 2)
            os.close(saved)
            held.seek(0)
            rest = b"".join(line for line in held if not _NOISE.match(line))
            if rest:
                os.write(2, rest)
