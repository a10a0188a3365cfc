"""What was added for the gradient alone is left out.

    s = sign(x), c = clip(x)
    s -> tfl.sub(c) -> tfl.add(c)       or s -> tfl.add(tfl.neg(c)) -> tfl.add(c)
=>
    s

``(sign(x) - c).detach() + c`` has the values of the sign and the gradient of c: it is how training
code often writes a straight-through estimator, in TensorFlow with ``tf.stop_gradient``. In float32
the sum misses ±1 by a rounding, which this takes away.
"""

from __future__ import annotations

from itertools import permutations
from typing import Any, NamedTuple

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.lq_dialect import Dequantize
from bnn_lab.convert.ir.tfl_dialect import is_tfl, producer
from bnn_lab.convert.rewrite.base import Fact, Pass
from bnn_lab.convert.rewrite.binary_values import MOVES
from bnn_lab.convert.rewrite.build import shape_of


class _Match(NamedTuple):
    sign: SSAValue


class DropStraightThrough(Pass):
    """SUB and ADD of the same => nothing."""

    name = "drop_straight_through"
    summary = "a sign minus and plus the same value is the sign"
    needs = (Fact.SIGNS_KNOWN,)
    gives = (Fact.BINARY_KNOWN,)

    def check(self, op: Operation) -> _Match | None:
        """Match the last of the two."""
        if not is_tfl(op, "add", "sub") or op.activation != "none":  # type: ignore[attr-defined]
            return None
        first, second = op.operands
        found = _without(first, second) if is_tfl(op, "add") else _minus(first, second)
        if found is None or not _is_sign(found) or shape_of(found) != shape_of(op.results[0]):
            return None
        return _Match(found)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Read the sign."""
        rewriter.replace(op, [], [match.sign])
        return "what only the gradient needs is left out"


def _parts(value: SSAValue, mnemonic: str) -> tuple[SSAValue, SSAValue] | None:
    maker: Any = producer(value)
    if not is_tfl(maker, mnemonic) or maker.activation != "none":
        return None
    return maker.operands[0], maker.operands[1]


def _without(first: SSAValue, second: SSAValue) -> SSAValue | None:
    """s of (s - c) + c, (s + -c) + c, and of both the other way round."""
    for difference, other in ((first, second), (second, first)):
        parts = _parts(difference, "sub")
        if parts is not None and parts[1] == other:
            return parts[0]
        for kept, negated in permutations(_parts(difference, "add") or (), 2):
            maker: Any = producer(negated)
            if is_tfl(maker, "neg") and maker.operands[0] == other:
                return kept
    return None


def _minus(first: SSAValue, second: SSAValue) -> SSAValue | None:
    """s of (s + c) - c, (c + s) - c or c - (c - s)."""
    total = _parts(first, "add")
    if total is not None and second in total:
        return total[1] if total[0] == second else total[0]
    difference = _parts(second, "sub")
    return difference[1] if difference is not None and difference[0] == first else None


def _is_sign(value: SSAValue) -> bool:
    maker: Any = producer(value)
    while is_tfl(maker, *MOVES):
        maker = producer(maker.operands[0])
    return isinstance(maker, Dequantize) or is_tfl(maker, "sign")
