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
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.tfl_dialect import constant, is_tfl, producer
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal
from bnn_lab.convert.rewrite.comparison import (
    SYMBOLS,
    Comparison,
    bit_refusal,
    comparison_of,
    negative_where,
    show_threshold,
    sign_ops,
)


class _Choice(NamedTuple):
    """`where_true` where the comparison holds, else `where_false`."""

    condition: SSAValue
    where_true: float
    where_false: float


class _Match(NamedTuple):
    comparison: Comparison
    negative: str  # "less" or "greater" than the threshold: where it gives -1


class RecognizeSelect(Pass):
    """Comparison, SELECT 1 / -1 => lq.Quantize, lq.Dequantize."""

    name = "recognize_select"
    summary = "a choice of +1 or -1 by a comparison becomes lq.Quantize + lq.Dequantize"
    needs = (Fact.CONSTANTS_FOLDED,)
    gives = (Fact.SIGNS_KNOWN, Fact.BINARY_KNOWN)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match the op that gives the values."""
        choice = _selected(op) or _scaled(op)
        comparison = None if choice is None else comparison_of(choice.condition)
        if choice is None or comparison is None:
            return None
        low, high = sorted((choice.where_true, choice.where_false))
        if (low, high) != (-1, 1):
            return Refusal(
                f"its values are {low:.6g} and {high:.6g}, not -1 and +1",
                "use a quantizer with values -1 and +1, such as ste_sign",
            )
        refusal = bit_refusal(comparison, op.results[0].type)
        if refusal is not None:
            return refusal
        negative = negative_where(comparison.kind, holds=choice.where_true == -1)
        if negative not in ("less", "greater"):
            shown = f"x {SYMBOLS[negative]} {show_threshold(comparison.threshold)}"
            return Refusal(
                f"it gives -1 for {shown}, the threshold included; a bit is set below zero only",
                "give +1 at the threshold, as in tf.where(x >= 0, 1.0, -1.0)",
            )
        return _Match(comparison, negative)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Negate and shift as needed, then take the bits."""
        type_, name = op.results[0].type, op.tensor_name()
        rewriter.replace(op, sign_ops(match.comparison, match.negative, type_, name))
        shown = f"x {SYMBOLS[match.negative]} {show_threshold(match.comparison.threshold)}"
        return f"-1 for {shown} is a bit"


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


def _uniform(value: SSAValue) -> float | None:
    """The one value that a float constant holds."""
    data = constant(value)
    if data is None or data.dtype != np.float32 or not data.size:
        return None
    first = data.reshape(-1)[0]
    return float(first) if np.all(data == first) else None
