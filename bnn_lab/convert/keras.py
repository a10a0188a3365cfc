"""Keras models to binary `.tflite` models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, overload

from bnn_lab.convert.attribution import keras_profile, make_report
from bnn_lab.convert.calibration import RepresentativeData
from bnn_lab.convert.early_refusal import refuse_early
from bnn_lab.convert.finite_weights import check_finite
from bnn_lab.convert.ir.exporter import export_model
from bnn_lab.convert.ir.text import ir_text
from bnn_lab.convert.layer_map import LayerMap, leaf_layers
from bnn_lab.convert.layer_report import Report
from bnn_lab.convert.pipeline import PASSES, PassResult, Step, make_pipeline, run_pipeline
from bnn_lab.convert.rewrite.base import Outcome, Role
from bnn_lab.convert.stages import import_stock, require_binary
from bnn_lab.convert.stock import Quantization
from bnn_lab.convert.tracing import concrete_function, model_name
from bnn_lab.ternary_reference import TRITS_OF_2BIT


@dataclass(frozen=True)
class ConversionTrace:
    """Every stage of a conversion, for looking at.

    Attributes:
        stock: the float `.tflite` file of TensorFlow's own converter, bytes.
        ir_before: IR text of `stock`.
        passes: what each pass did, in order.
        ir_after: IR text of the result.
        tflite: the resulting `.tflite` bytes.
    """

    stock: bytes
    ir_before: str
    passes: list[PassResult]
    ir_after: str
    tflite: bytes

    @property
    def outcomes(self) -> list[Outcome]:
        """What happened to each op, over all passes; cleaning up after them is left out."""
        return [
            outcome
            for result in self.passes
            for outcome in result.outcomes
            if outcome.role is not Role.CLEANS
        ]

    @property
    def refused(self) -> list[Outcome]:
        """The refusals: what stays float, and why."""
        return [outcome for outcome in self.outcomes if not outcome.applied]


@overload
def convert_keras_model(
    model: Any,
    *,
    representative_dataset: RepresentativeData | None = ...,
    inference_input_type: str = ...,
    inference_output_type: str = ...,
    lce_compatible: bool = ...,
    trits_per_byte: int = ...,
    report: Literal[False] = ...,
) -> bytes: ...


@overload
def convert_keras_model(
    model: Any,
    *,
    representative_dataset: RepresentativeData | None = ...,
    inference_input_type: str = ...,
    inference_output_type: str = ...,
    lce_compatible: bool = ...,
    trits_per_byte: int = ...,
    report: Literal[True],
) -> tuple[bytes, Report]: ...


def convert_keras_model(
    model: Any,
    *,
    representative_dataset: RepresentativeData | None = None,
    inference_input_type: str = "float32",
    inference_output_type: str = "float32",
    lce_compatible: bool = True,
    trits_per_byte: int = TRITS_OF_2BIT,
    report: bool = False,
) -> bytes | tuple[bytes, Report]:
    """Convert a Keras model with larq layers to a `.tflite` model with binary ops.

    The file is in the Larq Compute Engine's (LCE) format: it runs on `bnn_lab.Interpreter` and on
    LCE's own. The batch is 1, the model is in inference mode (``training=False``), inputs and
    outputs keep their Keras names and order.

    Args:
        model: in float32, with fixed dimensions except the batch: a tf_keras model (functional or
            subclassed, its inputs and outputs in lists or dicts), or a `tf.Module` or `tf.function`
            of fixed signature.
        representative_dataset: samples to calibrate on make what is not binary int8. An array
            (N, ...) of numbers for one input, a list of them or a dict by input name for several;
            or samples one by one: a list, a generator, a `tf.data.Dataset` of inputs, or a function
            that yields them. A model trained with fake quantization needs none.
        inference_input_type: "float32", or "int8" for an int8 model.
        inference_output_type: "float32", or "int8" for an int8 model.
        lce_compatible: False also makes depthwise and transposed convolutions binary, and
            `BitLinear` layers ternary, by ops that only bnn_lab's runtime knows.
        trits_per_byte: how many ternary weights a byte of the file holds. 5 make the file of large
            models a fifth smaller, and faster where `bnn-lab bench study ternary` says so.
        report: also say what became of each layer.

    Returns:
        The `.tflite` file's contents; with `report`, a pair of them and the `Report`.

    Raises:
        ConversionError: not a tf_keras model, a Keras 3 model, not built, dynamic dimensions,
            mixed precision, NaN or infinity among the weights, or TensorFlow's converter rejects
            it.
        InputError: `representative_dataset` does not fit the model's inputs, or a type is unknown
            or int8 for a float model, or `trits_per_byte` is neither 4 nor 5.
        NoBinaryLayerError: no layer of the model can be binary; says why for each. Where a large
            model's Keras layers prove it, before any work.
    """
    quantization = Quantization(representative_dataset, inference_input_type, inference_output_type)
    pipeline = make_pipeline(lce_compatible=lce_compatible, trits_per_byte=trits_per_byte)
    tflite, made = convert_with_progress(model, pipeline, quantization, require=True)
    return (tflite, made()) if report else tflite


def explain(
    model: Any,
    *,
    representative_dataset: RepresentativeData | None = None,
    lce_compatible: bool = True,
) -> Report:
    """Say of each layer of a Keras model what its conversion would make of it.

    Args:
        model: see `convert_keras_model`.
        representative_dataset: see `convert_keras_model`.
        lce_compatible: see `convert_keras_model`.

    Returns:
        The report; a model without any binary layer gets one too.

    Raises:
        ConversionError: see `convert_keras_model`.
        InputError: see `convert_keras_model`.
    """
    pipeline = make_pipeline(lce_compatible=lce_compatible)
    quantization = Quantization(representative_dataset)
    return convert_with_progress(model, pipeline, quantization, require=False)[1]()


def convert_with_progress(
    model: Any,
    pipeline: Sequence[Step],
    quantization: Quantization,
    *,
    require: bool,
    progress: Callable[[str], None] = lambda step: None,
) -> tuple[bytes, Callable[[], Report]]:
    """The file, and what makes its report (which takes some time)."""
    if require and quantization.keeps_float:
        refuse_early(model, model_name(model))
    progress("TensorFlow traces and converts the model")
    function = concrete_function(model)
    layers = list(leaf_layers(model))
    check_finite(layers)
    _, module = import_stock(function, model_name(model), quantization)
    layer_map = LayerMap(layers, module)
    results = run_pipeline(module, pipeline, progress=progress)
    name = model_name(model)
    progress("writing the file")
    if require:
        require_binary(module, results, model_name(model))
    tflite = export_model(module)
    outcomes = [outcome for result in results for outcome in result.outcomes]
    return tflite, lambda: make_report(name, layers, layer_map, outcomes, tflite, keras_profile)


def trace_keras_model(
    model: Any,
    passes: Sequence[Step] = PASSES,
    *,
    snapshots: bool = True,
    representative_dataset: RepresentativeData | None = None,
) -> ConversionTrace:
    """Convert as `convert_keras_model` does and keep all stages.

    Args:
        model: see `convert_keras_model`.
        passes: the pipeline to run.
        snapshots: keep the IR text before and after each pass.
        representative_dataset: see `convert_keras_model`.

    Returns:
        The stages. A model without any binary layer is returned as it is, not refused.

    Raises:
        ConversionError: see `convert_keras_model`.
    """
    function = concrete_function(model)
    check_finite(leaf_layers(model))
    stock, module = import_stock(function, model_name(model), Quantization(representative_dataset))
    before = ir_text(module)
    results = run_pipeline(module, passes, snapshots=snapshots)
    return ConversionTrace(stock, before, results, ir_text(module), export_model(module))
