"""larq's sign becomes a bitpacking quantize.

    x -> tfl.sign -> tfl.add(c) -> tfl.sign      with a constant 0 < c < 1
=>
    x -> lq.Quantize -> lq.Dequantize

larq writes sign(sign(x) + 0.1) so that sign(0) is +1. The inner sign is -1, 0 or +1; the sum must
come out negative, positive, positive, which holds exactly for 0 < c < 1. Any other sum (ternary
quantizers add a second sign) is something else.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import F32, I32, tensor_type
from bnn_lab.convert.ir.lq_dialect import Dequantize, Quantize
from bnn_lab.convert.ir.tfl_dialect import constant, is_tfl, name_of, producer, tensor_names
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal
from bnn_lab.reference import word_count


class _Match(NamedTuple):
    source: SSAValue


class RecognizeSign(Pass):
    """SIGN, ADD c, SIGN => lq.Quantize, lq.Dequantize."""

    name = "recognize_sign"
    summary = "larq's sign(sign(x) + 0.1) becomes lq.Quantize + lq.Dequantize"
    needs = (Fact.CONSTANTS_FOLDED, Fact.FLOAT_SUMS)
    gives = (Fact.SIGNS_KNOWN, Fact.BINARY_KNOWN)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match the outer sign."""
        if not is_tfl(op, "sign") or _is_inner(op):
            return None
        type_: Any = op.results[0].type
        if type_.element_type != F32:
            return Refusal(f"it works on {type_.element_type}, not on float32")
        total: Any = producer(op.operands[0])
        if not is_tfl(total, "add"):
            return _not_larqs_sign(op)
        inner, shift = _split(total)
        if inner is None:
            return Refusal(
                "it is the sign of a sum that holds no other sign",
                'use input_quantizer="ste_sign", whose zero is +1',
            )
        if shift is None:
            return Refusal(
                "it adds two computed values, as ternary quantizers do: the result has zeros",
                "use a binary quantizer such as ste_sign",
            )
        if not np.all((shift > 0) & (shift < 1)):
            return Refusal(
                f"it adds {shift.min():.6g} to {shift.max():.6g} to a sign; only values between 0 "
                "and 1 (both excluded) make a binary sign",
                'use input_quantizer="ste_sign"',
            )
        source = inner.operands[0]
        if total.activation != "none" or source.type != type_:
            return Refusal("its sum has a fused activation or broadcasts to another shape")
        if type_.get_num_dims() == 0:
            return Refusal("its input is a scalar, which has no channels to pack")
        if type_.get_shape()[-1] < 0:
            return Refusal("its number of channels is dynamic", "fix the input's shape")
        return _Match(source)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Replace the outer sign; the inner ops die unless someone else reads them."""
        type_ = op.results[0].type
        *outer, channels = type_.get_shape()
        words = tensor_type(I32, (*outer, word_count(channels)))
        name = op.tensor_name()
        quantize = Quantize.build(
            operands=[match.source],
            result_types=[words],
            properties={"names": tensor_names(f"{name}/bits")},
        )
        dequantize = Dequantize.build(
            operands=[quantize.output],
            result_types=[type_],
            properties={"names": tensor_names(name)},
        )
        quantize.output.name_hint = "bits"
        rewriter.replace(op, [quantize, dequantize])
        count = word_count(channels)
        return f"{channels} channels of '{name_of(match.source)}' pack into {count} word(s)"


def _is_inner(op: Operation) -> bool:
    """A sign that only feeds sums whose sign is taken: the outer one speaks for it."""
    return all(_is_summed_and_signed(use.operation) for use in op.results[0].uses)


def _is_summed_and_signed(total: Operation) -> bool:
    if not is_tfl(total, "add"):
        return False
    readers = [use.operation for use in total.results[0].uses]
    # No reader: the outer sign has just been replaced.
    return not readers or any(is_tfl(reader, "sign") for reader in readers)


def _split(total: Any) -> tuple[Any, Any]:
    """(inner sign op, constant addend) of a sum, None for what is absent."""
    signs = [producer(value) for value in total.operands if is_tfl(producer(value), "sign")]
    shifts = [shift for value in total.operands if (shift := constant(value)) is not None]
    return (signs[0] if signs else None), (shifts[0] if shifts else None)


def _not_larqs_sign(op: Operation) -> Refusal:
    source = producer(op.operands[0])
    if is_tfl(source, "relu", "relu6", "abs"):
        return Refusal(
            f"it follows {source.name}, so its values are 0 and +1, not -1 and +1",  # type: ignore[union-attr]
            "use a quantizer with values -1 and +1, such as ste_sign",
        )
    return Refusal(
        "it is a plain sign, whose value at 0 is 0; a binary value is -1 or +1",
        'use input_quantizer="ste_sign", whose zero is +1',
    )
