"""Which values take two numbers only, and where they change: signs by meaning, not by spelling.

larq writes a sign as sign(sign(x) + 0.1), QKeras as s + (1 - |s|), others as a choice or a cast.
`step_of` asks what the chain of ops computes (see `pointwise`): from the least float32 on it takes
the longest interval over which the chain is proven constant, then the next. Two intervals, or
three of which two share a value, and nothing else: that is found exactly, over all 2^32 floats.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import IntegerType
from xdsl.ir import SSAValue

from bnn_lab.convert.ir.lq_dialect import Dequantize
from bnn_lab.convert.ir.tfl_dialect import TflOp, is_tfl, producer
from bnn_lab.convert.rewrite.binary_values import pad_widths
from bnn_lab.convert.rewrite.int8_values import is_calibrated
from bnn_lab.convert.rewrite.pointwise import Chain, chain_of, jumps

_MOST_PIECES = 6
_MOST_LANES = 1 << 16


@dataclass(frozen=True)
class Step:
    """A value that is `low` on one side of a threshold and `high` on the other.

    Attributes:
        source: what is compared.
        low: the smaller number.
        high: the greater one.
        threshold: float32, of a shape that broadcasts to the source; the least source value on the
            upper side of the step.
        rising: bool, of the same shape: whether the upper side is `high`.
        fixed: bool, of the same shape: all values are on the upper side.
    """

    source: SSAValue
    low: float
    high: float
    threshold: NDArray[np.float32]
    rising: NDArray[np.bool_]
    fixed: NDArray[np.bool_]

    @property
    def is_source(self) -> bool:
        """Whether its source holds the same signs already."""
        return isinstance(producer(self.source), Dequantize) and bool(
            np.all(self.rising & ~self.fixed)
        )

    def negated(self) -> Step:
        """The step that is low where this one is high."""
        return replace(self, rising=~self.rising)


@dataclass(frozen=True)
class Pieces:
    """A chain that is constant over a few intervals.

    Attributes:
        source: where it starts.
        starts: float32 (pieces, ..): where each interval begins, per lane.
        values: float32 (pieces, ..): the value there.
    """

    source: SSAValue
    starts: NDArray[np.float32]
    values: NDArray[np.float32]

    @property
    def numbers(self) -> list[float]:
        """All values it takes, ascending."""
        return sorted({float(value) + 0.0 for value in self.values.reshape(-1)})


def step_of(value: SSAValue) -> Step | None:
    """The step that a value is, None if it takes other numbers too.

    It starts in front of all jumps, but as late as it can: what comes before may be part of a
    convolution, or be read by others. Only clamps in front of it are left out.
    """
    whole = chain_of(value)
    if whole.source is value or not (whole.jumps or has_two_values(whole.source)):
        return None
    chains = list(whole.shorter())
    smooth = [chain for chain in chains if sum(map(jumps, chain.ops)) == sum(map(jumps, whole.ops))]
    found = None
    for chain in smooth:
        if found is None or is_tfl(chain.ops[0], *_LEFT_OUT):
            found = _step_of(chain, whole) or found
    for chain in reversed(chains[: -len(smooth)]):
        found = found or _step_of(chain, whole)
    return found


# Clamps and, after calibration, changes of type.
_LEFT_OUT = ("relu", "relu6", "relu_n1_to_1", "relu_0_to_1", "quantize", "dequantize")


def _step_of(chain: Chain, whole: Chain) -> Step | None:
    pieces = pieces_of(chain, _domain_on_the_way(whole, chain.source))
    if pieces is None or (len(pieces.numbers) == 1 and chain.source is not whole.source):
        return None
    return _step(pieces, is_calibrated_value(chain.value))


def _domain_on_the_way(whole: Chain, source: SSAValue) -> tuple[float, float]:
    """Least and greatest value that a tensor inside a chain can hold."""
    domain = domain_of(whole.source)
    if source is whole.source:
        return domain
    before = chain_of(source)
    if before.source is not whole.source or before.lanes() is None:
        return domain_of(source)
    ends = before.bounds(*(np.float32(end) for end in domain))  # type: ignore[arg-type]
    low, high = float(np.min(ends.low)), float(np.max(ends.high))
    return -np.inf if np.isnan(low) else low, np.inf if np.isnan(high) else high


def two_values_behind(value: SSAValue) -> tuple[list[TflOp], SSAValue]:
    """(ops that move, pad or pool a value, the last one first; what they start from).

    Each gives two values if its input has two; changes to int8 and back are among them.
    """
    moves: list[TflOp] = []
    while True:
        op = producer(value)
        padded = is_tfl(op, "pad", "padv2") and pad_widths(op) is not None
        pooled = is_tfl(op, "max_pool_2d") and op.activation == "none"  # type: ignore[union-attr]
        typed = is_tfl(op, "quantize", "dequantize") and is_calibrated_value(value)
        if not (padded or pooled or typed or is_tfl(op, "reshape")):
            return moves, value
        assert isinstance(op, TflOp)
        moves.append(op)
        value = op.operands[0]


def is_calibrated_value(value: SSAValue) -> bool:
    """Whether int8 around a value only approximates the model; see `is_calibrated`."""
    op = producer(value)
    return op is not None and is_calibrated(op)


def _step(pieces: Pieces, calibrated: bool) -> Step | None:
    numbers = pieces.numbers
    if len(numbers) == 1 and abs(numbers[0]) == 1:
        numbers = [-1.0, 1.0]  # a sign whose input is never on the other side
    if len(numbers) != 2:
        return None
    low, high = (_snapped(number) if calibrated else number for number in numbers)
    above = pieces.values == np.float32(numbers[1])
    changes = above[1:] != above[:-1]
    if np.any(changes.sum(axis=0) > 1):
        return None  # such as high in the middle, low on both sides
    first = above[0]
    # Lanes that never change: as if they did at minus infinity.
    at = np.argmax(np.concatenate([~changes.any(axis=0)[None], changes]), axis=0)
    threshold = np.take_along_axis(pieces.starts, at[None], axis=0)[0]
    rising = np.where(at > 0, ~first, first)
    return Step(pieces.source, low, high, threshold + np.float32(0), rising, at == 0)


def _snapped(number: float) -> float:
    """The whole number that int8 stands for, if it is that near."""
    return float(round(number)) if abs(number - round(number)) <= 1 / 127 else number


def pieces_of(chain: Chain, domain: tuple[float, float] | None = None) -> Pieces | None:
    """The intervals over which a chain is constant, None if they are more than a few.

    Args:
        chain: what is asked about.
        domain: least and greatest value of its source, if that is known.
    """
    lanes = chain.lanes()
    if lanes is None or int(np.prod(lanes)) > _MOST_LANES:
        return None
    if has_two_values(chain.source):
        return _pieces_of_two(chain, lanes)
    ends = domain or domain_of(chain.source)
    start = np.full(lanes, _key(np.float32(ends[0])), np.int64)
    last = np.full(lanes, _key(np.float32(ends[1])), np.int64)
    starts, values = [], []
    open_ = np.ones(lanes, bool)
    for _ in range(_MOST_PIECES):
        low = _float(start)
        found = chain.bounds(low, low)
        value = np.broadcast_to(found.low, lanes)
        if not np.array_equal(value, np.broadcast_to(found.high, lanes)):
            return None  # NaN
        starts.append(low)
        values.append(value)
        reach = _reach(chain, start, last, value)
        open_ = reach < last
        if not open_.any():
            return Pieces(chain.source, np.array(starts), np.array(values, np.float32))
        # A lane that is through repeats its last piece.
        start = np.where(open_, reach + 1, start)
    return None


def _reach(chain: Chain, start: NDArray, last: NDArray, value: NDArray) -> NDArray:
    """How far from `start` on the chain is proven to have one value, by bisection."""
    low = _float(start)

    def proven(end: NDArray) -> NDArray[np.bool_]:
        found = chain.bounds(low, _float(end))
        return (found.low == value) & (found.high == value)

    inside = np.where(proven(last), last, start)
    outside = last + 1
    while np.any(outside - inside > 1):
        middle = np.where(outside - inside > 1, (inside + outside) // 2, inside)
        within = proven(middle)
        inside, outside = np.where(within, middle, inside), np.where(within, outside, middle)
    return inside


def has_two_values(source: SSAValue) -> bool:
    """Whether a tensor holds truth values, or +1 and -1 by the op that makes it."""
    return isinstance(producer(source), Dequantize) or is_bool(source)


def is_bool(value: SSAValue) -> bool:
    """Whether a tensor holds truth values."""
    element = value.type.element_type  # type: ignore[attr-defined]
    return isinstance(element, IntegerType) and element.width.data == 1


def _pieces_of_two(chain: Chain, lanes: tuple[int, ...]) -> Pieces | None:
    starts = np.stack([np.full(lanes, end, np.float32) for end in domain_of(chain.source)])
    found = chain.bounds(starts, starts)
    values = np.broadcast_to(found.low, starts.shape)
    if not np.array_equal(values, np.broadcast_to(found.high, starts.shape)):
        return None
    return Pieces(chain.source, starts, values.astype(np.float32))


_NEVER_BELOW_ZERO = ("relu", "relu6", "relu_0_to_1", "abs", "square", "logistic", "exp", "softmax")


def domain_of(source: SSAValue) -> tuple[float, float]:
    """Least and greatest value that a tensor can hold, as far as the op that makes it tells."""
    op = producer(source)
    if isinstance(op, Dequantize):
        return -1.0, 1.0
    if is_bool(source):
        return 0.0, 1.0
    while is_tfl(op, "max_pool_2d", "reshape") and op.activation == "none":  # type: ignore[union-attr]
        op = producer(op.operands[0])  # type: ignore[union-attr]
    clamped = isinstance(op, TflOp) and op.activation in ("relu", "relu6")
    if clamped or is_tfl(op, *_NEVER_BELOW_ZERO):
        return 0.0, float(np.inf)
    return -float(np.inf), float(np.inf)


def _key(value: np.float32) -> int:
    """Position of a float32 among all, in ascending order; both zeros have 0."""
    bits = int(np.float32(value).view(np.int32))
    return bits if bits >= 0 else -(bits & 0x7FFFFFFF)


def _float(keys: NDArray) -> NDArray[np.float32]:
    """Invert `_key`."""
    magnitude = np.abs(keys).astype(np.int32).view(np.float32)
    return np.where(keys < 0, -magnitude, magnitude)


def previous_float(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The greatest float32 below each value."""
    return np.nextafter(values, np.float32(-np.inf), dtype=np.float32)
