"""Calibration data: whatever form it comes in, one checked sample after another.

TensorFlow's calibrator checks nothing: an infinity ends the process, a NaN or an image of another
size is taken, and no sample at all gives a float model without a word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn_lab._words import counted
from bnn_lab.errors import BnnLabError, InputError

# An array, one for each input, samples one by one (also a tf.data.Dataset), or what makes them.
RepresentativeData = (
    NDArray
    | Sequence[Any]
    | Mapping[str, NDArray]
    | Iterable[Any]
    | Callable[[], Iterable[Sequence[NDArray] | Mapping[str, NDArray]]]
)
_FORMS = (
    "pass an array (N, ...) for one input, a list of such arrays or a dict by input name for "
    "several, samples one by one (a generator, a tf.data.Dataset), or a function that yields them"
)
_NO_SAMPLE = (
    "calibration data holds no samples; a generator that has been read to its end yields no more. "
    "Fix: "
    f"{_FORMS}"
)
_WITHOUT_LABELS = (
    "give only inputs, such as dataset.map(lambda image, label: image) or "
    "(image for image, label in data)"
)
# Of data that is read one by one: what has not ended by then is taken to be endless.
MOST_SAMPLES = 100_000
MOST_KEPT = 2 << 30  # bytes of data that can be read only once


class ModelInput(NamedTuple):
    """An input of the model: name, shape with a batch of 1, NumPy type."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype


def calibration_samples(
    data: Any, inputs: Sequence[ModelInput]
) -> Callable[[], Iterator[list[NDArray]]]:
    """Samples as TensorFlow's converter reads them.

    Args:
        data: see `RepresentativeData`; also a pandas data frame, or an object with a length and
            numbered items. Numbers of any type are cast to the input's, if it can hold them; a
            sample may lack the batch, or be a batch of several.
        inputs: of the model, in order.

    Returns:
        A function that yields a list of arrays for each sample, one for each input, with a batch
        of 1. Data that can be read once only is kept, so that it may be read again.

    Raises:
        InputError: it is none of these forms, holds no sample, or does not end; while it is read
            also: a sample of another shape, or one that holds NaN or infinity. Names the sample.
    """
    data = _plain(data)
    whole = _whole_arrays(data, inputs)
    if whole is not None:
        return lambda: _checked(_rows(whole), inputs)
    if callable(data):
        return lambda: _checked(_ending(_plain(_made_by(data))), inputs)
    if isinstance(data, str | bytes) or not isinstance(data, Iterable):
        raise InputError(f"calibration data has the type {type(data).__name__}. Fix: {_FORMS}")
    again = isinstance(data, Sequence) or hasattr(data, "element_spec")
    kept = data if again else _kept(data)
    if isinstance(kept, Sequence) and not kept:
        raise InputError(_NO_SAMPLE)
    return lambda: _checked(_ending(kept), inputs)


def _plain(data: Any) -> Any:
    """Tables, arrays of arrays and numbered items in forms that are known below."""
    if hasattr(data, "to_numpy") and getattr(data, "ndim", 0) == 2:  # a data frame of pandas
        try:
            return data.to_numpy(dtype=np.float64)
        except (ValueError, TypeError) as error:
            raise InputError(
                f"calibration data is a table with a column that does not hold numbers ({error}). "
                "Fix: pass the columns that the model reads"
            ) from error
    if hasattr(data, "to_numpy") and getattr(data, "ndim", 0) == 1:
        data = data.to_numpy()
    if isinstance(data, np.ndarray) and data.dtype == object:
        return list(data)
    known = isinstance(data, Sequence | Mapping) or _is_array(data) or hasattr(data, "element_spec")
    if not known and hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        return (data[index] for index in range(len(data)))  # some never end if they are iterated
    return data


def _ending(samples: Iterable[Any]) -> Iterator[Any]:
    """The samples, or an InputError where they do not end."""
    if isinstance(samples, Sequence):
        yield from samples
        return
    endless = InputError(
        f"calibration data has more than {MOST_SAMPLES:,} samples, and perhaps no end. Fix: take "
        "a few hundred, with dataset.take(200) or itertools.islice(data, 200)"
    )
    if hasattr(samples, "cardinality") and int(samples.cardinality()) == -1:  # of tf.data
        raise endless
    rest = iter(samples)
    yield from islice(rest, MOST_SAMPLES)
    for _ in rest:
        raise endless


