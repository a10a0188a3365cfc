"""Makers of the op sequences that several passes put into the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue

from bnn_lab.convert.ir.attributes import I32, tensor_type
from bnn_lab.convert.ir.lq_dialect import BinaryConv, Quantize
from bnn_lab.convert.ir.options import OptionsAttr
from bnn_lab.convert.ir.tfl_dialect import Const, NoValue, TflOp, make_tfl, name_of, tensor_names
from bnn_lab.reference import word_count


def shape_of(value: SSAValue) -> tuple[int, ...]:
    """Shape of a ranked tensor; -1 stands for a dynamic dimension."""
    return tuple(value.type.get_shape())  # type: ignore[attr-defined]


def quantize_of(source: SSAValue) -> Quantize:
    """New lq.Quantize of a value."""
    *outer, channels = shape_of(source)
    quantize = Quantize.build(
        operands=[source],
        result_types=[tensor_type(I32, (*outer, word_count(channels)))],
        properties={"names": tensor_names(f"{name_of(source)}/bits")},
    )
    quantize.output.name_hint = "bits"
    return quantize


def reshape_ops(
    source: SSAValue, result_type: Any, name: str, free_batch: bool = True
) -> list[Operation]:
    """A shape constant and the tfl.reshape that reads it.

    Args:
        source: the value.
        result_type: tensor type of the result.
        name: tensor name of the result.
        free_batch: leave the first dimension to the runtime (-1), so that the batch may change.

    Returns:
        The two ops, the reshape last.
    """
    target = np.array(result_type.get_shape(), np.int32)
    if free_batch and target.size:
        target[0] = -1
    shape = Const.of(target, f"{name}/shape")
    shape.result.name_hint = "shape"
    reshape = make_tfl("reshape", [source, shape.result], [result_type], names=tensor_names(name))
    return [shape, reshape]


@dataclass(frozen=True)
class BinaryPlan:
    """The binary convolution that takes the place of a float one.

    Attributes:
        kind: op class.
        options: its options.
        source: the ±1 values that it reads.
        signs: float32 filter, ±1.
        multiplier: float32 (O,).
        bias: float32 (O,).
        activation_after: builtin op that follows, None for none.
    """

    kind: type[BinaryConv]
    options: dict[str, Any]
    source: SSAValue
    signs: NDArray[np.float32]
    multiplier: NDArray[np.float32]
    bias: NDArray[np.float32]
    activation_after: str | None


def binary_conv_ops(op: TflOp, plan: BinaryPlan) -> list[Operation]:
    """Quantize, constants and a binary convolution in the place of a float one.

    Args:
        op: the float convolution: gives filter name, result type and tensor name.
        plan: what to put there.

    Returns:
        New ops, the last one computing the result.
    """
    name = op.tensor_name()
    filter_name = name_of(op.operands[1])
    quantize = quantize_of(plan.source)
    filters = Const.of(plan.signs, filter_name)
    multipliers = Const.of(plan.multiplier, f"{filter_name}/multiplier")
    biases = Const.of(plan.bias, f"{filter_name}/bias")
    threshold = NoValue.make()
    operands = [
        quantize.output,
        filters.result,
        multipliers.result,
        biases.result,
        threshold.result,
    ]
    hints = ("bits", "filter", "multiplier", "bias", "absent")
    for value, hint in zip(operands, hints, strict=True):
        value.name_hint = hint
    own_name = f"{name}/accumulate" if plan.activation_after else name
    result = op.results[0].type
    conv = plan.kind.make(operands, result, tensor_names(own_name), **plan.options)
    new_ops: list[Operation] = [quantize, filters, multipliers, biases, threshold, conv]
    if plan.activation_after:
        activation = make_tfl(plan.activation_after, [conv.output], op.result_types, names=op.names)
        new_ops.append(activation)
    return new_ops


def with_operands(
    op: TflOp, operands: Sequence[SSAValue], result_type: Any, name: str, **options: Any
) -> TflOp:
    """Copy of a builtin op that reads and gives other tensors, with some options changed."""
    table = op.options
    if options and table is not None:
        table = OptionsAttr(table.data.replace(**options))
    return make_tfl(op.MNEMONIC, operands, [result_type], table, tensor_names(name))
