"""Padding a sequence moves after the reshape that makes an image of it.

    x (1, L, C) -> tfl.pad -> tfl.reshape (1, 1, L', C)
=>
    x (1, L, C) -> tfl.reshape (1, 1, L, C) -> tfl.pad

A one-dimensional convolution runs as a two-dimensional one of height 1. The passes about padding
look for it directly in front of a convolution.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import tensor_type
from bnn_lab.convert.ir.tfl_dialect import Const, TflOp, is_tfl, producer
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal
from bnn_lab.convert.rewrite.binary_values import is_binary, pad_widths
from bnn_lab.convert.rewrite.build import reshape_ops, shape_of, with_operands


class _Match(NamedTuple):
    pad: TflOp
    axes: list[int]  # of the result, where the axes of the padded value end up


class PadAfterReshape(Pass):
    """PAD, RESHAPE with new axes of size 1 => RESHAPE, PAD."""

    name = "pad_after_reshape"
    summary = "padding of binary values moves after a reshape that only adds axes of size 1"
    needs = (Fact.BINARY_KNOWN, Fact.ALL_READ)
    gives = (Fact.PADDING_IN_FRONT,)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match a reshape that alone reads a padding of binary values."""
        if not is_tfl(op, "reshape"):
            return None
        pad: Any = producer(op.operands[0])
        if not is_tfl(pad, "pad", "padv2") or not is_binary(pad.operands[0]):
            return None
        if not pad.results[0].has_one_use() or pad_widths(pad) is None:
            return Refusal("the padded values have other readers, or are padded at run time")
        axes = _axes_kept(shape_of(pad.results[0]), shape_of(op.results[0]))
        return None if axes is None else _Match(pad, axes)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Reshape the unpadded value and pad the result."""
        pad, axes = match
        source = pad.operands[0]
        result: Any = op.results[0].type
        widths = np.zeros((len(result.get_shape()), 2), np.int32)
        widths[axes] = pad_widths(pad)
        unpadded = [1] * len(widths)
        for axis, size in zip(axes, shape_of(source), strict=True):
            unpadded[axis] = size
        between = tensor_type(result.element_type, tuple(unpadded))
        new_ops = reshape_ops(source, between, f"{op.tensor_name()}/reshape", free_batch=False)
        constant = Const.of(widths, f"{op.tensor_name()}/paddings")
        constant.result.name_hint = "paddings"
        operands = [new_ops[-1].results[0], constant.result, *pad.operands[2:]]
        new_ops += [constant, with_operands(pad, operands, result, op.tensor_name())]
        rewriter.replace(op, new_ops)
        return f"the image of rank {len(widths)} is padded instead of the sequence"


def _axes_kept(before: tuple[int, ...], after: tuple[int, ...]) -> list[int] | None:
    """Where each axis of `before` stands in `after`, None if that does not just insert 1s."""
    axes: list[int] = []
    left = list(range(len(after)))
    for size in reversed(before):
        while left and after[left[-1]] != size and after[left[-1]] == 1:
            left.pop()
        if not left or size < 0 or after[left[-1]] != size:
            return None
        axes.insert(0, left.pop())
    return axes if all(after[axis] == 1 for axis in left) else None
