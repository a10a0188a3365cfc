"""Loading the delegate library into LiteRT."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from bnn_lab import _native, kernels
from bnn_lab.errors import InputError
from bnn_lab.runtime import selftest

_LIBRARY = "libbnn_lab_delegate" + (".dll" if sys.platform == "win32" else ".so")


def delegate_path() -> Path:
    """Path of the delegate's shared library, for applications that load it by themselves."""
    # Beside the compiled module, which in an editable installation is not beside this file.
    return Path(_native.__file__).parent / _LIBRARY


def check_threads(num_threads: Any) -> int:
    """`num_threads` as an int in [1, 256], or an InputError."""
    if isinstance(num_threads, bool) or not isinstance(num_threads, (int, np.integer)):
        raise InputError(f"num_threads must be an integer, not {num_threads!r}")
    if not 1 <= num_threads <= 256:
        raise InputError(f"num_threads must lie in [1, 256], not {num_threads}")
    return int(num_threads)


def check_flag(name: str, value: Any) -> bool:
    """`value` as a bool, or an InputError: a truthy string such as "no" is a mistake."""
    if not isinstance(value, (bool, np.bool_)):
        raise InputError(f"{name} must be True or False, not {value!r}")
    return bool(value)


def load_delegate(
    *, backend: str | None = None, num_threads: int | None = None, fuse: bool = True
) -> Any:
    """A delegate object for LiteRT's own Python interpreter.

    Besides the binary ops it runs averages over the whole image (MEAN, AVERAGE_POOL_2D), which it
    adds up in the order of the Larq Compute Engine: a network's logits are then the same bits.

    Use it as ``ai_edge_litert.interpreter.Interpreter(...,
    experimental_delegates=[bnn_lab.load_delegate()])``; a delegate serves one interpreter.

    Args:
        backend: name of a kernel backend; default BNN_LAB_BACKEND or the fastest available.
        num_threads: threads of the binary ops, default those of the interpreter.
        fuse: also take over the float ops that fit into a binary convolution (MUL, ADD, SUB and
            PRELU with a constant for each channel, LEAKY_RELU and the other activations, the
            addition of one shortcut), and write its signs in the same pass. Results are the same
            bits.

    Returns:
        An `ai_edge_litert.interpreter.Delegate`.

    Raises:
        BackendError: `backend` or BNN_LAB_BACKEND is unknown or not supported by this CPU.
        InputError: `num_threads` is out of range, or `fuse` is not a bool.
        BnnLabError: the installed LiteRT failed the self-test (see `runtime.selftest`).
    """
    from ai_edge_litert.interpreter import load_delegate as litert_load_delegate

    options = {
        "backend": kernels.resolve_backend(backend),
        "fuse": "1" if check_flag("fuse", fuse) else "0",
    }
    if num_threads is not None:
        options["num_threads"] = str(check_threads(num_threads))
    path = str(delegate_path())
    selftest.check_once(lambda: litert_load_delegate(path))
    return litert_load_delegate(path, options)
