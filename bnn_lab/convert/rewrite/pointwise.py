"""What a chain of pointwise ops computes of the one tensor that it starts from.

A chain is a function of one number, for each channel (or element) perhaps with constants of its
own. Every op in it is monotone between a few points, and stays so when its result is rounded to
float32. So from the least and the greatest value of its operands follow bounds of its result, and
bounds that coincide prove that the chain is constant over a whole interval.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import IntegerType, TensorType
from xdsl.ir import Operation, SSAValue

from bnn_lab.convert.ir.attributes import F32, QuantParams, quant_of
from bnn_lab.convert.ir.lq_dialect import Dequantize, Quantize
from bnn_lab.convert.ir.tfl_dialect import TflOp, constant, is_tfl, producer
from bnn_lab.convert.rewrite.build import shape_of
from bnn_lab.convert.rewrite.int8_values import dequantized, is_calibrated


class Bounds(NamedTuple):
    """Least and greatest value, float32 arrays; truth values are 0 and 1."""

    low: NDArray
    high: NDArray


Rule = Callable[..., Bounds]
_ONE = np.float32(1)


def _monotone(function: Callable[[NDArray], NDArray]) -> Rule:
    return lambda x: Bounds(function(x.low), function(x.high))


def _clip(low: float, high: float) -> Rule:
    return _monotone(lambda x: np.clip(x, np.float32(low), np.float32(high)))


def _abs(x: Bounds) -> Bounds:
    low, high = np.abs(x.low), np.abs(x.high)
    least = np.where((x.low <= 0) & (x.high >= 0), np.float32(0), np.minimum(low, high))
    return Bounds(least, np.maximum(low, high))


def _products(a: Bounds, b: Bounds) -> Bounds:
    # Numbers times 0 are 0 here, infinity too: what it would give, NaN, no chain is asked about.
    ends = [np.where((x == 0) | (y == 0), np.float32(0), x * y) for x in a for y in b]
    return Bounds(np.minimum.reduce(ends), np.maximum.reduce(ends))


def _add(a: Bounds, b: Bounds) -> Bounds:
    return Bounds(a.low + b.low, a.high + b.high)


def _neg(a: Bounds) -> Bounds:
    return Bounds(-a.high, -a.low)


def _divide(a: Bounds, b: Bounds) -> Bounds:
    return Bounds(
        np.where(b.low > 0, a.low, a.high) / b.low, np.where(b.low > 0, a.high, a.low) / b.low
    )


def _truth(surely: NDArray, possibly: NDArray) -> Bounds:
    return Bounds(surely.astype(np.float32), possibly.astype(np.float32))


def _equal(a: Bounds, b: Bounds) -> Bounds:
    single = (a.low == a.high) & (b.low == b.high) & (a.low == b.low)
    return _truth(single, (a.low <= b.high) & (b.low <= a.high))


def _not(a: Bounds) -> Bounds:
    return Bounds(_ONE - a.high, _ONE - a.low)


def _select(condition: Bounds, yes: Bounds, no: Bounds) -> Bounds:
    always, never = condition.low == 1, condition.high == 0
    low = np.where(always, yes.low, np.where(never, no.low, np.minimum(yes.low, no.low)))
    high = np.where(always, yes.high, np.where(never, no.high, np.maximum(yes.high, no.high)))
    return Bounds(low, high)


def _squared(x: Bounds) -> Bounds:
    size = _abs(x)
    return Bounds(size.low * size.low, size.high * size.high)


def _less(a: Bounds, b: Bounds) -> Bounds:
    return _truth(a.high < b.low, a.low < b.high)


def _less_equal(a: Bounds, b: Bounds) -> Bounds:
    return _truth(a.high <= b.low, a.low <= b.high)


_relu = _monotone(lambda x: np.maximum(x, np.float32(0)))
_ACTIVATIONS: dict[str, Rule] = {
    "relu": _relu,
    "relu6": _clip(0, 6),
    "relu_n1_to_1": _clip(-1, 1),
}
# Rules of ops whose result is float or a truth value. Those of `_JUMPS` may jump from one value to
# another: without one of them no chain takes two values only.
_JUMPS: dict[str, Rule] = {
    "sign": _monotone(np.sign),
    "less": _less,
    "less_equal": _less_equal,
    "greater": lambda a, b: _less(b, a),
    "greater_equal": lambda a, b: _less_equal(b, a),
    "equal": _equal,
    "not_equal": lambda a, b: _not(_equal(a, b)),
    "floor": _monotone(np.floor),
    "ceil": _monotone(np.ceil),
    "round": _monotone(np.round),
}
_RULES: dict[str, Rule] = {
    **_JUMPS,
    **_ACTIVATIONS,
    "relu_0_to_1": _clip(0, 1),
    "abs": _abs,
    "neg": _neg,
    "square": _squared,
    "add": _add,
    "sub": lambda a, b: _add(a, _neg(b)),
    "mul": _products,
    "div": _divide,
    "minimum": lambda a, b: Bounds(np.minimum(a.low, b.low), np.minimum(a.high, b.high)),
    "maximum": lambda a, b: Bounds(np.maximum(a.low, b.low), np.maximum(a.high, b.high)),
    "select": _select,
    "select_v2": _select,
    "logical_not": _not,
    "logical_and": lambda a, b: Bounds(np.minimum(a.low, b.low), np.minimum(a.high, b.high)),
    "logical_or": lambda a, b: Bounds(np.maximum(a.low, b.low), np.maximum(a.high, b.high)),
    "cast": lambda x: x,  # see `_cast`
    "quantize": lambda x: x,  # see `_rounded`
    "dequantize": lambda x: x,
    "reshape": lambda x: x,
    "expand_dims": lambda x: x,
    "squeeze": lambda x: x,
    "lq.Dequantize": _monotone(lambda x: np.where(x < 0, -_ONE, _ONE)),  # with its lq.Quantize
}
_RESHAPES = ("reshape", "expand_dims", "squeeze")
# Ops whose result at one place is a function of their operands at that place.
ON_SINGLE_VALUES = tuple(
    sorted(set(_RULES) - {*_RESHAPES, "lq.Dequantize", "quantize", "dequantize"})
)


class Chain:
    """Pointwise ops from one tensor to a value.

    Attributes:
        value: what they compute.
        source: where they start.
        ops: all of them, in order.
    """

    def __init__(self, value: SSAValue, source: SSAValue, ops: list[Any]) -> None:
        self.value = value
        self.source = source
        self.ops = ops

    @property
    def jumps(self) -> bool:
        """Whether it holds an op that may jump from one value to another."""
        return any(jumps(op) for op in self.ops)

    def shorter(self) -> Iterator[Chain]:
        """The chains to the same value from tensors on the way, the shortest first.

        Each starts where a single tensor decides the value; the last one is this chain itself.
        """
        last_use = {self.value: len(self.ops)}
        for at, op in enumerate(self.ops):
            for term in _terms(op):
                last_use[term] = max(at, last_use.get(term, -1))
        starts = [0]
        alive = {self.source}
        for at, op in enumerate(self.ops):
            alive = {value for value in alive if last_use[value] > at} | {op.results[0]}
            if len(alive) == 1:
                starts.append(at + 1)
        for start in reversed(starts[:-1]):
            source = self.ops[start - 1].results[0] if start else self.source
            yield Chain(self.value, source, self.ops[start:])

    @property
    def reshapes(self) -> bool:
        """Whether the value has another shape than the source."""
        return shape_of(self.value) != shape_of(self.source)

    def lanes(self) -> tuple[int, ...] | None:
        """Shape of the constants together, (1, .., 1, C) for those of channels.

        None if they cannot be told apart: with a reshape on the way each must be one number.
        """
        shapes = [
            data.shape
            for op in self.ops
            for operand in _terms(op)
            if (data := _constant(operand)) is not None
        ]
        rank = len(shape_of(self.value))
        lanes = np.broadcast_shapes((1,) * rank, *shapes)
        if self.reshapes and max(lanes, default=1) > 1:
            return None
        return lanes

    def bounds(self, low: NDArray, high: NDArray) -> Bounds:
        """Bounds of the value where the source lies between two others.

        Args:
            low: float32, of a shape that broadcasts with the lanes.
            high: likewise.
        """
        known = {self.source: Bounds(low, high)}
        with np.errstate(all="ignore"):
            for op in self.ops:
                known[op.results[0]] = self._of(op, known)
        return known[self.value]

    def _of(self, op: Any, known: dict[SSAValue, Bounds]) -> Bounds:
        terms = []
        for operand in _terms(op):
            data = _constant(operand)
            terms.append(known[operand] if data is None else Bounds(data, data))
        if isinstance(op, Dequantize):
            return _RULES[op.name](*terms)
        found = _RULES[op.MNEMONIC](*terms)
        if op.activation != "none":
            found = _ACTIVATIONS[op.activation](found)
        if is_tfl(op, "cast"):
            found = _cast(found, op)
        quant = quant_of(op.results[0].type)
        if quant is not None and not is_calibrated(op):
            found = Bounds(_rounded(found.low, quant), _rounded(found.high, quant))
        return found


def chain_of(value: SSAValue, *, through_signs: bool = False) -> Chain:
    """The longest chain that ends in a value.

    It starts at the last tensor that alone decides the value, which may be the value itself. Int8
    values count as the numbers they stand for. Where int8 came by calibration after training,
    rounding to it is not part of the chain; elsewhere a chain goes through it only after a jump.

    Args:
        value: where it ends.
        through_signs: also through signs that are lq.Quantize and lq.Dequantize already.
    """
    sources: dict[SSAValue, SSAValue] = {}
    order: list[Any] = []
    # By a stack of its own: a chain may be longer than Python's.
    stack = [value]
    while stack:
        at = stack[-1]
        op = producer(at)
        known_sign = through_signs and op is not None and _is_sign(op)
        if at in sources or not (known_sign or (isinstance(op, TflOp) and _is_pointwise(op))):
            sources.setdefault(at, at)
            stack.pop()
            continue
        assert op is not None
        inner = [operand for operand in _terms(op) if _constant(operand) is None]
        open_ = [operand for operand in inner if operand not in sources]
        if open_:
            stack += open_
            continue
        starts = {sources[operand] for operand in inner}
        same = all(shape_of(operand) == shape_of(at) for operand in inner)
        if len(starts) == 1 and (same or is_tfl(op, *_RESHAPES)) and _goes_on(op, inner, sources):
            sources[at] = starts.pop()
        else:
            sources[at] = at
        order.append(op)
        stack.pop()
    source = sources[value]
    needed = set(_between(value, source))
    return Chain(value, source, [op for op in order if op in needed])


def _between(value: SSAValue, source: SSAValue) -> Iterator[Operation]:
    stack, seen = [value], {source}
    while stack:
        at = stack.pop()
        op = producer(at)
        if at in seen or op is None:
            continue
        seen.add(at)
        yield op
        stack += [operand for operand in _terms(op) if _constant(operand) is None]


def _terms(op: Operation) -> list[SSAValue]:
    """Operands that its rule takes."""
    if isinstance(op, Dequantize):
        quantize = producer(op.input)
        return [quantize.input] if isinstance(quantize, Quantize) else []
    return list(op.operands[:1] if is_tfl(op, *_RESHAPES) else op.operands)


def _constant(value: SSAValue) -> NDArray | None:
    """Float32 data of a constant, what int8 stands for, truth values as 0 and 1."""
    real = dequantized(value)
    if real is not None:
        return real
    data = constant(value)
    if data is None or not data.size or data.dtype not in (np.float32, np.bool_):
        return None
    return data.astype(np.float32)


def _is_sign(op: Operation) -> bool:
    """Whether bits are taken of float or int8 and dequantized again."""
    if not isinstance(op, Dequantize) or not isinstance(producer(op.input), Quantize):
        return False
    (term,) = _terms(op)
    element = term.type.element_type  # type: ignore[attr-defined]
    return _is_number(term.type) and (element == F32 or quant_of(term.type) is not None)


def _is_pointwise(op: TflOp) -> bool:
    if not is_tfl(op, *_RULES) or len(op.results) != 1:
        return False
    if op.activation != "none" and op.activation not in _ACTIVATIONS:
        return False
    types = [op.results[0].type, *(term.type for term in _terms(op))]
    if not all(_is_number(type_) for type_ in types):
        return False
    if is_tfl(op, "div"):
        divisor = _constant(op.operands[1])
        return divisor is not None and bool(np.all(np.isfinite(divisor) & (divisor != 0)))
    constants = [_constant(term) for term in _terms(op)]
    return all(data is None or bool(np.all(np.isfinite(data))) for data in constants)


def _is_number(type_: Any) -> bool:
    if not isinstance(type_, TensorType):
        return False
    element, quant = type_.element_type, quant_of(type_)
    if quant is not None:
        return len(quant.scale) == 1 and quant.details is None
    return element == F32 or (isinstance(element, IntegerType) and element.width.data == 1)


def jumps(op: Any) -> bool:
    """Whether an op may jump from one value to another."""
    if isinstance(op, Dequantize):
        return True
    to_bool = is_tfl(op, "cast") and op.results[0].type.element_type != F32
    return is_tfl(op, *_JUMPS) or to_bool


def _goes_on(op: Any, inner: list[SSAValue], sources: dict[SSAValue, SSAValue]) -> bool:
    """Whether a chain leads through an op that rounds to int8, or that ends what is int8."""
    rounds = quant_of(op.results[0].type) is not None or is_tfl(op, "quantize", "dequantize")
    if not rounds or is_calibrated(op):
        return True
    return any(jumps(step) for value in inner for step in _between(value, sources[value]))


def _cast(x: Bounds, op: TflOp) -> Bounds:
    """A cast between float32 and truth values."""
    if op.results[0].type.element_type == F32:  # type: ignore[attr-defined]
        return x
    return _not(_equal(x, Bounds(np.float32(0), np.float32(0))))  # type: ignore[arg-type]


def _rounded(x: NDArray, quant: QuantParams) -> NDArray:
    """The nearest value that int8 can hold."""
    scale, zero = np.float64(quant.scale[0]), (quant.zero_point or (0,))[0]
    steps = x.astype(np.float64) / scale
    whole = np.clip(np.trunc(steps + np.copysign(0.5, steps)) + zero, -128, 127)
    return ((whole - zero) * scale).astype(np.float32)
