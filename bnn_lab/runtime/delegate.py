"""Loading the delegate library into LiteRT."""

from __future__ import annotations

import ctypes
import sys
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab import _native, kernels
from bnn_lab.errors import InputError
from bnn_lab.runtime import selftest

_LIBRARY = "libbnn_lab_delegate" + (".dll" if sys.platform == "win32" else ".so")


def delegate_path() -> Path:
    """Path of the delegate's shared library, for applications that load it by themselves."""
    # Beside the compiled module, which in an editable installation is not beside this file.
    return Path(_native.__file__).parent / _LIBRARY


def delegate_groups(delegate: Any) -> list[list[tuple[int, ...]]]:
    """Which ops of a file the delegate runs in one pass.

    Args:
        delegate: of `load_delegate`; an interpreter was made with it.

    Returns:
        For each partition, in the order of LiteRT's nodes "BnnLabDelegate", its groups: positions
        of ops in the file, ascending.
    """
    values = _written(_library().bnn_delegate_groups, delegate, ctypes.c_int32)
    numbers = iter(values)
    partitions = []
    for groups in numbers:
        partitions.append([tuple(islice(numbers, next(numbers))) for _ in range(groups)])
    return partitions


def delegate_trace(delegate: Any) -> NDArray[np.float64]:
    """What each pass took so far, if the delegate was loaded with `trace`.

    Args:
        delegate: of `load_delegate`; an interpreter was made with it.

    Returns:
        Seconds since it was loaded, a row a pass in the order of `delegate_groups`, float64
        (passes, 4): in all; of that in calls of the thread pool; there, of all threads but the
        caller, until they began; and of all threads, from their last task to the end of the call.
    """
    values = _written(_library().bnn_delegate_trace, delegate, ctypes.c_double)
    return np.array(values, np.float64).reshape(-1, 4)


def _written(write: Any, delegate: Any, kind: Any) -> Any:
    """The numbers that a function of the delegate's library writes, after it has said how many."""
    write.restype = ctypes.c_size_t
    write.argtypes = (ctypes.c_void_p, ctypes.POINTER(kind), ctypes.c_size_t)
    pointer = delegate._get_native_delegate_pointer()
    values = (kind * write(pointer, None, 0))()
    write(pointer, values, len(values))
    return values


@cache
def tflite_layout(name: str) -> int:
    """Where the delegate finds something in TFLite's structs.

    Args:
        name: "<struct>.<member>" or "<struct>", as in native/delegate/layout.cc.

    Returns:
        Bytes before the member, or of the whole struct.

    Raises:
        KeyError: it is not listed there.
    """
    find = _library().bnn_delegate_layout
    find.restype = ctypes.c_size_t
    find.argtypes = (ctypes.c_char_p,)
    offset: int = find(name.encode())
    if offset == ctypes.c_size_t(-1).value:
        raise KeyError(name)
    return offset


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(str(delegate_path()))


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
    *,
    backend: str | None = None,
    num_threads: int | None = None,
    fuse: bool = True,
    trace: bool = False,
) -> Any:
    """A delegate object for LiteRT's own Python interpreter.

    Besides the binary ops it runs averages over the whole image (MEAN, AVERAGE_POOL_2D), which it
    adds up in the order of the Larq Compute Engine: a network's logits are then the same bits.

    Use it as ``ai_edge_litert.interpreter.Interpreter(...,
    experimental_delegates=[bnn_lab.load_delegate()])``; a delegate serves one interpreter.

    Args:
        backend: name of a kernel backend; default the active one.
        num_threads: threads of the binary ops, default those of the interpreter.
        fuse: also take over the float ops that fit into a binary convolution (MUL, ADD, SUB and
            PRELU with a constant for each channel, LEAKY_RELU and the other activations, the
            addition of one shortcut), and write its signs in the same pass. Results are the same
            bits.
        trace: clock each pass and its threads, for `delegate_trace`.

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
    if check_flag("trace", trace):
        options["trace"] = "1"
    if num_threads is not None:
        options["num_threads"] = str(check_threads(num_threads))
    path = str(delegate_path())
    selftest.check_once(lambda: litert_load_delegate(path))
    return litert_load_delegate(path, options)
