"""Zero padding that is not SAME becomes padding with ones, corrected afterwards.

    bits -> tfl.pad(0) -> tfl.conv_2d(valid, bias) {activation}
=>
    bits -> tfl.padv2(+1) -> tfl.conv_2d(valid, bias) -> tfl.sub(correction) {activation}

Zero is not a binary value, and lq.Bconv2d pads with zeros only as SAME does: causal convolutions
and explicit paddings are something else. Padding with +1 adds, at each output position, the sum of
the filter values that lie on padding: a constant of (1, out_h, out_w, O) floats. Done only where
that constant is no larger than the float filter it helps to get rid of.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.options import Options, OptionsAttr
from bnn_lab.convert.ir.tfl_dialect import (
    Const,
    TflOp,
    constant,
    is_tfl,
    make_tfl,
    name_of,
    producer,
    tensor_names,
)
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal, Role
from bnn_lab.convert.rewrite.binary_values import (
    channel_magnitudes,
    is_binary,
    pad_value,
    pad_widths,
)
from bnn_lab.convert.rewrite.build import shape_of, with_operands


class _Match(NamedTuple):
    pad: TflOp
    correction: NDArray[np.float32]


class CorrectZeroPadding(Pass):
    """PAD 0, CONV_2D valid => PADV2 1, CONV_2D valid, SUB constant."""

    name = "correct_zero_padding"
    summary = "zero padding that is not SAME becomes padding with ones and a constant correction"
    role = Role.PREPARES
    needs = (Fact.BINARY_KNOWN, Fact.LAYERS_IN_FLOAT, Fact.PADDING_IN_FRONT, Fact.SAME_JOINED)
    gives = (Fact.NO_ZERO_PADDING,)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match a valid convolution, binary but for the zeros around its input."""
        if not is_tfl(op, "conv_2d") or op.choice("padding") != "valid":  # type: ignore[attr-defined]
            return None
        conv: Any = op
        pad: Any = producer(conv.operands[0])
        if not is_tfl(pad, "pad", "padv2") or pad_value(pad) != 0 or not is_binary(pad.operands[0]):
            return None
        filters, widths = constant(conv.operands[1]), pad_widths(pad)
        if filters is None or widths is None or filters.ndim != 4 or widths.shape != (4, 2):
            return None
        if channel_magnitudes(filters) is None:
            return None  # binarize_conv says why this filter is not binary
        if widths[0].any() or widths[3].any() or min(shape_of(pad.operands[0])) < 0:
            return Refusal("its zero padding covers batch or channels, or its size is dynamic")
        correction = _correction(conv, filters, widths, shape_of(pad.operands[0]))
        if correction.size > filters.size:
            return Refusal(
                f"its zero padding is not SAME, and correcting it would take {correction.nbytes} "
                f"bytes, more than its float filter ({filters.nbytes})",
                'use padding="same", or pad with ones (a binary value)',
            )
        return _Match(pad, correction)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Pad with ones and subtract what they add."""
        pad, name = match.pad, op.tensor_name()
        one = Const.of(np.float32(1), "one")
        padded = make_tfl(
            "padv2",
            [*pad.operands[:2], one.result],
            [pad.results[0].type],
            OptionsAttr(Options.make("PadV2Options")),
            tensor_names(f"{name_of(pad.results[0])}/ones"),
        )
        conv = with_operands(
            op,
            [padded.results[0], *op.operands[1:]],
            op.results[0].type,
            f"{name}/uncorrected",
            fusedActivationFunction="none",
        )
        correction = Const.of(match.correction, f"{name}/correction")
        correction.result.name_hint = "correction"
        options = Options.make("SubOptions", fusedActivationFunction=op.activation)
        subtract = make_tfl(
            "sub",
            [conv.results[0], correction.result],
            op.result_types,
            OptionsAttr(options),
            op.names,
        )
        rewriter.replace(op, [one, padded, conv, correction, subtract])
        return f"padding with ones, corrected by {match.correction.nbytes} bytes of constants"


def _correction(
    conv: Any, filters: NDArray, widths: NDArray, size: tuple[int, ...]
) -> NDArray[np.float32]:
    """What padding with ones adds to each output, float32 (1, out_h, out_w, O)."""
    outside = np.pad(np.zeros(size[1:3]), [tuple(axis) for axis in widths[1:3]], constant_values=1)
    _, height, width, channels = shape_of(conv.results[0])
    taps = filters.astype(np.float64).sum(axis=3)
    step = conv.option("strideH"), conv.option("strideW")
    gap = conv.option("dilationHFactor"), conv.option("dilationWFactor")
    total = np.zeros((1, height, width, channels))
    for ky in range(taps.shape[1]):
        for kx in range(taps.shape[2]):
            seen = outside[ky * gap[0] :: step[0], kx * gap[1] :: step[1]][:height, :width]
            total += seen[None, :, :, None] * taps[:, ky, kx]
    return total.astype(np.float32)
