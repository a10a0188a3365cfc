"""Comparisons of a value with a constant, and the signs that stand for them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue

from bnn_lab.convert.ir.attributes import F32, tensor_type
from bnn_lab.convert.ir.lq_dialect import Dequantize
from bnn_lab.convert.ir.options import Options, OptionsAttr
from bnn_lab.convert.ir.tfl_dialect import Const, constant, is_tfl, make_tfl, producer, tensor_names
from bnn_lab.convert.rewrite.base import Refusal
from bnn_lab.convert.rewrite.build import quantize_of, shape_of

SYMBOLS = {"less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">="}
_MIRRORED = {
    "less": "greater",
    "less_equal": "greater_equal",
    "greater": "less",
    "greater_equal": "less_equal",
}
_OPPOSITE = {
    "less": "greater_equal",
    "less_equal": "greater",
    "greater": "less_equal",
    "greater_equal": "less",
}
_SMALLEST = 2.0**-100  # |t| from here on: x - t is never subnormal


class Comparison(NamedTuple):
    """x compared with a constant, x on the left; `kind` is the op's name."""

    source: SSAValue
    kind: str
    threshold: NDArray[np.float32]


def comparison_of(condition: SSAValue) -> Comparison | None:
    """The comparison that computes a bool tensor, None if it is anything else."""
    op: Any = producer(condition)
    if not is_tfl(op, *SYMBOLS):
        return None
    left, right = op.operands
    kind = op.MNEMONIC
    if constant(left) is not None:
        left, right, kind = right, left, _MIRRORED[kind]
    threshold = constant(right)
    if threshold is None or threshold.dtype != np.float32 or not threshold.size:
        return None
    return Comparison(left, kind, threshold)


def negative_where(kind: str, *, holds: bool) -> str:
    """The comparison that says where a sign is -1: where `kind` holds, or where it does not."""
    return kind if holds else _OPPOSITE[kind]


def bit_refusal(comparison: Comparison, type_: Any) -> Refusal | None:
    """Why bits of `type_` (that of the compared value) cannot stand for a comparison."""
    source, _, threshold = comparison
    if source.type != type_ or type_.element_type != F32:
        return Refusal("it is not a float32 comparison, or it broadcasts to another shape")
    if type_.get_num_dims() == 0:
        return Refusal("its input is a scalar, which has no channels to pack")
    if type_.get_shape()[-1] < 0:
        return Refusal("its number of channels is dynamic", "fix the input's shape")
    exact = (threshold == 0) | (np.abs(threshold) >= _SMALLEST)
    if not np.all(exact) or not np.all(np.isfinite(threshold)):
        return Refusal(
            f"its threshold {show_threshold(threshold)} cannot be subtracted exactly",
            "use finite thresholds that are 0 or at least 1e-30 in size",
        )
    return None


def sign_ops(comparison: Comparison, negative: str, type_: Any, name: str) -> list[Operation]:
    """Ops that give -1 where x is `negative` ("less" or "greater") than the threshold, else +1.

    Args:
        comparison: gives x and the threshold.
        negative: where the sign is -1; x = threshold gives +1.
        type_: type of x and the result.
        name: tensor name of the result.

    Returns:
        The new ops, the last one an lq.Dequantize.
    """
    value, _, threshold = comparison
    negated = negative == "greater"
    new_ops: list[Operation] = []
    steps: list[tuple[str, str, Any, str]] = []
    if negated:
        steps.append(("mul", "MulOptions", np.float32(-1), "negated"))
    if threshold.any():
        shift = threshold if negated else -threshold
        steps.append(("add", "AddOptions", shift, "shifted"))
    for mnemonic, table, data, suffix in steps:
        factor = Const.of(data, f"{name}/{suffix}/constant")
        options = OptionsAttr(Options.make(table))
        names = tensor_names(f"{name}/{suffix}")
        step = make_tfl(mnemonic, [value, factor.result], [type_], options, names)
        step.results[0].name_hint = suffix
        new_ops += [factor, step]
        value = step.results[0]
    quantize = quantize_of(value)
    quantize.names = tensor_names(f"{name}/bits")
    dequantize = Dequantize.build(
        operands=[quantize.output],
        result_types=[tensor_type(F32, shape_of(comparison.source))],
        properties={"names": tensor_names(name)},
    )
    return [*new_ops, quantize, dequantize]


def show_threshold(threshold: NDArray[np.float32]) -> str:
    """A threshold, or the range of several, in short."""
    low, high = float(threshold.min()), float(threshold.max())
    return f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
