"""What is timed side by side: our kernels and their baselines, as callables."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab._quiet import without_native_chatter
from bnn_lab.errors import BnnLabError
from bnn_lab.profiling.node_clock import open_litert, set_inputs
from bnn_lab.profiling.partitions import made_up
from bnn_lab.runtime import Interpreter

UNFUSED = "unfused"
IN_LITERT = "bnn_lab in LiteRT"
LCE_DEFAULT, LCE_INDIRECT = "LCE default", "LCE indirect"
LCE_KERNELS = {LCE_DEFAULT: False, LCE_INDIRECT: True}  # name to `indirect` of `lce_call`
Sample = NDArray | Sequence[NDArray] | None


def ours(backend: str, *, fuse: bool = True) -> str:
    """Name of our kernels on this backend."""
    return f"bnn_lab {backend}" if fuse else f"bnn_lab {backend} {UNFUSED}"


def baseline(kind: str) -> str:
    """Name of LiteRT without bnn_lab on a file of this kind, `FLOAT32` or `INT8`."""
    return f"{kind} TFLite"


def litert_call(
    content: bytes,
    x: Sample = None,
    num_threads: int = 1,
    *,
    delegate: bool = True,
    backend: str | None = None,
    fuse: bool = True,
) -> Callable[[], object]:
    """One inference on LiteRT; input and output stay where they are.

    Args:
        content: bytes of a `.tflite` file with batch 1.
        x: one sample, without batch dimension; or an array for each input as it is; None makes up
            values, which is all the same to most models' speed.
        num_threads: threads of the interpreter and of the binary kernels.
        delegate: load bnn_lab's delegate; without it the file runs as on any LiteRT.
        backend: kernel backend, default the active one.
        fuse: see `bnn_lab.Interpreter`.

    Returns:
        The interpreter's `invoke`.

    Raises:
        InputError: the sample does not fit the model, or a number is out of range.
        ModelFileError: the file cannot be run.
    """
    if isinstance(x, np.ndarray):
        # Our interpreter says what is wrong with file, sample or threads.
        Interpreter(content, num_threads).predict(x[None])
    litert = open_litert(
        content, num_threads=num_threads, delegate=delegate, backend=backend, fuse=fuse
    )
    set_inputs(litert, _arrays(litert, x))
    invoke: Callable[[], object] = litert.invoke
    return invoke


def lce_call(
    content: bytes, x: Sample = None, num_threads: int = 1, *, indirect: bool = False
) -> Callable[[], list[NDArray]]:
    """One inference on LCE's interpreter, which copies input and output too.

    Args:
        content: bytes of a `.tflite` file with batch 1.
        x: as for `litert_call`.
        num_threads: threads of the interpreter.
        indirect: run LCE's indirect kernel instead of its default one.

    Returns:
        A callable that gives the outputs.

    Raises:
        BnnLabError: LCE is not installed, or cannot run the file.
    """
    if not lce_installed():
        raise BnnLabError(
            "the Larq Compute Engine is not installed. Fix: pip install larq-compute-engine, or "
            "leave it out of the comparison"
        )
    arrays = [np.ascontiguousarray(array) for array in _arrays(open_litert(content), x)]
    try:
        with without_native_chatter():
            from larq_compute_engine import testing

            interpreter = testing.Interpreter(
                content, num_threads=num_threads, use_indirect_bgemm=indirect
            ).interpreter
            interpreter.predict(arrays)
    except (RuntimeError, ValueError) as error:  # such as a file with one of our own ops
        raise BnnLabError(f"LCE cannot run this file: {error}") from error
    return lambda: interpreter.predict(arrays)


def lce_calls(
    content: bytes, x: Sample = None, num_threads: int = 1, *, wanted: bool | None = None
) -> dict[str, Callable[[], list[NDArray]]]:
    """Both of LCE's kernels by name.

    Args:
        content: as for `lce_call`.
        x: as for `litert_call`.
        num_threads: threads of the interpreter.
        wanted: None takes them if LCE is installed and can run the file.

    Raises:
        BnnLabError: they are wanted, but LCE is not installed or cannot run the file.
    """
    if wanted is False or (wanted is None and not lce_installed()):
        return {}
    try:
        return {
            name: lce_call(content, x, num_threads, indirect=indirect)
            for name, indirect in LCE_KERNELS.items()
        }
    except BnnLabError:
        if wanted:
            raise
        return {}


def lce_installed() -> bool:
    """Whether the Larq Compute Engine can be imported."""
    return importlib.util.find_spec("larq_compute_engine") is not None


def check_same_results(what: str, results: dict[str, Any]) -> None:
    """Refuse to time what computes different things.

    Args:
        what: is computed, for the error's text.
        results: name to array.

    Raises:
        BnnLabError: two arrays differ.
    """
    (first, expected), *others = results.items()
    for name, value in others:
        if not np.array_equal(value, expected):
            raise BnnLabError(
                f"bench: {name} and {first} give different results for {what}; timing wrong "
                "results would be meaningless"
            )


def _arrays(litert: Any, x: Sample) -> list[NDArray]:
    """Values for each input of an interpreter."""
    if isinstance(x, np.ndarray):
        return [x[None]]
    if x is not None:
        return list(x)
    return [
        made_up(tuple(int(d) for d in t["shape"]), np.dtype(t["dtype"]))
        for t in litert.get_input_details()
    ]
