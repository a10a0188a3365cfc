"""LCE's helper that lets a model end in bitpacked words."""

from __future__ import annotations

from typing import Any

from xdsl.dialects.builtin import FunctionType
from xdsl.dialects.func import FuncOp, ReturnOp
from xdsl.ir import SSAValue
from xdsl.transforms.dead_code_elimination import dce

from bnn_lab.convert import export_model, import_model
from bnn_lab.convert.ir.lq_dialect import Dequantize
from bnn_lab.convert.ir.tfl_dialect import producer
from bnn_lab.errors import InputError

__all__ = ["strip_lcedequantize_ops"]

_SURROUNDING = ("tfl.quantize", "tfl.dequantize")


def strip_lcedequantize_ops(model: bytes) -> bytes:
    """Remove the LceDequantize (and DEQUANTIZE, QUANTIZE) ops that end in the model's outputs.

    Outputs that were float32 or int8 signs become int32 words, 32 channels each, for programs that
    go on computing with bits.

    Args:
        model: a `.tflite` file's contents.

    Returns:
        The changed file's contents.

    Raises:
        InputError: no output comes from such an op.
        ModelFileError: `model` is not a `.tflite` model.
    """
    module = import_model(model)
    stripped = 0
    for function in [op for op in module.ops if isinstance(op, FuncOp)]:
        final = function.body.block.last_op
        assert isinstance(final, ReturnOp)
        for index, value in enumerate(final.operands):
            bits = _stripped(value)
            if bits is not value:
                final.operands[index] = bits
                stripped += 1
        function.function_type = FunctionType.from_lists(
            list(function.function_type.inputs.data), [value.type for value in final.operands]
        )
    if not stripped:
        raise InputError(
            "strip_lcedequantize_ops: no output of the model comes from an LceDequantize or "
            "DEQUANTIZE op. Fix: let the Keras model end in a sign, such as larq's ste_sign"
        )
    dce(module)
    return export_model(module)


def _stripped(value: SSAValue) -> SSAValue:
    """What stands before the dequantizing ops, bits if there are any."""
    inner = value
    op: Any = producer(inner)
    while op is not None and op.name in _SURROUNDING:
        inner = op.operands[0]
        op = producer(inner)
    if isinstance(op, Dequantize):
        return op.input
    # Without bits only the last DEQUANTIZE goes, so that the output is int8.
    last = producer(value)
    return last.operands[0] if last is not None and last.name == "tfl.dequantize" else value