def _kept(samples: Iterable[Any]) -> list[Any]:
    kept: list[Any] = []
    size = 0
    try:
        for sample in _ending(samples):
            parts = sample.values() if isinstance(sample, Mapping) else sample
            several = isinstance(sample, list | tuple | Mapping)
            size += sum(getattr(part, "nbytes", 0) for part in (parts if several else [sample]))
            kept.append(sample)
            if size > MOST_KEPT:
                raise InputError(
                    f"calibration data that can be read only once takes {size:,} bytes after "
                    f"{len(kept):,} samples, too much to keep. Fix: take a few hundred, with "
                    "itertools.islice(data, 200), or pass a function that yields them"
                )
    except BnnLabError:
        raise
    except Exception as error:
        raise _failed(len(kept), error) from error
    return kept


def _failed(count: int, error: Exception) -> InputError:
    return InputError(
        f"calibration data fails after {counted(count, 'sample')} ({type(error).__name__}: {error})"
    )


def _made_by(function: Any) -> Iterable[Any]:
    try:
        made = function()
    except BnnLabError:
        raise
    except Exception as error:
        raise InputError(
            f"the function for calibration data fails ({type(error).__name__}: {error}). Fix: let "
            "it take no argument and yield samples"
        ) from error
    if isinstance(made, str | bytes) or not isinstance(made, Iterable):
        raise InputError(
            f"the function for calibration data gives {type(made).__name__}. Fix: let it yield "
            "samples"
        )
    return made


def _whole_arrays(data: Any, inputs: Sequence[ModelInput]) -> list[NDArray] | None:
    """One array of all samples for each input, None if the data has another form."""
    if isinstance(data, Mapping):
        missing = [entry.name for entry in inputs if entry.name not in data]
        if missing:
            raise InputError(
                f"calibration data lacks the input '{missing[0]}'; it has "
                f"{', '.join(map(str, data)) or 'none'}. Fix: name one array for each input"
            )
        arrays = [_as_array(data[entry.name]) for entry in inputs]
    elif _is_array(data):
        arrays = [_as_array(data)]
        if len(inputs) == 1 and arrays[0].shape == inputs[0].shape[1:]:
            raise InputError(
                f"calibration data of shape {arrays[0].shape} is a single sample. Fix: give it "
                "a leading dimension, data[None]; a few hundred samples calibrate better"
            )
    elif isinstance(data, list | tuple) and len(data) == len(inputs) and _hold_all(data, inputs):
        arrays = [_as_array(array) for array in data]
    elif isinstance(data, list | tuple) and len(inputs) > 1 and data and _is_array(data[0]):
        wanted = ", ".join(f"'{entry.name}' (N, {_sizes(entry)})" for entry in inputs)
        raise InputError(
            f"calibration data is a list of {counted(len(data), 'array')} of the shapes "
            f"{[tuple(getattr(array, 'shape', ())) for array in data[:8]]}, and the model reads "
            f"{wanted}. Fix: pass one array of all samples for each input, in this order or in a "
            "dict by name"
        )
    else:
        return None
    if len(arrays) != len(inputs):
        names = ", ".join(f"'{entry.name}'" for entry in inputs)
        raise InputError(
            f"calibration data is one array, and the model has {len(inputs)} inputs, {names}. Fix: "
            "pass a list of one array (N, ...) for each of them"
        )
    lengths = {len(array) if array.ndim else 0 for array in arrays}
    if len(lengths) != 1 or 0 in lengths:
        raise InputError(
            f"calibration data holds {sorted(lengths)} samples; every input needs the same number, "
            "at least 1"
        )
    return arrays


def _sizes(entry: ModelInput) -> str:
    return ", ".join(map(str, entry.shape[1:]))


def _is_array(value: Any) -> bool:
    """Whether a value is an array, or a tensor of TensorFlow."""
    return hasattr(value, "shape") and hasattr(value, "dtype") and hasattr(value, "__array__")


def _hold_all(data: Sequence[Any], inputs: Sequence[ModelInput]) -> bool:
    """Whether each of several arrays holds all samples of an input, and is not a sample itself."""
    return all(
        _is_array(array) and len(array.shape) == len(entry.shape)
        for array, entry in zip(data, inputs, strict=True)
    )


def _as_array(value: Any) -> NDArray:
    if np.ma.is_masked(value):
        raise InputError(
            "calibration data has masked numbers, which a model cannot leave out. Fix: give them "
            "a value, data.filled(0)"
        )
    try:
        return np.asarray(value)
    except Exception as error:  # of ragged lists, and of tensors that have no value yet
        raise InputError(
            f"calibration data holds a {type(value).__name__}, which is not an array ({error}). "
            f"Fix: {_FORMS}"
        ) from error


def _rows(arrays: list[NDArray]) -> Iterator[list[NDArray]]:
    for index in range(len(arrays[0])):
        yield [array[index : index + 1] for array in arrays]


