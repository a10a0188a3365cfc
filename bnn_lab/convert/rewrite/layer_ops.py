"""The ops that multiply values by a filter: where each has what."""

from __future__ import annotations

from typing import NamedTuple

from xdsl.ir import Operation, SSAValue

from bnn_lab.convert.ir.lce_format import file_kind
from bnn_lab.convert.ir.tfl_dialect import LabOp, TflOp, is_tfl
from bnn_lab.tflite.macs import MULTIPLYING


class LayerOp(NamedTuple):
    """Positions of an op's operands, and the axis of the output channels in its filter."""

    what: str
    source: int
    filter: int
    bias: int
    axis: int
    larq_option: str = "kernel_quantizer"


LAYER_OPS = {
    "conv_2d": LayerOp("a convolution", 0, 1, 2, 0),
    "depthwise_conv_2d": LayerOp("a depthwise convolution", 0, 1, 2, 3, "depthwise_quantizer"),
    "transpose_conv": LayerOp("a transposed convolution", 2, 1, 3, 0),
    "fully_connected": LayerOp("a dense layer", 0, 1, 2, 0),
    "conv_3d": LayerOp("a 3-D convolution", 0, 1, 2, 4),
    "conv_3d_transpose": LayerOp("a transposed 3-D convolution", 2, 1, 3, 3),
    "batch_matmul": LayerOp("a matrix product", 0, 1, 2, -1),
}


def layer_op(op: Operation | None, *mnemonics: str) -> LayerOp | None:
    """What is known of an op that multiplies, None for any other op.

    Args:
        op: of the graph.
        mnemonics: only these; none means all.
    """
    if not isinstance(op, TflOp) or not is_tfl(op, *(mnemonics or LAYER_OPS)):
        return None
    return LAYER_OPS.get(op.MNEMONIC)


def source_and_filter(op: Operation) -> tuple[SSAValue, SSAValue] | None:
    """Input and filter operands of an op that multiplies, None for any other op."""
    found = MULTIPLYING.get(file_kind(op)) if isinstance(op, LabOp) else None
    return None if found is None else (op.operands[found[0]], op.operands[found[1]])
