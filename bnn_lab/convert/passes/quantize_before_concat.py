"""Bits are concatenated instead of floats.

    (a, b, ...) -> tfl.concatenation -> lq.Quantize
=>
    (lq.Quantize a, lq.Quantize b, ...) -> tfl.concatenation (of words)

Along the channels every part but the last must fill its words of 32 channels; along any other axis
this always holds.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.lq_dialect import Quantize
from bnn_lab.convert.ir.tfl_dialect import TflOp, is_tfl, producer
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal
from bnn_lab.convert.rewrite.build import quantize_of, shape_of, with_operands
from bnn_lab.reference import WORD_BITS


class _Match(NamedTuple):
    concat: TflOp


class QuantizeBeforeConcat(Pass):
    """CONCATENATION, Quantize => Quantize each, CONCATENATION."""

    name = "quantize_before_concat"
    summary = "lq.Quantize moves in front of a concatenation, which then joins words"
    needs = (Fact.ALL_READ, Fact.CONVS_ARE_BINARY, Fact.SCALES_JOINED)
    gives = (Fact.QUANTIZES_MOVED,)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match a quantize of concatenated values."""
        if not isinstance(op, Quantize):
            return None
        concat: Any = producer(op.input)
        if not is_tfl(concat, "concatenation"):
            return None
        if concat.activation != "none":
            return Refusal(f"the concatenation has a fused {concat.activation}")
        if not op.input.has_one_use():
            return Refusal("the concatenated values have other readers, which need them as floats")
        rank = len(shape_of(op.input))
        if concat.option("axis") % rank == rank - 1:
            odd = [shape_of(part)[-1] for part in concat.operands[:-1]]
            odd = [channels for channels in odd if channels % WORD_BITS]
            if odd:
                return Refusal(
                    f"it joins a part of {odd[0]} channels, which does not fill its words of "
                    f"{WORD_BITS}",
                    f"make the channels of every part a multiple of {WORD_BITS}",
                )
        return _Match(concat)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Quantize the parts, join the words."""
        concat = match.concat
        parts = [quantize_of(part) for part in concat.operands]
        words = [part.output for part in parts]
        joined = with_operands(concat, words, op.output.type, op.tensor_name())
        rewriter.replace(op, [*parts, joined])
        return f"{len(parts)} parts are quantized and joined as words"