def _checked(samples: Iterable[Any], inputs: Sequence[ModelInput]) -> Iterator[list[NDArray]]:
    count = 0
    try:
        for number, sample in enumerate(samples):
            for row in _split(_parts(sample, inputs, number), inputs, number):
                count += 1
                yield row
    except (BnnLabError, GeneratorExit):
        raise
    except Exception as error:
        raise _failed(count, error) from error
    if not count:
        raise InputError(_NO_SAMPLE)


def _parts(sample: Any, inputs: Sequence[ModelInput], number: int) -> list[NDArray]:
    """The arrays of a sample, one for each input."""
    if isinstance(sample, Mapping):
        missing = [entry.name for entry in inputs if entry.name not in sample]
        if missing:
            raise InputError(
                f"calibration sample {number} lacks the input '{missing[0]}'. Fix: give each of "
                f"{', '.join(entry.name for entry in inputs)}"
            )
        return [_as_array(sample[entry.name]) for entry in inputs]
    if isinstance(sample, list | tuple) and all(_is_array(part) for part in sample):
        parts = list(sample)
        # A pair of a dataset is often an image and its label.
        if len(parts) != len(inputs):
            raise InputError(
                f"calibration sample {number} holds {counted(len(parts), 'array')}, and the model "
                f"has {counted(len(inputs), 'input')}. Fix: {_WITHOUT_LABELS}"
            )
        return [_as_array(part) for part in parts]
    if isinstance(sample, tuple) and _holds_arrays(sample):
        raise InputError(
            f"calibration sample {number} holds inputs and something else, perhaps labels. Fix: "
            f"{_WITHOUT_LABELS}"
        )
    if len(inputs) != 1:
        raise InputError(
            f"calibration sample {number} is one value, and the model has {len(inputs)} inputs. "
            "Fix: give a list of arrays, or a dict by input name"
        )
    return [_as_array(sample)]


def _holds_arrays(parts: Sequence[Any]) -> bool:
    """Whether arrays or dicts are among these, or one level below."""
    return any(
        _is_array(part)
        or isinstance(part, Mapping)
        or (isinstance(part, list | tuple) and any(map(_is_array, part)))
        for part in parts
    )


def _split(
    parts: list[NDArray], inputs: Sequence[ModelInput], number: int
) -> Iterator[list[NDArray]]:
    """The samples of a batch, one by one, checked and cast."""
    rows = [_batched(part, entry, number) for part, entry in zip(parts, inputs, strict=True)]
    if len({len(row) for row in rows}) != 1:
        raise InputError(
            f"calibration sample {number} has batches of {[len(row) for row in rows]}, which "
            "differ. Fix: give each input as many samples"
        )
    for index in range(len(rows[0])):
        yield [row[index : index + 1] for row in rows]


def _batched(part: NDArray, entry: ModelInput, number: int) -> NDArray:
    where = f"calibration sample {number}, input '{entry.name}'"
    if part.dtype.kind not in "fiub":
        kind = type(part.item()).__name__ if part.dtype == object and part.size == 1 else part.dtype
        raise InputError(f"{where}: it has the type {kind}. Fix: pass numbers")
    if part.shape == entry.shape[1:]:
        part = part[None]
    if part.ndim != len(entry.shape) or part.shape[1:] != entry.shape[1:]:
        raise InputError(
            f"{where}: it has the shape {part.shape}, and the model reads {entry.shape[1:]}. Fix: "
            f"{_fix_of_shape(part.shape, entry)}"
        )
    if part.dtype.kind == "f" and not np.isfinite(part).all():
        at = np.argwhere(~np.isfinite(part))[0][1:]
        value = part[~np.isfinite(part)][0]
        raise InputError(
            f"{where}: it holds {value} at {tuple(int(i) for i in at)}. Fix: leave it out"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        cast = part.astype(entry.dtype)
    if cast.dtype.kind in "iub" and (changed := cast != part).any():
        raise InputError(
            f"{where}: it holds {part[changed][0]}, and the model reads {entry.dtype}. Fix: pass "
            "the numbers that the model will be given later, not scaled ones"
        )
    if cast.dtype.kind == "f" and not np.isfinite(cast).all():
        raise InputError(f"{where}: it holds a number too large for {entry.dtype}. Fix: scale it")
    return cast


def _fix_of_shape(shape: tuple[int, ...], entry: ModelInput) -> str:
    wanted = entry.shape[1:]
    if len(shape) == len(entry.shape) and sorted(shape[1:]) == sorted(wanted):
        return f"transpose it: its dimensions are those of {wanted} in another order"
    if len(shape) in (len(wanted), len(entry.shape)):
        return "resize it as for training"
    return f"give the model's inputs alone, ({_sizes(entry)}) or batches of them, without labels"
