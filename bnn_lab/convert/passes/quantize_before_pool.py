"""Max-pooling moves after the sign, where it works on bits.

    x -> tfl.max_pool_2d -> lq.Quantize
=>
    x -> lq.Quantize -> lq.BMaxPool2d

The sign of a maximum is the maximum of the signs. The pool then reads 32 channels a word, and a
convolution in front of it can write bits itself.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.lq_dialect import BMaxPool2d, Quantize
from bnn_lab.convert.ir.tfl_dialect import TflOp, is_tfl, producer
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal
from bnn_lab.convert.rewrite.build import quantize_of


class _Match(NamedTuple):
    pool: TflOp


class QuantizeBeforePool(Pass):
    """MAX_POOL_2D, Quantize => Quantize, BMaxPool2d."""

    name = "quantize_before_pool"
    summary = "max-pooling in front of lq.Quantize becomes lq.BMaxPool2d after it"
    needs = (Fact.ALL_READ, Fact.CONVS_ARE_BINARY, Fact.SCALES_JOINED)
    gives = (Fact.QUANTIZES_MOVED,)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match a quantize that alone reads a max-pooling."""
        if not isinstance(op, Quantize):
            return None
        pool: Any = producer(op.input)
        if not is_tfl(pool, "max_pool_2d"):
            return None
        if pool.activation != "none":
            return Refusal(
                f"the max-pooling has a fused {pool.activation}, after which no value is negative",
                "remove the activation between pooling and sign",
            )
        if not op.input.has_one_use():
            return Refusal("the pooled values have other readers, which need them as floats")
        return _Match(pool)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Quantize the pool's input, pool the words."""
        source = match.pool.operands[0]
        quantize = quantize_of(source)
        height, width = match.pool.option("filterHeight"), match.pool.option("filterWidth")
        pool = BMaxPool2d.make(
            [quantize.output],
            op.output.type,
            op.names,
            filter_height=height,
            filter_width=width,
            stride_height=match.pool.option("strideH"),
            stride_width=match.pool.option("strideW"),
            padding=match.pool.choice("padding"),
        )
        pool.output.name_hint = "pooled_bits"
        rewriter.replace(op, [quantize, pool])
        return f"{height}x{width} max-pooling works on bits"
