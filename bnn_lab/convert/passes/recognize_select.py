"""A comparison with a constant that picks +1 or -1 becomes a bitpacking quantize.

    x -> tfl.greater_equal(t) -> tfl.select_v2(1, -1)
    x -> tfl.less(t) -> tfl.cast -> tfl.mul(-2) -> tfl.add(1)      and other spellings
=>
    x -> [tfl.add(-t)] -> lq.Quantize -> lq.Dequantize

A bit is set where a value is below zero, so -1 for x < t and +1 for x >= t is a bit; -1 for x > t
and +1 for x <= t is the bit of -x. The other two, such as +1 for x > t, take the sign of a zero the
other way and stay as they are. x - t has float32's exact sign unless t is so small that the
difference may be subnormal, which some processors flush to zero.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.attributes import F32, Options, OptionsAttr, tensor_type
from bnn_lab.convert.dialect import (
    Const,
    Dequantize,
    constant,
    is_tfl,
    make_tfl,
    producer,
    tensor_names,
)
from bnn_lab.convert.passes.base import Pass, Refusal
from bnn_lab.convert.passes.build import quantize_of, shape_of

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
_SIGNS = {"less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">="}
_SMALLEST = 2.0**-100  # |t| from here on: x - t is never subnormal


class _Choice(NamedTuple):
    """`where_true` where the comparison holds, else `where_false`."""

    condition: SSAValue
    where_true: float
    where_false: float


class _Comparison(NamedTuple):
    """x compared with a constant, x on the left."""

    source: SSAValue
    kind: str
    threshold: NDArray[np.float32]


class _Match(NamedTuple):
    source: SSAValue
    threshold: NDArray[np.float32]
    negated: bool


class RecognizeSelect(Pass):
    """Comparison, SELECT 1 / -1 => lq.Quantize, lq.Dequantize."""

    name = "recognize_select"
    summary = "a choice of +1 or -1 by a comparison becomes lq.Quantize + lq.Dequantize"

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match the op that gives the values."""
        choice = _selected(op) or _scaled(op)
        comparison = None if choice is None else _comparison(choice.condition)
        if choice is None or comparison is None:
            return None
        low, high = sorted((choice.where_true, choice.where_false))
        if (low, high) != (-1, 1):
            return Refusal(
                f"its values are {low:.6g} and {high:.6g}, not -1 and +1",
                "use a quantizer with values -1 and +1, such as ste_sign",
            )
        source, kind, threshold = comparison
        type_: Any = op.results[0].type
        if source.type != type_ or type_.element_type != F32:
            return Refusal("it is no float32 comparison, or it broadcasts to another shape")
        if type_.get_num_dims() == 0:
            return Refusal("its input is a scalar, which has no channels to pack")
        if type_.get_shape()[-1] < 0:
            return Refusal("its number of channels is dynamic", "fix the input's shape")
        negative = kind if choice.where_true == -1 else _OPPOSITE[kind]  # where it gives -1
        if negative not in ("less", "greater"):
            shown = f"x {_SIGNS[negative]} {_show(threshold)}"
            return Refusal(
                f"it gives -1 for {shown}, the threshold included; a bit is set below zero only",
                "give +1 at the threshold, as in tf.where(x >= 0, 1.0, -1.0)",
            )
        if not np.all((threshold == 0) | (np.abs(threshold) >= _SMALLEST)) or not np.all(
            np.isfinite(threshold)
        ):
            return Refusal(
                f"its threshold {_show(threshold)} cannot be subtracted exactly",
                "use finite thresholds that are 0 or at least 1e-30 in size",
            )
        return _Match(source, threshold, negative == "greater")

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Negate and shift as needed, then take the bits."""
        value, name = match.source, op.tensor_name()
        new_ops: list[Operation] = []
        steps: list[tuple[str, str, Any, str]] = []
        if match.negated:
            steps.append(("mul", "MulOptions", np.float32(-1), "negated"))
        if match.threshold.any():
            shift = match.threshold if match.negated else -match.threshold
            steps.append(("add", "AddOptions", shift, "shifted"))
        for mnemonic, table, data, suffix in steps:
            factor = Const.of(data, f"{name}/{suffix}/constant")
            options = OptionsAttr(Options.make(table))
            names = tensor_names(f"{name}/{suffix}")
            step = make_tfl(mnemonic, [value, factor.result], [match.source.type], options, names)
            step.results[0].name_hint = suffix
            new_ops += [factor, step]
            value = step.results[0]
        quantize = quantize_of(value)
        quantize.names = tensor_names(f"{name}/bits")
        dequantize = Dequantize.build(
            operands=[quantize.output],
            result_types=[tensor_type(F32, shape_of(op.results[0]))],
            properties={"names": tensor_names(name)},
        )
        rewriter.replace(op, [*new_ops, quantize, dequantize])
        side = ">" if match.negated else "<"
        return f"-1 for x {side} {_show(match.threshold)} is a bit"


def _selected(op: Operation) -> _Choice | None:
    """A select between two constants."""
    if not is_tfl(op, "select", "select_v2"):
        return None
    yes, no = _uniform(op.operands[1]), _uniform(op.operands[2])
    return None if yes is None or no is None else _Choice(op.operands[0], yes, no)


def _scaled(op: Any) -> _Choice | None:
    """A cast of a bool, times a constant, plus or minus a constant."""
    if not is_tfl(op, "add", "sub") or op.activation != "none":
        return None
    for position in (0, 1):
        product: Any = producer(op.operands[position])
        shift = _uniform(op.operands[1 - position])
        if shift is None or not is_tfl(product, "mul") or product.activation != "none":
            continue
        for side in (0, 1):
            cast: Any = producer(product.operands[side])
            factor = _uniform(product.operands[1 - side])
            if factor is None or not is_tfl(cast, "cast"):
                continue
            if is_tfl(op, "sub"):  # shift - product, or product - shift
                factor, shift = (-factor, shift) if position else (factor, -shift)
            return _Choice(cast.operands[0], factor + shift, shift)
    return None


def _comparison(condition: SSAValue) -> _Comparison | None:
    op: Any = producer(condition)
    if not is_tfl(op, *_SIGNS):
        return None
    left, right = op.operands
    kind = op.MNEMONIC
    if constant(left) is not None:
        left, right, kind = right, left, _MIRRORED[kind]
    threshold = constant(right)
    if threshold is None or threshold.dtype != np.float32 or not threshold.size:
        return None
    return _Comparison(left, kind, threshold)


def _uniform(value: SSAValue) -> float | None:
    """The one value that a float constant holds."""
    data = constant(value)
    if data is None or data.dtype != np.float32 or not data.size:
        return None
    first = data.reshape(-1)[0]
    return float(first) if np.all(data == first) else None


def _show(threshold: NDArray[np.float32]) -> str:
    low, high = float(threshold.min()), float(threshold.max())
    return f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
