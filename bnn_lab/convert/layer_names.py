"""From TFLite tensor names back to Keras layers."""

from __future__ import annotations

from xdsl.ir import OpResult

from bnn_lab.convert.ir.lq_dialect import BinaryConv
from bnn_lab.convert.ir.tfl_dialect import Const, LabOp

# What TensorFlow's converter and this one leave on ops that lost their layer's name.
_ANONYMOUS = ("Identity", "StatefulPartitionedCall", "PartitionedCall", "arith.constant")
# A fused tensor's name joins several layers': the one that does the work comes first.
_WORK = ("conv", "matmul", "dense", "linear", "biasadd")


def layer_of_name(name: str) -> str:
    """Keras layer in a tensor's name, "" if there is none.

    Args:
        name: such as "model/third/Relu;model/third/QuantConv2D" (gives "third").

    Returns:
        The layer's path without the model's name.
    """
    found = ""
    for part in name.split(";"):
        path = part.split("/")
        if len(path) < 2 or path[0].startswith(_ANONYMOUS):
            continue
        layer = "/".join(path[1:-1]) or path[0]
        if any(word in path[-1].lower() for word in _WORK):
            return layer
        found = found or layer
    return found


def layer_of(op: LabOp) -> str:
    """Keras layer of an op; from its tensor names and its constants'."""
    own = op.tensor_name()
    constants = [
        operand.op.tensor_name()
        for operand in op.operands
        if isinstance(operand, OpResult) and isinstance(operand.op, Const)
    ]
    # A binary convolution that absorbed later layers carries the last one's tensor name.
    names = [*constants, own] if isinstance(op, BinaryConv) else [own, *constants]
    for name in names:
        if layer := layer_of_name(name):
            return layer
    return own
