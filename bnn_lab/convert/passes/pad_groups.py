"""Groups whose channels do not fill words get more channels.

    x (all ±1, G groups of n channels) -> [tfl.padv2] -> tfl.conv_2d(filter O, kh, kw, n)
=>
    x -> tfl.reshape (.., G, n) -> tfl.padv2(+1) -> tfl.reshape (.., G * m)
      -> [tfl.padv2] -> tfl.conv_2d(filter O, kh, kw, m)                  m = n rounded up to 32

lq.Bconv2d reads each group's channels in whole words. The filter values of new channels come in
pairs of +c and -c, so they add up to zero, at an edge padded with zeros too. With an odd n one
channel is left over; its values alternate from tap to tap, and where their sum over the window is
the same for every pixel (no padding with zeros), the bias makes up for it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import F32, tensor_type
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
    bias_or_zeros,
    channel_magnitudes,
    is_binary,
    pad_value,
    pad_widths,
)
from bnn_lab.convert.rewrite.build import reshape_ops, shape_of, with_operands
from bnn_lab.convert.rewrite.windows import same_pads_nothing
from bnn_lab.reference import WORD_BITS, word_count


class _Match(NamedTuple):
    pad: TflOp | None  # of height and width, in front of the convolution
    groups: int
    filters: NDArray[np.float32]
    bias: NDArray[np.float32]


class PadGroups(Pass):
    """CONV_2D of groups that do not fill words => CONV_2D of groups that do."""

    name = "pad_groups"
    summary = "groups of a binary convolution get channels that cancel, so that they fill words"
    role = Role.PREPARES
    needs = (Fact.BINARY_KNOWN, Fact.LAYERS_IN_FLOAT, Fact.NO_ZERO_PADDING)
    gives = (Fact.WORDS_FILLED,)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match a grouped binary convolution."""
        if not isinstance(op, TflOp) or not is_tfl(op, "conv_2d"):
            return None
        source, filters = op.operands[0], constant(op.operands[1])
        if filters is None or filters.dtype != np.float32 or filters.ndim != 4:
            return None
        channels, in_group = shape_of(source)[-1], filters.shape[3]
        if channels % in_group or channels == in_group or in_group % WORD_BITS == 0:
            return None
        if len(filters) % (channels // in_group) or not is_binary(source):
            return None
        magnitudes, bias = channel_magnitudes(filters), bias_or_zeros(op, len(filters))
        if magnitudes is None or bias is None or min(shape_of(source)) < 0:
            return None
        pad = self._padding(op)
        odd = in_group % 2 == 1
        if odd and not self._pads_with_ones(op, pad, filters):
            return Refusal(
                f"its groups have {in_group} channels, an odd number, and it does not pad with "
                f"ones: {WORD_BITS * word_count(in_group) - in_group} channels that fill the words "
                "cannot cancel at the edge",
                'use padding="same", pad_values=1, or an even number of channels in a group',
            )
        extra = self._extra(filters.shape, magnitudes)
        correction = extra.astype(np.float64).sum(axis=(1, 2, 3))
        return _Match(
            pad,
            channels // in_group,
            np.concatenate([filters, extra], axis=3),
            (bias - correction).astype(np.float32),
        )

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Pad the channels in front of any other padding, and the filter with them."""
        name, pad = op.tensor_name(), match.pad
        source = op.operands[0] if pad is None else pad.operands[0]
        batch, height, width, channels = shape_of(source)
        in_group, padded = channels // match.groups, match.filters.shape[3]
        apart = tensor_type(F32, (batch, height, width, match.groups, in_group))
        wider = tensor_type(F32, (batch, height, width, match.groups, padded))
        joined = tensor_type(F32, (batch, height, width, match.groups * padded))
        new_ops = reshape_ops(source, apart, f"{name}/groups")
        widths = np.zeros((5, 2), np.int32)
        widths[4, 1] = padded - in_group
        paddings, one = Const.of(widths, f"{name}/channels"), Const.of(np.float32(1), "one")
        paddings.result.name_hint, one.result.name_hint = "paddings", "one"
        filled = make_tfl(
            "padv2",
            [new_ops[-1].results[0], paddings.result, one.result],
            [wider],
            OptionsAttr(Options.make("PadV2Options")),
            tensor_names(f"{name}/filled"),
        )
        new_ops += [paddings, one, filled, *reshape_ops(filled.results[0], joined, f"{name}/words")]
        value = new_ops[-1].results[0]
        if pad is not None:
            shape = (*shape_of(pad.results[0])[:3], match.groups * padded)
            moved = with_operands(
                pad, [value, *pad.operands[1:]], tensor_type(F32, shape), f"{name}/padded"
            )
            new_ops.append(moved)
            value = moved.results[0]
        filters = Const.of(match.filters, name_of(op.operands[1]))
        bias = Const.of(match.bias, f"{name_of(op.operands[1])}/bias")
        filters.result.name_hint, bias.result.name_hint = "filter", "bias"
        operands = [value, filters.result, bias.result]
        conv = with_operands(op, operands, op.results[0].type, name)
        rewriter.replace(op, [*new_ops, filters, bias, conv])
        return f"each of {match.groups} groups got {padded - in_group} channels, to have {padded}"

    @staticmethod
    def _padding(op: TflOp) -> TflOp | None:
        """A padding of height and width with a binary value, to be kept after that of channels."""
        pad: Any = producer(op.operands[0])
        if not is_tfl(pad, "pad", "padv2") or pad_value(pad) not in (1.0, -1.0):
            return None
        widths = pad_widths(pad)
        return None if widths is None or widths.shape != (4, 2) or widths[3].any() else pad

    @staticmethod
    def _pads_with_ones(op: TflOp, pad: TflOp | None, filters: NDArray) -> bool:
        """Whether all that the convolution itself or `pad` adds is +1, or nothing is added."""
        if pad is not None and pad_value(pad) != 1.0:
            return False
        _, height, width, _ = shape_of(op.operands[0])
        stride = op.option("strideH"), op.option("strideW")
        dilation = op.option("dilationHFactor"), op.option("dilationWFactor")
        kernel = filters.shape[1], filters.shape[2]
        return op.choice("padding") == "valid" or same_pads_nothing(
            (height, width), kernel, stride, dilation
        )

    @staticmethod
    def _extra(shape: tuple[int, ...], magnitudes: NDArray[np.float32]) -> NDArray[np.float32]:
        """Filter values of the new channels, for inputs of +1."""
        count, kernel_h, kernel_w, in_group = shape
        added = WORD_BITS * word_count(in_group) - in_group
        signs = np.ones((kernel_h * kernel_w, added), np.float32)
        signs[:, 1::2] = -1
        if added % 2:
            signs[1::2, -1] = -1
        extra = magnitudes[:, None, None, None] * signs.reshape(kernel_h, kernel_w, added)
        return extra.astype(np.float32).reshape(count, kernel_h, kernel_w, added)
