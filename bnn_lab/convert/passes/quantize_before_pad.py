"""Padding works on bits.

    x -> tfl.pad or tfl.padv2 (value v) -> lq.Quantize
=>
    x -> lq.Quantize -> tfl.padv2 (words of sign(v))

The sign of a padded value is the padded sign; +1 is a word of zeros. Words of -1 are all ones, so
they need a number of channels that fills its words.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import F32
from bnn_lab.convert.ir.lq_dialect import Quantize
from bnn_lab.convert.ir.options import Options, OptionsAttr
from bnn_lab.convert.ir.tfl_dialect import Const, TflOp, is_tfl, make_tfl, producer
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal
from bnn_lab.convert.rewrite.binary_values import pad_value, pad_widths
from bnn_lab.convert.rewrite.build import quantize_of, shape_of
from bnn_lab.reference import WORD_BITS


class _Match(NamedTuple):
    pad: TflOp
    word: np.int32


class QuantizeBeforePad(Pass):
    """PAD, Quantize => Quantize, PADV2 of words."""

    name = "quantize_before_pad"
    summary = "lq.Quantize moves in front of padding, which then pads words"
    needs = (Fact.CONVS_ARE_BINARY, Fact.SCALES_JOINED)
    gives = (Fact.QUANTIZES_MOVED,)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match a quantize of padded values."""
        if not isinstance(op, Quantize):
            return None
        pad: Any = producer(op.input)
        if not is_tfl(pad, "pad", "padv2"):
            return None
        if pad.operands[0].type.element_type != F32:
            return Refusal("it pads quantized values")
        value, widths = pad_value(pad), pad_widths(pad)
        if value is None or widths is None or np.isnan(value):
            return Refusal("its padding is computed at run time")
        if widths[-1].any():
            return Refusal("it pads the channels, which are packed into words")
        channels = shape_of(op.input)[-1]
        if value < 0 and channels % WORD_BITS:
            return Refusal(
                f"it pads with a negative value, and {channels} channels do not fill their words",
                f"make the number of channels a multiple of {WORD_BITS}, or pad with ones",
            )
        return _Match(pad, np.int32(-1 if value < 0 else 0))

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Quantize the source, pad the words."""
        pad = match.pad
        quantize = quantize_of(pad.operands[0])
        word = Const.of(match.word, f"{op.tensor_name()}/word")
        padded = make_tfl(
            "padv2",
            [quantize.output, pad.operands[1], word.result],
            [op.output.type],
            OptionsAttr(Options.make("PadV2Options")),
            op.names,
        )
        rewriter.replace(op, [quantize, word, padded])
        return f"words of {'-1' if match.word else '+1'} are padded"
