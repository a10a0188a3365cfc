"""What `Interpreter.predict` is given, as the arrays of each run, and what it returns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab._words import counted
from bnn_lab.errors import InputError


@dataclass(frozen=True)
class ModelEnd:
    """An input of a model.

    Attributes:
        name: as messages tell it.
        shape: batch dimension included; () for a scalar.
        free: for each dimension, whether the file leaves its size open.
        dtype: NumPy type; of kind "S" for strings.
        scale: of a quantized input, 0 for any other.
        zero_point: likewise.
    """

    name: str
    shape: tuple[int, ...]
    free: tuple[bool, ...]
    dtype: np.dtype
    scale: float = 0.0
    zero_point: int = 0

    @classmethod
    def of(cls, name: str, detail: Mapping[str, Any]) -> ModelEnd:
        """From LiteRT's details of a tensor."""
        shape = tuple(int(size) for size in detail["shape"])
        stated = tuple(int(size) for size in detail["shape_signature"])
        free = tuple(size < 0 for size in stated) if len(stated) == len(shape) else ()
        scale, zero_point = detail.get("quantization", (0.0, 0))  # zeros if it is not quantized
        sizes = free or (False,) * len(shape)
        dtype = np.dtype(detail["dtype"])
        return cls(name, shape, sizes, dtype, float(scale), int(zero_point))

    @property
    def batch(self) -> int:
        """Samples of one run."""
        return max(self.shape[0], 1) if self.shape else 1

    def checked(self, array: Any) -> NDArray:
        """The array, or an InputError that says what does not fit."""
        what = f"predict: input {self.name!r}"
        if isinstance(array, np.generic):
            array = np.asarray(array)
        if not self.shape and isinstance(array, int | float):
            number = np.asarray(array)
            array = number.astype(self.dtype) if self.dtype.kind in "fiub" else number
            if self.dtype.kind in "iub" and array != number:
                raise InputError(f"{what} must be {self.dtype.name}, which {number} is not")
        if not isinstance(array, np.ndarray):
            raise InputError(f"{what} must be a NumPy array, not {type(array).__name__}")
        _check_mask(array, what)
        if self.dtype.kind == "S":
            array = _as_bytes(array, what)
        elif array.dtype != self.dtype:
            raise InputError(
                f"{what} must be {self.dtype.name}, not {array.dtype}; convert it with "
                + self._conversion(array.dtype)
            )
        if not self.shape:
            if array.ndim > 1:
                raise InputError(
                    f"{what} is a scalar in the model: give one number, or one for each sample, "
                    f"not an array of shape {array.shape}"
                )
            return array
        self._check_shape(array.shape, what)
        return array

    def _conversion(self, given: np.dtype) -> str:
        """Code that makes the input's numbers of others; those of a quantized input are steps."""
        # NumPy 1 has no `numpy.bool`.
        cast = "astype(bool)" if self.dtype == bool else f"astype(numpy.{self.dtype.name})"
        if not self.scale or given.kind != "f":
            return f"x.{cast}"
        least, most = np.iinfo(self.dtype).min, np.iinfo(self.dtype).max
        steps = f"numpy.round(x / {self.scale:.9g}) + {self.zero_point}"
        return f"numpy.clip({steps}, {least}, {most}).{cast}"

    def _check_shape(self, shape: tuple[int, ...], what: str) -> None:
        wanted = [
            "any" if free else str(size) for size, free in zip(self.shape, self.free, strict=True)
        ]
        if not self._fits(shape):
            single = self._fits((1, *shape))
            raise InputError(
                f"{what} must have shape (samples, {', '.join(wanted[1:])}), not {shape}"
                + ("; a single sample needs a leading dimension: x[None]" if single else "")
            )
        if shape[0] % self.batch:
            raise InputError(
                f"{what}: the model's batch size is {self.batch}, which does not divide "
                f"{shape[0]} samples; pass a multiple of it"
            )

    def _fits(self, shape: tuple[int, ...]) -> bool:
        return len(shape) == len(self.shape) and all(
            size == wanted or (free and size > 0)
            for size, wanted, free in zip(shape[1:], self.shape[1:], self.free[1:], strict=True)
        )

    def runs(self, array: NDArray) -> int | None:
        """For how many runs a checked array is enough; None for any number."""
        if not self.shape:
            return len(array) if array.ndim else None
        return len(array) // self.batch

    def part(self, array: NDArray, run: int) -> NDArray:
        """What a run gets."""
        if not self.shape:
            return np.asarray(array[run] if array.ndim else array)
        return array[run * self.batch : (run + 1) * self.batch]


