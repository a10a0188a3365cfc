"""What is only ever -1 or +1 becomes a bitpacking quantize.

    x -> tfl.sign -> tfl.add(0.1) -> tfl.sign                      (larq)
    x -> tfl.sign -> s + (1 - |s|)                                 (QKeras)
    x -> tfl.greater_equal(t) -> tfl.select_v2(1, -1)              and whatever means the same
=>
    x -> [tfl.mul(-1)] -> [tfl.add(-t)] -> lq.Quantize -> lq.Dequantize

A bit is set where a value is below zero. Whether a chain of ops is -1 on one side of a threshold
and +1 on the other, and where, is proven by what it computes (see `rewrite.steps`); for each
channel it may be another threshold or direction. NaN is left out of account.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab._words import counted
from bnn_lab.convert.ir.attributes import F32, quant_of
from bnn_lab.convert.ir.lq_dialect import Dequantize
from bnn_lab.convert.ir.tfl_dialect import TflOp, is_tfl, make_tfl, name_of, producer
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal
from bnn_lab.convert.rewrite.build import shape_of
from bnn_lab.convert.rewrite.signs import bit_refusal, describe_step, signs_of
from bnn_lab.convert.rewrite.steps import Step, step_of
from bnn_lab.reference import word_count

# After a sign these give it again, moved or in another type: they stay as they are.
_CARRY = ("reshape", "expand_dims", "squeeze", "quantize", "dequantize")


class _Match(NamedTuple):
    step: Step


class RecognizeSign(Pass):
    """A chain of ops that gives -1 or +1 => lq.Quantize, lq.Dequantize."""

    name = "recognize_sign"
    summary = "a sign, however it is written, becomes lq.Quantize + lq.Dequantize"
    needs = (Fact.CONSTANTS_FOLDED,)
    gives = (Fact.SIGNS_KNOWN,)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match the op whose result is the first to be ±1."""
        if not isinstance(op, TflOp) or is_tfl(op, *_CARRY) or len(op.results) != 1:
            return None
        result: Any = op.results[0].type
        if result.element_type != F32 and quant_of(result) is None:
            return None
        step = step_of(op.results[0])
        if step is None or (step.low, step.high) != (-1, 1):
            return None
        if isinstance(producer(step.source), Dequantize) and not step.is_source:
            return None  # such as the opposite of a sign: the layer that reads it takes the minus
        return bit_refusal(step) or _Match(step)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Replace the last op of the chain; the others die unless someone else reads them."""
        step, name, result = match.step, op.tensor_name(), op.results[0].type
        new_ops, value = signs_of(step, shape_of(op.results[0]), name)
        if quant_of(result) is not None:
            new_ops.append(make_tfl("quantize", [value], [result], names=op.names))
            value = new_ops[-1].results[0]
        rewriter.replace(op, new_ops, [value])
        channels = shape_of(step.source)[-1]
        return (
            f"-1 for {describe_step(step)}: {channels} channels of '{name_of(step.source)}' pack "
            f"into {counted(word_count(channels), 'word')}"
        )
