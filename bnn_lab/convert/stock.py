"""TensorFlow's own converter: Keras to a float or int8 `.tflite` model, batch fixed to 1."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bnn_lab._keras import require_tensorflow
from bnn_lab._quiet import without_native_chatter
from bnn_lab.errors import ConversionError, InputError

RepresentativeData = (
    NDArray | Sequence[NDArray] | Callable[[], Iterable[Sequence[NDArray] | dict[str, NDArray]]]
)


def stock_tflite(
    model: Any,
    representative_data: RepresentativeData | None = None,
    *,
    io_dtype: Literal["float32", "int8"] = "float32",
) -> bytes:
    """Convert a Keras model with TensorFlow's own converter: no binary ops.

    These are the baselines in latency comparisons: binary layers compute with ±1 floats, or with
    int8 values.

    Args:
        model: a tf_keras model with fixed spatial dimensions; its batch becomes 1.
        representative_data: None gives a float32 model. Samples give a post-training int8 model
            calibrated on them: an array (N, ...) for one input, a sequence of such arrays for
            several inputs, or a callable yielding lists of batch-1 arrays, as TensorFlow has it.
        io_dtype: dtype of an int8 model's inputs and outputs.

    Returns:
        The `.tflite` file's contents.

    Raises:
        InputError: `representative_data` does not fit the model's inputs, or `io_dtype` is
            unknown or set to int8 for a float model.
        ConversionError: the model cannot be converted; see `concrete_function`.
    """
    if io_dtype not in ("float32", "int8"):
        raise InputError(f'io_dtype is {io_dtype!r}. Fix: use "float32" or "int8"')
    if io_dtype == "int8" and representative_data is None:
        raise InputError("io_dtype is int8 for a float model. Fix: pass representative_data")
    function = concrete_function(model)
    quantization = Quantization(representative_data, io_dtype, io_dtype)
    return convert_function(function, model.name, quantization)


@dataclass(frozen=True)
class Quantization:
    """How TensorFlow's converter is to quantize a model.

    Attributes:
        representative_data: samples to calibrate on, see `stock_tflite`; None for none.
        input_type: "float32" or "int8", of the model's inputs.
        output_type: type of its outputs.
    """

    representative_data: RepresentativeData | None = None
    input_type: str = "float32"
    output_type: str = "float32"

    def configure(self, converter: Any, function: FixedFunction) -> None:
        """Set the converter's options.

        Raises:
            InputError: the data does not fit the model's inputs, or a type is unknown or int8 for
                a float model.
        """
        tf = require_tensorflow()
        types = {"float32": tf.float32, "int8": tf.int8}
        for end, name in (("input", self.input_type), ("output", self.output_type)):
            if name not in types:
                raise InputError(f'inference_{end}_type is {name!r}. Fix: use "float32" or "int8"')
        if self.representative_data is not None:
            count = len(function.inputs_of_model)
            converter.representative_dataset = _samples(self.representative_data, count)
            # SIGN has no int8 kernel, so float builtins must stay allowed.
            converter.target_spec.supported_ops = [
                tf.lite.OpsSet.TFLITE_BUILTINS_INT8,
                tf.lite.OpsSet.TFLITE_BUILTINS,
            ]
        elif not function.has_fake_quantization:
            if "int8" in (self.input_type, self.output_type):
                raise InputError(
                    "int8 inputs or outputs need an int8 model. Fix: pass "
                    "representative_dataset, or train with fake quantization"
                )
            return
        # With fake quantization and without this, TensorFlow writes uint8.
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.inference_input_type = types[self.input_type]
        converter.inference_output_type = types[self.output_type]


class FixedFunction:
    """A model as a concrete function with batch 1.

    Attributes:
        function: TensorFlow's concrete function.
        inputs_of_model: (name, shape) of each input.
        output_names: one per output.
    """

    def __init__(
        self, function: Any, inputs: list[tuple[str, tuple[int, ...]]], outputs: list[str]
    ) -> None:
        self.function = function
        self.inputs_of_model = inputs
        self.output_names = outputs

    @property
    def has_fake_quantization(self) -> bool:
        """Whether the model was trained for int8, with FakeQuant ops."""
        graph = self.function.graph
        definition = graph.as_graph_def()
        nodes = [
            *definition.node,
            *(n for body in definition.library.function for n in body.node_def),
        ]
        return any(node.op.startswith("FakeQuant") for node in nodes)


def convert_function(
    function: FixedFunction, name: str, quantization: Quantization | None = None
) -> bytes:
    """Run TensorFlow's converter.

    Args:
        function: see `concrete_function`.
        name: the model's, for messages.
        quantization: None keeps a float model float.

    Returns:
        The `.tflite` file's contents.

    Raises:
        ConversionError: the converter rejects the model.
        InputError: see `Quantization`.
    """
    tf = require_tensorflow()
    with _quiet(tf):
        # Without a trackable object nothing is written to disk, which is ten times faster, and
        # outputs keep their order.
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function.function])
        (quantization or Quantization()).configure(converter, function)
        try:
            return bytes(converter.convert())
        except Exception as error:
            raise ConversionError(
                f"TensorFlow's converter rejects the model '{name}': {error}"
            ) from error


def concrete_function(model: Any) -> FixedFunction:
    """Trace a Keras model in inference mode with batch 1.

    Args:
        model: a tf_keras model.

    Returns:
        The function, with input and output names.

    Raises:
        ConversionError: not a tf_keras model, not built, dynamic dimensions, or a precision
            other than float32.
    """
    tf = require_tensorflow()
    _check_is_model(tf, model)
    _check_precision(model)
    inputs = _input_specs(tf, model)

    def call(*tensors: Any) -> list[Any]:
        arguments = tensors[0] if len(tensors) == 1 else list(tensors)
        return list(tf.nest.flatten(model(arguments, training=False)))

    function = tf.function(call, autograph=False).get_concrete_function(*inputs)
    names = list(getattr(model, "output_names", None) or [])
    count = len(function.outputs)
    if len(names) != count or len(set(names)) != count:
        names = [f"output_{index}" for index in range(count)]
    specs = [(spec.name, tuple(spec.shape.as_list())) for spec in inputs]
    return FixedFunction(function, specs, names)


def _check_is_model(tf: Any, model: Any) -> None:
    if isinstance(model, tf.keras.Model):
        return
    kind = f"{type(model).__module__}.{type(model).__qualname__}"
    if any(base.__module__.split(".")[0] == "keras" for base in type(model).__mro__):
        raise ConversionError(
            f"the model is a Keras 3 model ({kind}), but larq and this converter work on legacy "
            "Keras. Fix: build it with tf.keras after `import bnn_lab`, or with tf_keras"
        )
    raise ConversionError(f"expected a tf_keras model, got {kind}. Fix: pass a tf.keras.Model")


def _check_precision(model: Any) -> None:
    for layer in model._flatten_layers():
        dtype = layer.compute_dtype
        if dtype is not None and "float" in dtype and dtype != "float32":
            raise ConversionError(
                f"layer '{layer.name}' computes in {dtype} (policy "
                f"'{layer.dtype_policy.name}'), and binary kernels produce float32. Fix: rebuild "
                "the model under tf.keras.mixed_precision.set_global_policy('float32') and copy "
                "the weights"
            )


def _input_specs(tf: Any, model: Any) -> list[Any]:
    tensors = model.inputs
    names = list(getattr(model, "input_names", None) or [])
    if tensors is None:
        spec = model.save_spec() if model.built else None
        if spec is None:
            raise ConversionError(
                f"the model '{model.name}' has no inputs yet. Fix: call it once on data, or give "
                "its first layer an input_shape"
            )
        tensors = tf.nest.flatten(spec[0])
        names = [tensor.name for tensor in tensors]
    specs = []
    for position, tensor in enumerate(tensors):
        name = names[position] if position < len(names) and names[position] else f"input_{position}"
        shape = tensor.shape.as_list() if tensor.shape.rank is not None else None
        if not shape or None in shape[1:]:
            raise ConversionError(
                f"input '{name}' has the shape {tensor.shape}, but only the batch may be unknown. "
                "Fix: build the model with a fixed shape, such as Input((224, 224, 3))"
            )
        specs.append(tf.TensorSpec([1, *shape[1:]], tensor.dtype, name=name))
    return specs


def _samples(data: RepresentativeData, inputs: int) -> Callable[[], Iterator[Any]]:
    if callable(data):
        return data  # type: ignore[return-value]
    arrays = [data] if isinstance(data, np.ndarray) else list(data)
    if len(arrays) != inputs or not all(isinstance(array, np.ndarray) for array in arrays):
        raise InputError(
            f"representative_data must hold one array (N, ...) for each of the {inputs} inputs"
        )
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1 or 0 in lengths:
        raise InputError(
            f"representative_data holds {sorted(lengths)} samples; every input needs the same "
            "number, at least 1"
        )

    def each() -> Iterator[list[NDArray]]:
        for index in range(lengths.copy().pop()):
            yield [array[index : index + 1] for array in arrays]

    return each


@contextmanager
def _quiet(tf: Any) -> Iterator[None]:
    """Keep the converter's progress notes off the notebook; errors still raise."""
    from absl import logging as absl_logging

    logger, verbosity = tf.get_logger(), absl_logging.get_verbosity()
    level = logger.level
    logger.setLevel(logging.ERROR)
    absl_logging.set_verbosity(absl_logging.ERROR)
    try:
        with warnings.catch_warnings(), without_native_chatter():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
        absl_logging.set_verbosity(verbosity)