def _as_bytes(array: NDArray, what: str) -> NDArray:
    """Strings as LiteRT takes them."""
    if array.dtype.kind == "U":
        return np.char.encode(array, "utf-8").astype(object)
    if array.dtype.kind == "S":
        return array.astype(object)
    if array.dtype.kind == "O" and all(isinstance(text, str | bytes) for text in array.flat):
        made = [text.encode() if isinstance(text, str) else text for text in array.flat]
        result = np.empty(array.size, object)
        result[:] = made
        return result.reshape(array.shape)
    raise InputError(
        f'{what} takes strings, not {array.dtype}; give it an array such as numpy.array(["a"])'
    )


def _plain(part: Any) -> NDArray:
    _check_mask(part, "predict: a sample")
    return np.asarray(part)


def _check_mask(array: Any, what: str) -> None:
    if np.ma.is_masked(array):
        raise InputError(
            f"{what} has masked numbers, which a model cannot leave out. Fix: give them a value, "
            "x.filled(0)"
        )


def as_list(x: Any, inputs: Sequence[ModelEnd]) -> list[Any]:
    """Data of a model as a list, one array per input.

    Raises:
        InputError: another number of inputs, or other names.
    """
    names = [end.name for end in inputs]
    if isinstance(x, Mapping):
        if set(x) != set(names):
            raise InputError(
                f"predict: the model's inputs are {_listed(names)}, but the data is for "
                f"{_listed(x)}; use the model's names"
            )
        return [x[name] for name in names]
    arrays = [x] if isinstance(x, np.ndarray | np.generic) else list(x)
    if len(arrays) != len(inputs):
        plain = not any(isinstance(array, np.ndarray) for array in arrays)
        raise InputError(
            f"predict: the model has {counted(len(inputs), 'input')} ({_listed(names)}), but "
            f"{len(arrays)} were given"
            + ("; a list holds one array for each input: use numpy.asarray(x)" if plain else "")
        )
    return arrays


def _listed(names: Any) -> str:
    return ", ".join(map(repr, names))


def runs_of(x: Any, inputs: Sequence[ModelEnd]) -> tuple[int, Iterator[list[NDArray]]]:
    """The number of runs that data is enough for, and the arrays of each.

    Raises:
        InputError: the data does not fit the inputs.
    """
    arrays = as_list(x, inputs)
    arrays = [end.checked(array) for end, array in zip(inputs, arrays, strict=True)]
    counts = [end.runs(array) for end, array in zip(inputs, arrays, strict=True)]
    known = [count for count in counts if count is not None]
    total = known[0] if known else 1
    for end, count in zip(inputs, counts, strict=True):
        if count not in (None, total):
            raise InputError(
                f"predict: input {end.name!r} has a different number of samples than the first "
                "input; pass as many samples for each"
            )
    pairs = list(zip(inputs, arrays, strict=True))
    return total, ([end.part(array, run) for end, array in pairs] for run in range(total))


def single_sample(sample: Any, inputs: Sequence[ModelEnd]) -> list[NDArray]:
    """The arrays of one run from a sample without the batch dimension."""
    if isinstance(sample, Mapping):
        given: Any = {name: _plain(part)[None] for name, part in sample.items()}
    else:
        parts = sample if isinstance(sample, list | tuple) else [sample]
        given = [_plain(part)[None] for part in parts]
    return next(runs_of(given, inputs)[1])


def joined(parts: Sequence[Sequence[NDArray]], names: Sequence[str]) -> list[NDArray]:
    """The outputs of all runs, one array each, first dimension the samples.

    Raises:
        InputError: an output's shape changes from run to run.
    """
    outputs = []
    for name, column in zip(names, zip(*parts, strict=True), strict=True):
        if len({array.shape[1:] for array in column}) > 1:
            raise InputError(
                f"predict: the shape of output {name!r} depends on the sample, so it has no array "
                "of all; give one sample at a time"
            )
        outputs.append(np.concatenate(column) if column[0].ndim else np.stack(column))
    return outputs
