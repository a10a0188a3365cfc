"""`Interpreter`: runs a `.tflite` file on NumPy arrays, as LCE's interpreter does."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab._quiet import without_native_chatter
from bnn_lab.errors import InputError, ModelFileError
from bnn_lab.runtime.delegate import check_flag, check_threads, load_delegate
from bnn_lab.tflite.contents import read_contents

Data = NDArray | list[NDArray]


class Interpreter:
    """Runs a TFLite model, its binary layers on bnn_lab's kernels.

    Files written by `bnn_lab.convert_keras_model` and by the Larq Compute Engine both run; so does
    a plain float or int8 file, without any part for the kernels.

    One object may be shared by Python threads: calls of `predict` then wait for each other.

    Args:
        flatbuffer_model: the model as bytes, or the path of a `.tflite` file.
        num_threads: threads of binary and float ops, 1 to 256.
        backend: name of a kernel backend (see `bnn_lab.kernels.available_backends`), default
            BNN_LAB_BACKEND or the fastest.
        fuse: run the float ops around binary convolutions inside them where that is possible (see
            `load_delegate`). Results are the same.
        use_reference: use the plainest code there is, to find out whether a doubtful result comes
            from an optimization: the scalar backend, nothing fused. Results are the same.

    Raises:
        ModelFileError: not a TFLite file, corrupt, or with an op that cannot run; the message names
            the op.
        BackendError: `backend` or BNN_LAB_BACKEND is unknown or not supported by this CPU.
        InputError: an argument of the wrong type or range.
    """

    def __init__(
        self,
        flatbuffer_model: bytes | str | os.PathLike[str],
        num_threads: int = 1,
        *,
        backend: str | None = None,
        fuse: bool = True,
        use_reference: bool = False,
    ) -> None:
        from ai_edge_litert.interpreter import Interpreter as LiteRtInterpreter

        from bnn_lab.tflite.check import check_contents  # loads LiteRT's schema

        self._lock = threading.Lock()
        content = read_contents(flatbuffer_model, "Interpreter")
        check_contents(content)
        num_threads = check_threads(num_threads)
        check_flag("fuse", fuse)
        if check_flag("use_reference", use_reference):
            if backend not in (None, "scalar"):
                raise InputError(
                    f"Interpreter: use_reference means the scalar backend, not {backend!r}; give "
                    "one of the two"
                )
            backend, fuse = "scalar", False
        delegate = load_delegate(backend=backend, fuse=fuse)
        try:
            with without_native_chatter():
                self._litert = LiteRtInterpreter(
                    model_content=content,
                    experimental_delegates=[delegate],
                    num_threads=num_threads,
                )
                self._litert.allocate_tensors()
                self._inputs = self._litert.get_input_details()
                self._outputs = self._litert.get_output_details()
        except (ValueError, RuntimeError) as error:  # what LiteRT raises for a bad file
            raise ModelFileError(f"the model cannot be run: {_one_line(error)}") from error

    @property
    def input_names(self) -> list[str]:
        """Names of the inputs, in order: those of the file's signature, else of its tensors."""
        return self._names("inputs", self._inputs)

    @property
    def output_names(self) -> list[str]:
        """Names of the outputs, in order: those of the file's signature, else of its tensors."""
        return self._names("outputs", self._outputs)

    def _names(self, end: str, details: list[dict[str, Any]]) -> list[str]:
        signatures = self._litert._get_full_signature_list()
        # With several signatures the first subgraph may be the one of any.
        named = next(iter(signatures.values()))[end] if len(signatures) == 1 else {}
        by_tensor = {tensor: name for name, tensor in named.items()}
        return [by_tensor.get(t["index"], t["name"]) for t in details]

    @property
    def input_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the inputs, batch dimension included."""
        return [tuple(int(d) for d in t["shape"]) for t in self._inputs]

    @property
    def output_shapes(self) -> list[tuple[int, ...]]:
        """Shapes of the outputs, batch dimension included."""
        return [tuple(int(d) for d in t["shape"]) for t in self._outputs]

    @property
    def input_types(self) -> list[type]:
        """NumPy types of the inputs."""
        return [t["dtype"] for t in self._inputs]

    @property
    def output_types(self) -> list[type]:
        """NumPy types of the outputs."""
        return [t["dtype"] for t in self._outputs]

    @property
    def input_scales(self) -> list[float | list[float] | None]:
        """Quantization scales of the inputs, None where not quantized."""
        return [_quantization(t, "scales") for t in self._inputs]

    @property
    def input_zero_points(self) -> list[int | list[int] | None]:
        """Quantization zero points of the inputs, None where not quantized."""
        return [_quantization(t, "zero_points") for t in self._inputs]

    @property
    def output_scales(self) -> list[float | list[float] | None]:
        """Quantization scales of the outputs, None where not quantized."""
        return [_quantization(t, "scales") for t in self._outputs]

    @property
    def output_zero_points(self) -> list[int | list[int] | None]:
        """Quantization zero points of the outputs, None where not quantized."""
        return [_quantization(t, "zero_points") for t in self._outputs]

    def predict(self, x: Data | Iterator[Data], verbose: int = 0) -> Data:
        """Outputs for a number of samples.

        Args:
            x: an array whose first dimension counts the samples, a list of such arrays for a model
                with several inputs, or an iterator over single samples (arrays, or lists of arrays,
                without the batch dimension). The dtype must be the model's; nothing is cast.
            verbose: 1 shows a progress bar.

        Returns:
            The output as one array, first dimension the samples; a list of arrays if the model has
            several outputs.

        Raises:
            InputError: wrong number of inputs, shape or dtype; the message names the input.
            ModelFileError: an op of the model cannot go on.
        """
        chunks: Iterable[list[NDArray]]
        total = None
        if isinstance(x, (np.ndarray, list, tuple)):
            arrays = [x] if isinstance(x, np.ndarray) else list(x)
            batch = self._check(arrays)
            total = len(arrays[0]) // batch
            chunks = ([a[i * batch : (i + 1) * batch] for a in arrays] for i in range(total))
        elif isinstance(x, Iterator):
            chunks = self._samples(x)
        else:
            raise InputError(
                "predict: x must be a NumPy array, a list of arrays or an iterator, not "
                f"{type(x).__name__}; use numpy.asarray"
            )
        if verbose:
            from tqdm.auto import tqdm

            chunks = tqdm(chunks, total=total)

        # The lock is not held while an iterator makes its next sample: it may use this object too.
        parts = [self._run(chunk) for chunk in chunks]
        if parts:
            outputs = [np.concatenate(column) for column in zip(*parts, strict=True)]
        else:
            outputs = [np.empty((0, *t["shape"][1:]), t["dtype"]) for t in self._outputs]
        return outputs[0] if len(outputs) == 1 else outputs

    def _run(self, arrays: list[NDArray]) -> list[NDArray]:
        with self._lock:
            for tensor, array in zip(self._inputs, arrays, strict=True):
                self._litert.set_tensor(tensor["index"], np.ascontiguousarray(array))
            try:
                self._litert.invoke()
            except (ValueError, RuntimeError) as error:
                raise ModelFileError(f"the model stopped running: {_one_line(error)}") from error
            return [self._litert.get_tensor(tensor["index"]) for tensor in self._outputs]

    def _samples(self, samples: Iterator[Data]) -> Iterator[list[NDArray]]:
        for sample in samples:
            parts = sample if isinstance(sample, (list, tuple)) else [sample]
            arrays = [np.asarray(part)[None] for part in parts]
            self._check(arrays)
            yield arrays

    def _check(self, arrays: list[Any]) -> int:
        """Raise for what does not fit the model's inputs; return the model's batch size."""
        if len(arrays) != len(self._inputs):
            names = ", ".join(repr(t["name"]) for t in self._inputs)
            raise InputError(
                f"predict: the model has {len(self._inputs)} input(s) ({names}), "
                f"but {len(arrays)} were given"
            )
        for tensor, array in zip(self._inputs, arrays, strict=True):
            what = f"predict: input {tensor['name']!r}"
            shape = tuple(int(d) for d in tensor["shape"])
            if not isinstance(array, np.ndarray):
                raise InputError(f"{what} must be a NumPy array, not {type(array).__name__}")
            if not shape:
                raise InputError(f"{what} is a scalar in the model, which has no batch dimension")
            if array.ndim != len(shape) or array.shape[1:] != shape[1:]:
                wanted = ", ".join(str(d) for d in shape[1:])
                raise InputError(
                    f"{what} must have shape (samples, {wanted}), not {array.shape}"
                    + (
                        "; a single sample needs a leading dimension: x[None]"
                        if array.shape == shape[1:]
                        else ""
                    )
                )
            if array.dtype != tensor["dtype"]:
                name = np.dtype(tensor["dtype"]).name
                raise InputError(
                    f"{what} must be {name}, not {array.dtype}; convert it with "
                    f"x.astype(numpy.{name})"
                )
            if array.shape[0] % max(shape[0], 1):
                raise InputError(
                    f"{what}: the model's batch size is {shape[0]}, which does not divide "
                    f"{array.shape[0]} samples"
                )
            if array.shape[0] // max(shape[0], 1) != len(arrays[0]) // max(self._batch(0), 1):
                raise InputError(f"{what} has a different number of samples than the first input")
        return max(self._batch(0), 1)

    def _batch(self, index: int) -> int:
        return int(self._inputs[index]["shape"][0])


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _quantization(tensor: dict[str, Any], key: str) -> Any:
    values = tensor["quantization_parameters"][key]
    if len(values) == 0:
        return None
    return values[0].item() if len(values) == 1 else values.tolist()
