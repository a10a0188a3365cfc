"""An explicit zero padding of binary values joins its convolution.

    bits -> tfl.pad(0) -> tfl.conv_2d(valid)
=>
    bits -> tfl.conv_2d(same)

Zero is not a binary value, so a padded tensor could not be bitpacked; SAME padding with zeros is
something a binary convolution can do. Only done for binary inputs, and only where SAME pads
exactly the same.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.options import OptionsAttr
from bnn_lab.convert.ir.tfl_dialect import constant, is_tfl, make_tfl, producer
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal
from bnn_lab.convert.rewrite.binary_values import is_binary, pad_value, pad_widths
from bnn_lab.convert.rewrite.windows import same_padding_mismatch


class _Match(NamedTuple):
    source: SSAValue


class FoldZeroPadding(Pass):
    """PAD 0, CONV_2D valid => CONV_2D same."""

    name = "fold_zero_padding"
    summary = "zero padding in front of a valid convolution of binary values becomes SAME"
    needs = (Fact.BINARY_KNOWN, Fact.LAYERS_IN_FLOAT, Fact.PADDING_IN_FRONT)
    gives = (Fact.SAME_JOINED, Fact.NO_ZERO_PADDING)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match a valid convolution whose binary input is padded with 0."""
        if not is_tfl(op, "conv_2d") or op.choice("padding") != "valid":  # type: ignore[attr-defined]
            return None
        pad: Any = producer(op.operands[0])
        if not is_tfl(pad, "pad", "padv2") or pad_value(pad) != 0 or not is_binary(pad.operands[0]):
            return None
        filters, widths = constant(op.operands[1]), pad_widths(pad)
        if filters is None or widths is None:
            return Refusal("the filter or the padding is computed at run time")
        mismatch = same_padding_mismatch(
            widths,
            pad.operands[0].type.get_shape()[1:3],
            filters.shape[1:3],
            (op.option("strideH"), op.option("strideW")),  # type: ignore[attr-defined]
            (op.option("dilationHFactor"), op.option("dilationWFactor")),  # type: ignore[attr-defined]
        )
        if mismatch:
            return Refusal(
                f"its zero padding is not SAME: {mismatch}",
                'use padding="same", or pad with ones (a binary value)',
            )
        return _Match(pad.operands[0])

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Read the unpadded value."""
        conv = make_tfl(
            "conv_2d",
            [match.source, *op.operands[1:]],
            op.result_types,
            OptionsAttr(op.options.data.replace(padding="same")),
            op.names,
        )
        rewriter.replace(op, conv)
        return "explicit zero padding is SAME padding"
