"""LCE's conversion functions on bnn_lab's converter."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from bnn_lab import convert
from bnn_lab.errors import InputError, NoBinaryLayerError

__all__ = ["convert_keras_model", "convert_saved_model"]

_TARGETS = ("arm", "xcore")


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
        inference_input_type: `tf.float32` or `tf.int8`, or its name.
        inference_output_type: `tf.float32` or `tf.int8`, or its name.
        target: "arm"; the file suits every backend of bnn_lab, x86 included. "xcore" is refused:
            bnn_lab's files use ops that XMOS' tools do not take.
        experimental_default_int8_range: LCE's quantization with made-up ranges.

    Returns:
        The `.tflite` file's contents.

    Raises:
        InputError: an option has a value that cannot be honoured.
        ConversionError: the model cannot be converted; see `bnn_lab.convert_keras_model`.
    """
    options = _options(
        convert.convert_keras_model,
        inference_input_type,
        inference_output_type,
        target,
        experimental_default_int8_range,
    )
    try:
        return convert.convert_keras_model(model, **options)
    except NoBinaryLayerError as error:
        if options:
            raise
        warnings.warn(f"{error}\nThe result is a plain float model.", stacklevel=2)
        return convert.stock_tflite(model)


def convert_saved_model(
    saved_model_dir: str | os.PathLike[str],
    *,
    inference_input_type: Any = "float32",
    inference_output_type: Any = "float32",
    target: str = "arm",
    experimental_default_int8_range: tuple[float, float] | None = None,
) -> bytes:
    """Convert a SavedModel to a `.tflite` model.

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
        ConversionError: the model cannot be converted, or has no binary layer.
    """
    function = getattr(convert, "convert_saved_model", None)
    if function is None:
        raise InputError(
            "this version of bnn_lab does not convert SavedModels. Fix: load the Keras model and "
            "pass it to convert_keras_model"
        )
    options = _options(
        function,
        inference_input_type,
        inference_output_type,
        target,
        experimental_default_int8_range,
    )
    result: bytes = function(saved_model_dir, **options)
    return result


def _options(
    function: Callable[..., bytes],
    input_type: Any,
    output_type: Any,
    target: str,
    int8_range: tuple[float, float] | None,
) -> dict[str, Any]:
    """Options of bnn_lab's converter that differ from its defaults."""
    if target not in _TARGETS:
        raise InputError(f'target must be "arm" or "xcore", not {target!r}')
    if target == "xcore":
        raise InputError(
            'target="xcore" is not supported: the files hold ops that XMOS\' tools do not take. '
            'Fix: use target="arm", which runs on ARM and x86'
        )
    wanted: dict[str, Any] = {}
    types = {"inference_input_type": input_type, "inference_output_type": output_type}
    for option, value in types.items():
        if (name := _type_name(option, value)) != "float32":
            wanted[option] = name
    if int8_range is not None:
        wanted["experimental_default_int8_range"] = int8_range
    known = inspect.signature(function).parameters
    for option in wanted:
        if option not in known:
            raise InputError(
                f"{option}={wanted[option]!r} is not supported by this version of bnn_lab. "
                "Fix: leave it out; the model is then converted with float32 inputs and outputs"
            )
    return wanted


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
