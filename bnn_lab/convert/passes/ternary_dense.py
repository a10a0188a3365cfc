"""A dense layer of ternary weights and activations quantized by their largest value becomes one op.

    largest = tfl.maximum(tfl.reduce_max(tfl.abs(x)), 1e-5)
    values  = tfl.round(tfl.mul(x, tfl.div(127, largest)))
    tfl.mul(tfl.fully_connected(values, trits), tfl.mul(tfl.mul(largest, 1/127), scale))
        =>  lq.TernaryDense(x, codes, scale)

This is what `BitLinear` is in inference. The op computes the same, to the last bit where sums are
exact in float32, on weights of 2 or 1.6 bits. With `lce_compatible` the layer stays float.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import F32
from bnn_lab.convert.ir.lq_dialect import TernaryDense
from bnn_lab.convert.ir.tfl_dialect import (
    MNEMONICS,
    Const,
    constant,
    is_absent,
    is_tfl,
    make_tfl,
    name_of,
    producer,
    tensor_names,
)
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal, Role
from bnn_lab.convert.rewrite.build import shape_of
from bnn_lab.ternary_reference import LEAST, PACK, STEP, TRITS_OF_2BIT, Trits

_MOST_EXACT = 2**24  # of a float32 sum of integers
_BIT_LINEAR = "use bnn_lab.models.bit_linear.BitLinear as it is"


class _Match(NamedTuple):
    source: SSAValue
    filter_name: str
    trits: Trits
    scale: np.float32
    activation: str | None


class MakeTernaryDense(Pass):
    """FULLY_CONNECTED of trits between the ops of `BitLinear` => lq.TernaryDense.

    Attributes:
        lce_compatible: refuse, because LCE's interpreter has no such op.
        trits_per_byte: how weights are packed, 4 or 5.
    """

    name = "ternary_dense"
    summary = "dense layers of ternary weights and int8 activations become an op of bnn_lab's own"
    role = Role.BINARIZES
    needs = (Fact.ALL_READ, Fact.CONSTANTS_FOLDED)

    def __init__(self, lce_compatible: bool = False, trits_per_byte: int = TRITS_OF_2BIT) -> None:
        self.lce_compatible = lce_compatible
        self.trits_per_byte = trits_per_byte

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match the last op of the pattern; refuse a dense layer of trits outside of one."""
        if is_tfl(op, "mul"):
            for dense in (producer(value) for value in op.operands):
                if _trits(dense) is not None and not self.lce_compatible:
                    found = _pattern(op, dense)
                    return found if isinstance(found, _Match) else None
            return None
        trits = _trits(op)
        if trits is None or not _is_rounded(op.operands[0]):
            return None
        users = [use.operation for use in op.results[0].uses]
        if len(users) != 1 or not is_tfl(users[0], "mul"):
            return Refusal("its sums are not multiplied by the scales next", _BIT_LINEAR)
        found = _pattern(users[0], op)
        if isinstance(found, Refusal):
            return found
        if self.lce_compatible:
            return Refusal(
                "it is a dense layer of ternary or binary weights on int8 activations, and LCE has "
                "no op for it; it computes in float, with the same result",
                "pass lce_compatible=False for a file that runs on bnn_lab alone",
            )
        return None  # the multiplication after it is rewritten

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Replace the multiplication; what only it read goes."""
        outputs, inputs = match.trits.shape
        packed = PACK[self.trits_per_byte](match.trits).view(np.int8)
        codes = Const.of(packed, match.filter_name)
        scale = Const.of(np.array([match.scale], np.float32), f"{match.filter_name}/scale")
        codes.result.name_hint, scale.result.name_hint = "codes", "scale"
        name = op.tensor_name()
        dense = TernaryDense.make(
            [match.source, codes.result, scale.result],
            op.results[0].type,
            tensor_names(f"{name}/product" if match.activation else name),
            channels_in=inputs,
            trits_per_byte=self.trits_per_byte,
        )
        new_ops: list[Operation] = [codes, scale, dense]
        if match.activation:
            new_ops.append(
                make_tfl(match.activation, [dense.output], op.result_types, names=op.names)
            )
        rewriter.replace(op, new_ops)
        bits = 8 / self.trits_per_byte
        return f"{inputs} inputs, {outputs} outputs, {bits:g} bits a weight, runs on bnn_lab alone"


def _trits(op: Operation | None) -> Trits | None:
    """Weights of a float dense layer, if all are -1, 0 or +1."""
    if op is None or not is_tfl(op, "fully_connected"):
        return None
    values = constant(op.operands[1])
    if values is None or values.dtype != np.float32 or values.ndim != 2 or not values.size:
        return None
    return values.astype(np.int8) if np.isin(values, (-1, 0, 1)).all() else None


def _is_rounded(value: SSAValue) -> bool:
    return is_tfl(producer(value), "round")


def _pattern(last: Operation, dense: Any) -> _Match | Refusal:
    """The whole pattern around a dense layer of trits, or what of it is missing."""
    trits = _trits(dense)
    assert trits is not None
    scaled: Any = producer(dense.operands[0])
    if not is_tfl(scaled, "round"):
        return Refusal("its input is not rounded to integers", _BIT_LINEAR)
    if len(dense.operands) > 2 and not is_absent(dense.operands[2]):
        bias = constant(dense.operands[2])
        if bias is None or bias.any():
            return Refusal("it adds a bias before the scales", _BIT_LINEAR)
    if dense.activation != "none" or not dense.results[0].has_one_use():
        return Refusal("its unscaled sums have other readers, or an activation", _BIT_LINEAR)
    if trits.shape[1] * 127 > _MOST_EXACT:
        return Refusal(f"its sums of {trits.shape[1]} products are not exact in float32")
    parts = _factors(scaled.operands[0])
    if parts is None:
        return Refusal("its input is not multiplied before it is rounded", _BIT_LINEAR)
    for source, factor in (parts, parts[::-1]):
        largest = _over(factor, np.float32(127))
        if largest is not None and _is_largest(largest, source):
            break
    else:
        return Refusal(
            "its input is not scaled by 127 over its largest magnitude, at least 1e-5, along the "
            "last axis",
            _BIT_LINEAR,
        )
    scale = _scale(last, dense, largest)
    if scale is None:
        return Refusal("its sums are not multiplied by largest * (1 / 127) * scale", _BIT_LINEAR)
    if source.type.element_type != F32 or shape_of(source)[-1] != trits.shape[1]:  # type: ignore[attr-defined]
        return Refusal(f"its input is {source.type}", _BIT_LINEAR)
    if shape_of(last.results[0]) != (*shape_of(source)[:-1], len(trits)):
        return Refusal("it changes the shape of more than the last axis", _BIT_LINEAR)
    after: Any = last
    activation = None if after.activation == "none" else after.activation
    if activation is not None and activation not in MNEMONICS:
        return Refusal(f"the activation {activation} after it has no op of its own")
    return _Match(source, name_of(dense.operands[1]), trits, scale, activation)


def _factors(value: SSAValue) -> tuple[SSAValue, SSAValue] | None:
    """Operands of a multiplication without activation."""
    op: Any = producer(value)
    if not is_tfl(op, "mul") or op.activation != "none":
        return None
    return op.operands[0], op.operands[1]


def _over(value: SSAValue, number: np.float32) -> SSAValue | None:
    """x, of a constant number divided by x."""
    op: Any = producer(value)
    if not is_tfl(op, "div") or op.activation != "none":
        return None
    return op.operands[1] if _is_number(op.operands[0], number) else None


def _is_largest(value: SSAValue, source: SSAValue) -> bool:
    """Whether a value is max(max |source| along the last axis, 1e-5)."""
    bounded: Any = producer(value)
    if not is_tfl(bounded, "maximum"):
        return False
    for one, other in (bounded.operands, bounded.operands[::-1]):
        reduced: Any = producer(one)
        if not _is_number(other, LEAST) or not is_tfl(reduced, "reduce_max"):
            continue
        axes, magnitude = constant(reduced.operands[1]), producer(reduced.operands[0])
        rank = len(shape_of(source))
        last = axes is not None and axes.size == 1 and int(axes.ravel()[0]) in (-1, rank - 1)
        if last and reduced.option("keepDims") and is_tfl(magnitude, "abs"):
            return magnitude.operands[0] is source  # type: ignore[union-attr]
    return False


def _scale(last: Operation, dense: Operation, largest: SSAValue) -> np.float32 | None:
    """The weights' scale, of (sums) * ((largest * (1 / 127)) * scale)."""
    left, right = last.operands
    outer = _factors(right if producer(left) is dense else left)
    if outer is None:
        return None
    for stepped, scale in (outer, outer[::-1]):
        inner, number = _factors(stepped), constant(scale)
        if inner is None or number is None or number.size != 1 or number.dtype != np.float32:
            continue
        for one, other in (inner, inner[::-1]):
            if one is largest and _is_number(other, STEP):
                return np.float32(number.ravel()[0])
    return None


def _is_number(value: SSAValue, number: np.float32) -> bool:
    found = constant(value)
    return found is not None and found.size == 1 and bool(found.ravel()[0] == number)
