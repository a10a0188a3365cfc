"""Filters of ±1 become bits.

    lq.Bconv2d(filter: float OHWI, all ±1)
=>
    lq.Bconv2d(filter: int32 words, O x H x W x ceil(I / 32))

32 float values (128 bytes) become one word (4 bytes).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.lq_dialect import BinaryConv
from bnn_lab.convert.ir.tfl_dialect import Const, constant, name_of
from bnn_lab.convert.rewrite.base import Fact, Pass
from bnn_lab.reference import Words, pack_bits


class _Match(NamedTuple):
    filters: NDArray[np.float32]
    words: Words


class PackFilters(Pass):
    """Bitpack the filters of binary convolutions."""

    name = "pack_filters"
    summary = "±1 filters of binary convolutions become int32 words of 32 channels"
    needs = (Fact.CONVS_ARE_BINARY,)
    ends = (Fact.FILTERS_ARE_FLOAT,)

    def check(self, op: Operation) -> _Match | None:
        """Match a binary convolution with a float filter."""
        if not isinstance(op, BinaryConv):
            return None
        filters = constant(op.filter)
        if filters is None or filters.dtype != np.float32:
            return None
        return _Match(filters, pack_bits(filters < 0))

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Exchange the constant."""
        packed = Const.of(match.words, name_of(op.filter))
        packed.result.name_hint = "filter"
        operands = [op.input, packed.result, *op.operands[2:]]
        bconv = type(op).make(operands, op.output.type, op.names, **op.options)
        rewriter.replace(op, [packed, bconv])
        return f"{match.filters.nbytes} bytes became {match.words.nbytes}"
