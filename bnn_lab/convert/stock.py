"""TensorFlow's own converter: Keras to a float or int8 `.tflite` model, batch fixed to 1."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from bnn_lab._keras import require_tensorflow
from bnn_lab._quiet import without_native_chatter
from bnn_lab.convert.calibration import RepresentativeData, calibration_samples
from bnn_lab.convert.tracing import FixedFunction, concrete_function, model_name
from bnn_lab.errors import BnnLabError, ConversionError, InputError


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
            calibrated on them, in any form that `convert_keras_model` takes.
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
    return convert_function(function, model_name(model), quantization)


@dataclass(frozen=True)
class Quantization:
    """How TensorFlow's converter is to quantize a model.

    Attributes:
        representative_data: samples to calibrate on, see `stock_tflite`; None for none.
        input_type: "float32" or "int8", of the model's inputs.
        output_type: type of its outputs.
        int8_weights: without such samples, make only the weights int8; activations follow at run
            time, by the largest magnitude of each row.
    """

    representative_data: RepresentativeData | None = None
    input_type: str = "float32"
    output_type: str = "float32"
    int8_weights: bool = False

    @property
    def keeps_float(self) -> bool:
        """Whether nothing is asked for but what the model itself holds."""
        types = {self.input_type, self.output_type}
        return self.representative_data is None and types == {"float32"} and not self.int8_weights

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
            converter.representative_dataset = calibration_samples(
                self.representative_data, function.model_inputs
            )
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
            if self.int8_weights:
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
            return
        # With fake quantization and without this, TensorFlow writes uint8.
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.inference_input_type = types[self.input_type]
        converter.inference_output_type = types[self.output_type]

    def check_ends(self, file: bytes, name: str) -> None:
        """Check that a file has the inputs and outputs that were asked for.

        Args:
            file: of TensorFlow's converter, which may leave them float without a word.
            name: the model's, for the message.

        Raises:
            ConversionError: an end that was to be int8 is not.
        """
        graph = schema.Model.GetRootAs(file, 0).Subgraphs(0)
        ends = (
            ("input", self.input_type, [graph.Inputs(i) for i in range(graph.InputsLength())]),
            ("output", self.output_type, [graph.Outputs(i) for i in range(graph.OutputsLength())]),
        )
        for end, wanted, tensors in ends:
            types = {graph.Tensors(int(tensor)).Type() for tensor in tensors}
            if wanted == "int8" and schema.TensorType.FLOAT32 in types:
                raise ConversionError(
                    f"TensorFlow's converter left an {end} of the model '{name}' float, although "
                    "int8 was asked for. Fix: ask for float32, or calibrate on samples that reach "
                    "every layer"
                )


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
    holder = _holder(tf, function)
    with _quiet(tf), _without_denormals(function):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function.function], holder)
        (quantization or Quantization()).configure(converter, function)
        try:
            file = bytes(converter.convert())
        except BnnLabError:
            raise  # of calibration data
        except Exception as error:
            raise ConversionError(
                f"TensorFlow's converter rejects the model '{name}': {error}"
            ) from error
    if holder is not None:
        file = _in_order(file, function)
    (quantization or Quantization()).check_ends(file, name)
    return file


LARGE = 128 << 20  # bytes of weights from which a model goes to TensorFlow by way of the disk


def _holder(tf: Any, function: FixedFunction) -> Any:
    """What holds a large model's weights, for TensorFlow to save; None for other models.

    Without it nothing is written to disk: a small model is ten times faster. But TensorFlow then
    takes 20 times the memory of the weights, against 9 times.
    """
    variables = function.function.variables
    size = sum(variable.shape.num_elements() * variable.dtype.size for variable in variables)
    if size < LARGE:
        return None
    holder = tf.Module()
    holder.held = list(variables)
    return holder


def _in_order(file: bytes, function: FixedFunction) -> bytes:
    """A file that came by way of the disk, its inputs and outputs in the model's order again.

    Saving sorts them by name; the signature tells which is which.
    """
    inputs = [name for name, _ in function.inputs_of_model]
    outputs = [f"output_{index}" for index in range(len(function.output_names))]
    changed = bytearray(file)
    model = schema.Model.GetRootAs(changed, 0)
    graph, signature = model.Subgraphs(0), model.SignatureDefs(0)
    for names, count, entry, places in (
        (inputs, signature.InputsLength(), signature.Inputs, graph.InputsAsNumpy()),
        (outputs, signature.OutputsLength(), signature.Outputs, graph.OutputsAsNumpy()),
    ):
        tensors = {entry(i).Name().decode(): entry(i).TensorIndex() for i in range(count)}
        places[:] = [tensors[name] for name in names]
    return bytes(changed)


@contextmanager
def _without_denormals(function: FixedFunction) -> Iterator[None]:
    """While it lasts, denormal weights are 0, as TensorFlow's kernels on a CPU take them.

    The converter computes signs of weights itself and keeps denormals: a latent weight of -1e-40,
    +1 in the model, would be -1 in the file. The model's weights come back bit by bit.
    """
    kept = []
    try:
        for variable in function.function.variables:
            if variable.dtype.base_dtype.name != "float32":
                continue
            values = np.asarray(variable.numpy())
            # By bits: floats might be compared with denormals counting as 0 here, too.
            bits = np.ascontiguousarray(values).view(np.uint32).reshape(values.shape)
            exponents = bits & np.uint32(0x7F80_0000)
            if np.count_nonzero(exponents) == np.count_nonzero(bits & np.uint32(0x7FFF_FFFF)):
                continue
            kept.append((variable, values.copy()))
            variable.assign(np.where(exponents == 0, np.float32(0), values))
        yield
    finally:
        for variable, values in kept:
            variable.assign(values)


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
