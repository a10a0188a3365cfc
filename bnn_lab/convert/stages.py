"""The stages that every conversion shares: from a traced function to IR, and the last check."""

from __future__ import annotations

from dataclasses import replace

from xdsl.dialects.builtin import ArrayAttr, ModuleOp, StringAttr, UnitAttr
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import OpResult

from bnn_lab.convert.ir.exporter import export_model
from bnn_lab.convert.ir.importer import import_model
from bnn_lab.convert.ir.lq_dialect import BinaryConv, TernaryDense
from bnn_lab.convert.ir.model_info import ModelInfoAttr
from bnn_lab.convert.ir.tfl_dialect import CALIBRATED, FUNC_INPUT_NAMES, MODULE_INFO, LabOp
from bnn_lab.convert.pipeline import PassResult
from bnn_lab.convert.rewrite.base import first_causes
from bnn_lab.convert.stock import FixedFunction, Quantization, convert_function
from bnn_lab.errors import NoBinaryLayerError
from bnn_lab.tflite.reader import ModelInfo, Signature

SIGNATURE = "serving_default"


def import_stock(
    fixed: FixedFunction, name: str, quantization: Quantization
) -> tuple[bytes, ModuleOp]:
    """Run TensorFlow's converter and read what it wrote.

    Args:
        fixed: the traced model.
        name: the model's, for messages.
        quantization: how to quantize what is not binary.

    Returns:
        The float file, and its graph with the model's names of inputs and outputs.

    Raises:
        ConversionError: TensorFlow's converter rejects the model.
        InputError: see `Quantization`.
    """
    stock = convert_function(fixed, name, quantization)
    module = import_model(stock)
    if quantization.representative_data is not None and not fixed.has_fake_quantization:
        module.attributes[CALIBRATED] = UnitAttr()
    inputs = [input_name for input_name, _ in fixed.inputs_of_model]
    _name_ends(module, inputs, fixed.output_names)
    return stock, module


def _name_ends(module: ModuleOp, inputs: list[str], outputs: list[str]) -> None:
    """Give inputs and outputs their Keras names, in the tensors and in a signature."""
    function = next(op for op in module.ops if isinstance(op, FuncOp))
    arguments = function.body.block.args
    function.attributes[FUNC_INPUT_NAMES] = ArrayAttr([StringAttr(name) for name in inputs])
    for name, argument in zip(inputs, arguments, strict=True):
        argument.name_hint = name if argument.is_valid_name(name) else None
    final = function.body.block.last_op
    assert isinstance(final, ReturnOp)
    for name, value in zip(outputs, final.operands, strict=True):
        if isinstance(value, OpResult) and isinstance(value.op, LabOp):
            kept = list(value.op.names.data) if value.op.names else []
            kept[value.index] = StringAttr(name)
            value.op.names = ArrayAttr(kept)
            value.name_hint = name if value.is_valid_name(name) else None
    info = module.attributes[MODULE_INFO]
    assert isinstance(info, ModelInfoAttr)
    stored: ModelInfo = info.data
    signature = Signature(
        SIGNATURE,
        0,
        tuple((name, position) for position, name in enumerate(inputs)),
        tuple((name, position) for position, name in enumerate(outputs)),
    )
    module.attributes[MODULE_INFO] = ModelInfoAttr(replace(stored, signatures=(signature,)))


def require_binary(module: ModuleOp, results: list[PassResult], model_name: str) -> None:
    """Raise `NoBinaryLayerError`, with all reasons, if a module has no binary or ternary layer."""
    if any(isinstance(op, BinaryConv | TernaryDense) for op in module.walk()):
        return
    causes = first_causes(outcome for result in results for outcome in result.refused)
    reasons = [
        f"  - '{outcome.layer}' ({outcome.op}): {outcome.reason}."
        + (f" Fix: {outcome.advice}." if outcome.advice else "")
        for outcome in causes.values()
    ]
    listed = "\n".join(reasons) or "  - it has no convolution or dense layer"
    error = NoBinaryLayerError(
        f"no layer of the model '{model_name}' can run as a binary operation:\n{listed}"
    )
    error.tflite = export_model(module)
    raise error
