"""Latency of one Keras model as a binary, a float and an int8 `.tflite` file, side by side."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab import kernels
from bnn_lab._quiet import without_native_chatter
from bnn_lab.convert import convert_keras_model, stock_tflite
from bnn_lab.errors import BnnLabError, InputError
from bnn_lab.measure.timing import TimingTable, measure
from bnn_lab.runtime import Interpreter, load_delegate

BINARY = "binary"
FLOAT = "float TFLite"
INT8 = "int8 TFLite"
LCE = "LCE"

CALIBRATION_IMAGES = 200


@dataclass(frozen=True)
class ModelLatency:
    """Latency and file size of one model in several forms.

    Attributes:
        table: times of one inference (`invoke` alone: input and output stay where they are).
        sizes: form to bytes of its `.tflite` file.
        num_threads: threads that every peer was given.
        backend: bnn_lab's kernel backend.
    """

    table: TimingTable
    sizes: dict[str, int]
    num_threads: int
    backend: str

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, ready for JSON."""
        return {
            **self.table.as_dict(),
            "file_bytes": dict(self.sizes),
            "num_threads": self.num_threads,
            "backend": self.backend,
        }


def model_files(model: Any, images: NDArray[np.float32]) -> dict[str, bytes]:
    """Convert a Keras model to the three kinds of `.tflite` file that get compared.

    The float and the int8 file are the same network through TensorFlow's own converter. Their
    signs stay separate float ops, so an int8 network designed without signs would be somewhat
    faster than this one.

    Args:
        model: a built tf_keras model with larq layers and one input.
        images: samples that calibrate the int8 file, (N, ...); at most 200 are used.

    Returns:
        `BINARY`, `FLOAT` and `INT8` to the file's contents.

    Raises:
        ConversionError: the model cannot be converted, or has no binary layer.
        InputError: `images` are empty.
    """
    return {
        BINARY: convert_keras_model(model),
        FLOAT: stock_tflite(model),
        INT8: stock_tflite(model, images[:CALIBRATION_IMAGES]),
    }


def measure_latency(
    files: Mapping[str, bytes],
    image: NDArray[np.float32],
    *,
    num_threads: int = 1,
    rounds: int = 30,
    with_lce: bool | None = None,
    seed: int = 0,
) -> ModelLatency:
    """Time the files of `model_files` in one interleaved run, batch 1.

    Args:
        files: `BINARY`, `FLOAT`, `INT8` or some of them, to `.tflite` contents.
        image: one input sample, without batch dimension.
        num_threads: of every peer.
        rounds: samples of each peer (see `measure`).
        with_lce: also run the binary file on the Larq Compute Engine; None does so if it is
            installed.
        seed: of the peers' order.

    Returns:
        The latencies, LCE's last.

    Raises:
        InputError: an unknown kind of file, a wrong image or a number out of range.
        ModelFileError: a file cannot be run.
        BnnLabError: `with_lce` is True but LCE is not installed.
    """
    unknown = set(files) - {BINARY, FLOAT, INT8}
    if unknown:
        raise InputError(
            f"measure_latency: unknown kind of file {sorted(unknown)}; known are "
            f"{[BINARY, FLOAT, INT8]}."
        )
    peers: dict[str, Callable[[], object]] = {}
    for kind, content in files.items():
        peers[kind] = litert_call(content, image, num_threads, binary=kind == BINARY)
    if BINARY in files and _want_lce(with_lce):
        peers[LCE] = lce_call(files[BINARY], image, num_threads)
    return ModelLatency(
        table=measure(peers, rounds=rounds, seed=seed),
        sizes={kind: len(content) for kind, content in files.items()},
        num_threads=num_threads,
        backend=kernels.active_backend(),
    )


def litert_call(
    content: bytes, image: NDArray, num_threads: int = 1, *, binary: bool = True
) -> Callable[[], object]:
    """One inference on LiteRT, as a callable that does nothing else.

    Args:
        content: of a `.tflite` file with one input and batch 1.
        image: one sample, without batch dimension.
        num_threads: of the interpreter and of the binary kernels.
        binary: load bnn_lab's delegate; without it the file runs on stock LiteRT.

    Returns:
        The interpreter's `invoke`.

    Raises:
        InputError: the image does not fit the model, or `num_threads` is out of range.
        ModelFileError: the file cannot be run.
    """
    from ai_edge_litert.interpreter import Interpreter as LiteRtInterpreter

    # Our interpreter checks file, image and threads, and says what is wrong with them.
    Interpreter(content, num_threads).predict(image[None])
    delegates = [load_delegate()] if binary else None
    with without_native_chatter():
        litert = LiteRtInterpreter(
            model_content=content, num_threads=num_threads, experimental_delegates=delegates
        )
        litert.allocate_tensors()
    litert.set_tensor(litert.get_input_details()[0]["index"], image[None])
    invoke: Callable[[], object] = litert.invoke
    return invoke


def lce_call(
    content: bytes, image: NDArray[np.float32], num_threads: int = 1
) -> Callable[[], object]:
    """One inference on LCE's interpreter, which copies input and output too.

    Args:
        content: of a `.tflite` file with one input and batch 1.
        image: one sample, without batch dimension.
        num_threads: of the interpreter.

    Returns:
        A callable.

    Raises:
        BnnLabError: LCE is not installed.
    """
    if not lce_installed():
        raise BnnLabError(
            "the Larq Compute Engine is not installed. Fix: pip install larq-compute-engine, or "
            "leave it out of the comparison with with_lce=False."
        )
    with without_native_chatter():
        from larq_compute_engine import testing

        interpreter = testing.Interpreter(content, num_threads=num_threads).interpreter
    batch = [np.ascontiguousarray(image[None])]
    return lambda: interpreter.predict(batch)


def _want_lce(with_lce: bool | None) -> bool:
    return lce_installed() if with_lce is None else with_lce


def lce_installed() -> bool:
    """Whether the Larq Compute Engine can be imported."""
    return importlib.util.find_spec("larq_compute_engine") is not None
