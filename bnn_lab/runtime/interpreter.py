"""`Interpreter`: runs a `.tflite` file on NumPy arrays, as LCE's interpreter does."""

from __future__ import annotations

import ctypes
import os
import threading
import warnings
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab.errors import BnnLabError, InputError, ModelFileError
from bnn_lab.runtime.delegate import check_flag, check_threads, load_delegate
from bnn_lab.runtime.litert import LITERT_ERRORS, is_of_xnnpack, one_line, open_litert, resize
from bnn_lab.runtime.samples import ModelEnd, joined, runs_of, single_sample
from bnn_lab.runtime.sizes import Sizes, file_inputs, positions_of
from bnn_lab.tflite.contents import read_contents

if TYPE_CHECKING:
    from bnn_lab.tflite.reader import ModelFile

Data = NDArray | list[NDArray] | Mapping[str, NDArray]
_SIZES_HINT = (
    ". Fix: the file leaves sizes of its inputs open, perhaps none fits that LiteRT starts with; "
    "give resize="
)

_ALIVE: weakref.WeakSet[Interpreter] = weakref.WeakSet()


class Interpreter:
    """Runs a TFLite model, its binary layers on bnn_lab's kernels.

    Files written by `bnn_lab.convert_keras_model` and by the Larq Compute Engine both run; so does
    a plain float or int8 file, without any part for the kernels.

    Where LiteRT's XNNPACK refuses a file, such as for an int8 scale beyond its limits, float and
    int8 ops run on LiteRT's plain kernels, with a warning: they are slower.

    One object may be shared by Python threads: calls of `predict` then wait for each other. In a
    process that was forked off, one of several threads is refused, since its threads are not there.

    Args:
        flatbuffer_model: the model as bytes, or the path of a `.tflite` file.
        num_threads: threads of binary and float ops, 1 to 256.
        backend: name of a kernel backend (see `bnn_lab.kernels.available_backends`), default
            the active one.
        fuse: run the float ops around binary convolutions inside them where that is possible (see
            `load_delegate`). Results are the same.
        use_reference: use the plainest code there is, to find out whether a doubtful result comes
            from an optimization: the scalar backend, nothing fused. Results are the same.
        signature: which of the file's entry points to run, see `signatures`; default its first
            graph. Each object has variables of its own.
        resize: sizes of the inputs that are not to be the file's, batch included: the shape of a
            single input, a list of all shapes, or a dict by the input's name. Sizes that the file
            leaves open need not be given: `predict` takes them from the data.

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
        signature: str | None = None,
        resize: Sizes | None = None,
    ) -> None:
        from bnn_lab.tflite.check import check_contents  # loads LiteRT's schema

        self._lock = threading.Lock()
        content = read_contents(flatbuffer_model, "Interpreter")
        if signature is not None:
            from bnn_lab.tflite.subgraphs import only_signature

            content = only_signature(content, signature)
        file = check_contents(content)
        self._signatures = tuple(entry.key for entry in file.info().signatures)
        self._content = content
        self._threads = check_threads(num_threads)
        self._forked = False
        check_flag("fuse", fuse)
        if check_flag("use_reference", use_reference):
            if backend not in (None, "scalar"):
                raise InputError(
                    f"Interpreter: use_reference means the scalar backend, not {backend!r}; give "
                    "one of the two"
                )
            backend, fuse = "scalar", False
        self._delegate = {"backend": backend, "fuse": fuse}
        self._has_run = False
        self._open(file, {} if resize is None else positions_of(resize, file_inputs(file)))
        _ALIVE.add(self)

    def _open(self, file: ModelFile, sizes: Mapping[int, tuple[int, ...]]) -> None:
        try:
            self._open_with(xnnpack=True, sizes=sizes)
            return
        except BnnLabError:
            raise
        except LITERT_ERRORS as error:  # what LiteRT raises for a bad file
            refusal = error
        if is_of_xnnpack(refusal):
            with suppress(ModelFileError):
                self._open_without_xnnpack(refusal, sizes)
                return
        inputs = file_inputs(file)
        if sizes:
            names = [end.name for end in inputs]
            raise InputError(_cannot_take(sizes, names, refusal)) from refusal
        hint = "" if not any(any(end.free) for end in inputs) else _SIZES_HINT
        raise ModelFileError(f"the model cannot be run: {one_line(refusal)}{hint}") from refusal

    def _open_with(
        self, *, xnnpack: bool, sizes: Mapping[int, Sequence[int]] | None = None
    ) -> None:
        self._litert = open_litert(
            self._content,
            [load_delegate(**self._delegate)],  # type: ignore[arg-type]
            num_threads=self._threads,
            xnnpack=xnnpack,
            sizes=sizes,
        )
        self._xnnpack = xnnpack
        self._look()

    def _open_without_xnnpack(self, refusal: Exception, sizes: Mapping[int, Sequence[int]]) -> None:
        try:
            self._open_with(xnnpack=False, sizes=sizes)
        except LITERT_ERRORS:
            raise ModelFileError(f"the model cannot be run: {one_line(refusal)}") from refusal
        warnings.warn(
            "XNNPACK, LiteRT's library for float and int8 ops, refuses this model "
            f"({one_line(refusal)}); they run on LiteRT's plain kernels, which are slower",
            RuntimeWarning,
            stacklevel=4,
        )

    def _look(self) -> None:
        """Read what LiteRT says of the ends, which new sizes change."""
        self._inputs = self._litert.get_input_details()
        self._sizes = {at: tuple(map(int, t["shape"])) for at, t in enumerate(self._inputs)}
        self._outputs = self._litert.get_output_details()
        self._ends = [
            ModelEnd.of(name, detail)
            for name, detail in zip(self.input_names, self._inputs, strict=True)
        ]

    def _resize(self, sizes: Mapping[int, tuple[int, ...]]) -> None:
        try:
            resize(self._litert, sizes)
            self._litert.allocate_tensors()
            self._look()
        except LITERT_ERRORS as error:
            if self._xnnpack and not self._has_run and is_of_xnnpack(error):
                with suppress(ModelFileError):
                    self._open_without_xnnpack(error, sizes)
                    return
            # LiteRT's object is of no use any more.
            self._open_with(xnnpack=self._xnnpack, sizes=self._sizes)
            raise InputError(_cannot_take(sizes, self.input_names, error)) from error

    @property
    def signatures(self) -> tuple[str, ...]:
        """Keys of the file's entry points; with `signature`, that one alone."""
        return self._signatures

    @property
    def uses_xnnpack(self) -> bool:
        """Whether XNNPACK took the model's float and int8 ops, as far as it knows them."""
        return self._xnnpack

    def _after_fork(self) -> None:
        """In a child: whoever held the lock is not there, nor are the threads."""
        self._lock = threading.Lock()
        if self._threads > 1:
            self._forked = True
            # To free it would wait for the threads for ever.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._litert))

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

    def predict(self, x: Data | Iterator[Data], verbose: int = 0) -> NDArray | list[NDArray]:
        """Outputs for a number of samples.

        Args:
            x: an array whose first dimension counts the samples; for a model with several inputs a
                list of such arrays, or a dict by input name; or an iterator over single samples,
                without the batch dimension. The dtype must be the model's; nothing is cast. An
                input that is a scalar in the model gets one number for all samples, or an array of
                one for each. Inputs of strings get arrays of str or bytes. Where the file leaves a
                size open, any is taken.
            verbose: 1 shows a progress bar.

        Returns:
            The output as one array, first dimension the samples; a list of arrays if the model has
            several outputs. Strings are bytes in an array of objects.

        Raises:
            InputError: wrong number of inputs, shape or dtype; the message names the input. Or the
                process was forked off, and the threads are in the other one.
            ModelFileError: an op of the model cannot go on.
        """
        if self._forked:
            raise InputError(
                f"this Interpreter's {self._threads} threads are in the process that was "
                "forked. Fix: make a new Interpreter in this one, or one of num_threads=1"
            )
        total = None
        if isinstance(x, np.ndarray | np.generic | list | tuple | Mapping):
            total, chunks = runs_of(x, self._ends)
        elif isinstance(x, Iterator):
            chunks = (single_sample(sample, self._ends) for sample in x)
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
            outputs = joined(parts, self.output_names)
        else:
            outputs = [np.empty((0, *t["shape"][1:]), t["dtype"]) for t in self._outputs]
        return outputs[0] if len(outputs) == 1 else outputs

    def _run(self, arrays: list[NDArray]) -> list[NDArray]:
        with self._lock:
            sizes = {
                position: array.shape
                for position, (end, array) in enumerate(zip(self._ends, arrays, strict=True))
                if array.shape != end.shape
            }
            if sizes:
                self._resize(sizes)
            try:
                return self._invoked(arrays)
            except LITERT_ERRORS as error:
                if not self._xnnpack or self._has_run or not is_of_xnnpack(error):
                    raise ModelFileError(f"the model stopped running: {one_line(error)}") from error
                self._open_without_xnnpack(error, dict(enumerate(a.shape for a in arrays)))
            try:
                return self._invoked(arrays)
            except LITERT_ERRORS as error:
                raise ModelFileError(f"the model stopped running: {one_line(error)}") from error

    def _invoked(self, arrays: list[NDArray]) -> list[NDArray]:
        for tensor, array in zip(self._inputs, arrays, strict=True):
            # `ascontiguousarray` would make a scalar an array of one number.
            self._litert.set_tensor(tensor["index"], np.asarray(array, order="C"))
        self._litert.invoke()
        self._has_run = True
        return [self._litert.get_tensor(tensor["index"]) for tensor in self._outputs]


def _cannot_take(
    sizes: Mapping[int, tuple[int, ...]], names: Sequence[str], error: Exception
) -> str:
    shown = {names[position]: shape for position, shape in sizes.items()}
    return f"the model cannot run with inputs of the sizes {shown}: {one_line(error)}"


def _after_fork() -> None:
    for interpreter in list(_ALIVE):
        interpreter._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _quantization(tensor: dict[str, Any], key: str) -> Any:
    values = tensor["quantization_parameters"][key]
    if len(values) == 0:
        return None
    return values[0].item() if len(values) == 1 else values.tolist()
