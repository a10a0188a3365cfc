"""LCE's conversion functions on bnn_lab's converter."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab import convert
from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError, NoBinaryLayerError

__all__ = ["convert_keras_model", "convert_saved_model"]

_TARGETS = ("arm", "xcore")
_TYPES = ("inference_input_type", "inference_output_type")
_MADE_UP_SAMPLES = 4


def convert_keras_model(
    model: Any,
    *,
    inference_input_type: Any = "float32",
    inference_output_type: Any = "float32",
    target: str = "arm",
    experimental_default_int8_range: tuple[float, float] | None = None,
) -> bytes:
    """Convert a Keras model to a `.tflite` model.

    As in LCE, a model without any binary layer is converted too; a warning says so.

    Args:
        model: a tf_keras model whose dimensions are fixed, except the batch, which becomes 1.
        inference_input_type: `tf.float32`, or `tf.int8` for a model trained with fake quantization;
            or its name. As in LCE, a float model keeps float32; here a warning says so.
        inference_output_type: the same for the outputs.
        target: "arm"; the file suits every backend of bnn_lab, x86 included. "xcore" is refused:
            bnn_lab's files use ops that XMOS's tools do not take.
        experimental_default_int8_range: (min, max); makes an int8 model for latency tests, whose
            values mean nothing. LCE gives each tensor this range; here the model is calibrated on
            inputs that are uniformly distributed in it.

    Returns:
        The `.tflite` file's contents.

    Raises:
        InputError: an option has a value that cannot be honoured.
        ConversionError: the model cannot be converted; see `bnn_lab.convert_keras_model`.
    """
    options = _options(inference_input_type, inference_output_type, target)
    if experimental_default_int8_range is not None:
        shapes = [tensor.shape.as_list() for tensor in getattr(model, "inputs", None) or []]
        options["representative_dataset"] = _made_up(experimental_default_int8_range, shapes)
    return _convert(convert.convert_keras_model, model, options)


def convert_saved_model(
    saved_model_dir: str | os.PathLike[str],
    *,
    inference_input_type: Any = "float32",
    inference_output_type: Any = "float32",
    target: str = "arm",
    experimental_default_int8_range: tuple[float, float] | None = None,
) -> bytes:
    """Convert a SavedModel to a `.tflite` model.

    As in LCE, a model without any binary layer is converted too; a warning says so.

    Args:
        saved_model_dir: the SavedModel's directory.
        inference_input_type: see `convert_keras_model`, like the options that follow.
        inference_output_type: see there.
        target: see there.
        experimental_default_int8_range: see there.

    Returns:
        The `.tflite` file's contents.

    Raises:
        InputError: an option has a value that cannot be honoured.
        ConversionError: the model cannot be converted.
    """
    options = _options(inference_input_type, inference_output_type, target)
    if experimental_default_int8_range is not None:
        tf = require_tensorflow()
        function = tf.saved_model.load(os.fspath(saved_model_dir)).signatures["serving_default"]
        specs = function.structured_input_signature[1].values()
        shapes = [spec.shape.as_list() for spec in specs]
        options["representative_dataset"] = _made_up(experimental_default_int8_range, shapes)
    # LCE asks for no trust, and above it is loaded already.
    function = functools.partial(convert.convert_saved_model, trust=True)
    return _convert(function, os.fspath(saved_model_dir), options)


def _convert(function: Callable[..., bytes], source: Any, options: dict[str, Any]) -> bytes:
    try:
        return _plain_if_need_be(function, source, options)
    except InputError as error:
        others = {name: value for name, value in options.items() if name not in _TYPES}
        if len(others) == len(options):
            raise
        # Raises again whatever the types did not cause.
        result = _plain_if_need_be(function, source, others)
        warnings.warn(f"{error}. Inputs and outputs stay float32, as in LCE.", stacklevel=3)
        return result


def _plain_if_need_be(
    function: Callable[..., bytes], source: Any, options: dict[str, Any]
) -> bytes:
    try:
        return function(source, **options)
    except NoBinaryLayerError as error:
        warnings.warn(f"{error}\nThe result is a model without binary ops.", stacklevel=4)
        # It is not made where a large model was refused before the work.
        return error.tflite or convert.trace_keras_model(source, snapshots=False).tflite


def _options(input_type: Any, output_type: Any, target: str) -> dict[str, Any]:
    """Options of bnn_lab's converter that differ from its defaults."""
    if target not in _TARGETS:
        raise InputError(f'target must be "arm" or "xcore", not {target!r}')
    if target == "xcore":
        raise InputError(
            'target="xcore" is not supported: the files hold ops that XMOS\'s tools do not take. '
            'Fix: use target="arm", which runs on ARM and x86'
        )
    types = zip(_TYPES, (input_type, output_type), strict=True)
    names = {option: _type_name(option, value) for option, value in types}
    return {option: name for option, name in names.items() if name != "float32"}


def _made_up(int8_range: tuple[float, float], shapes: Sequence[Sequence[int | None]]) -> Any:
    """Samples to calibrate on, one array per input."""
    try:
        low, high = (float(limit) for limit in int8_range)
    except (TypeError, ValueError):
        low = high = float("nan")
    if not low < high:
        raise InputError(
            f"experimental_default_int8_range must be (min, max) with min < max, not {int8_range!r}"
        )
    warnings.warn(
        "experimental_default_int8_range calibrates on made-up inputs. Use the model for latency "
        "tests only.",
        stacklevel=3,
    )
    random = np.random.default_rng(0)
    arrays: list[NDArray] = []
    for shape in shapes:
        size = (_MADE_UP_SAMPLES, *(dimension or 1 for dimension in shape[1:]))
        arrays.append(random.uniform(low, high, size).astype(np.float32))
    return arrays


def _type_name(option: str, value: Any) -> str:
    # TensorFlow's dtypes have a name; NumPy's classes and plain names become NumPy dtypes.
    name = getattr(value, "name", None)
    if not isinstance(name, str):
        try:
            name = np.dtype(value).name
        except TypeError:
            name = ""
    if value is None or name not in ("float32", "int8"):
        raise InputError(f"{option} must be tf.float32 or tf.int8, not {value!r}")
    return name
