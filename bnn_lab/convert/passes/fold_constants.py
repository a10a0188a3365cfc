"""What depends on constants alone is computed now.

    tfl.const -> tfl.sign -> tfl.add(0.1) -> tfl.sign -> tfl.transpose -> reader
    tfl.const -> tfl.greater_equal(0) -> tfl.select_v2(1, -1) -> reader
=>
    tfl.const -> reader

TensorFlow's converter does so itself, but not for all ops, and it gives up on large constants: it
leaves the quantizer of a kernel of some ten million weights (the dense layers of AlexNet) to be run
with every image. Any op without state is folded, whatever it is; LiteRT computes what NumPy does
not. Two kinds stay: what stores a constant in few bits (DEQUANTIZE of int8 or float16), and what
would make the file much larger.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.tfl_dialect import Const, TflOp
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal
from bnn_lab.convert.rewrite.build import shape_of
from bnn_lab.convert.rewrite.evaluate import (
    dtype_of,
    evaluate,
    is_constant_tree,
    is_foldable,
    leaves_of,
    tree_of,
)

_FREE = 1 << 18  # bytes that a result may always have
_GROWTH = 4  # times the constants that it is computed of: truth values may become floats


class _Match(NamedTuple):
    values: list[NDArray]


class FoldConstants(Pass):
    """An op over constants => its value."""

    name = "fold_constants"
    summary = "ops on constants alone become constants, such as the quantizer of a large kernel"
    gives = (Fact.CONSTANTS_FOLDED,)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match the last of several ops over constants: the one that something else reads."""
        if not isinstance(op, TflOp) or not is_foldable(op):
            return None
        if not all(is_constant_tree(result) for result in op.results):
            return None
        readers = {use.operation for result in op.results for use in result.uses}
        if all(is_foldable(reader) and _is_folded(reader) for reader in readers):
            return None  # with its readers
        # On the way too: a mean of ones of any shape is one number.
        size = max(sum(_bytes(result) for result in step.results) for step in tree_of(op))
        stored = sum(leaf.value.values.nbytes for leaf in leaves_of(op))
        if size > max(_FREE, _GROWTH * stored):
            return Refusal(
                f"its value, or one on the way to it, takes {size:,} bytes, and the constants that "
                f"it is computed of {stored:,}"
            )
        try:
            return _Match(evaluate(op))
        except Exception as error:  # LiteRT raises what it likes
            first = str(error).strip().splitlines()[0] if str(error).strip() else ""
            return Refusal(f"LiteRT cannot compute it ({type(error).__name__}: {first})")

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Put the values in its place."""
        new_ops, results = [], []
        for at, (result, values) in enumerate(zip(op.results, match.values, strict=True)):
            folded = Const.of(values, op.tensor_name(at), result.type)
            folded.result.name_hint = result.name_hint
            new_ops.append(folded)
            results.append(folded.result)
        rewriter.replace(op, new_ops, results)
        count = sum(values.size for values in match.values)
        return f"{count} values computed in advance"


def _is_folded(op: Operation) -> bool:
    return all(is_constant_tree(result) for result in op.results)


def _bytes(value: Any) -> int:
    dtype, count = dtype_of(value), 1
    for size in shape_of(value):
        count *= size
    return count * (dtype.itemsize if dtype is not None else 1)
