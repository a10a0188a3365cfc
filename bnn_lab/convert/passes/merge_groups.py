"""Convolutions of the parts of an image become one of as many groups.

    x -> tfl.split -> a, b;  a -> tfl.conv_2d,  b -> tfl.conv_2d -> tfl.concatenation
=>
    x -> tfl.conv_2d, whose filter has as many channels as a part

Keras cannot train grouped convolutions on a CPU, so models spell them out. As one op the image is
neither cut nor put together: in MeliusNet22 that is a fifth of the stem's time. Each channel is the
same sum in the same order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import IntAttr, f32
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.tfl_dialect import Const, TflOp, constant, is_tfl, name_of, producer
from bnn_lab.convert.rewrite.base import Fact, Pass
from bnn_lab.convert.rewrite.build import shape_of, with_operands

_GROUPED = 6  # version of CONV_2D whose filter may have fewer channels than the image


class _Match(NamedTuple):
    image: SSAValue
    convs: list[TflOp]
    constants: list[NDArray]  # filter, and bias if there is one


class MergeGroups(Pass):
    """SPLIT, CONV_2D of each part, CONCATENATION => CONV_2D."""

    name = "merge_groups"
    summary = "float convolutions of an image's parts become one of as many groups"
    needs = (Fact.CONVS_ARE_BINARY, Fact.CONSTANTS_FOLDED)

    def check(self, op: Operation) -> _Match | None:
        """Match the concatenation."""
        if not is_tfl(op, "concatenation") or op.activation != "none":  # type: ignore[attr-defined]
            return None
        convs: list[Any] = [producer(part) for part in op.operands]
        if len(convs) < 2 or len({*convs}) < len(convs) or not all(map(_convolves_alone, convs)):
            return None
        split: Any = producer(convs[0].operands[0])
        if not is_tfl(split, "split") or not _is_last_axis(op, split):
            return None
        # Each part goes to the convolution in its place, and to nothing else.
        parts = [conv.operands[0] for conv in convs]
        if parts != list(split.results) or not all(part.has_one_use() for part in parts):
            return None
        if any(conv.options != convs[0].options for conv in convs):
            return None
        constants = _joined(convs)
        return None if constants is None else _Match(split.operands[1], convs, constants)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Let one convolution read the whole image."""
        first = match.convs[0]
        new_ops: list[Operation] = []
        operands = [match.image]
        for value, old in zip(match.constants, first.operands[1:], strict=False):
            new_ops.append(Const.of(value, f"{name_of(old)}/groups"))
            operands.append(new_ops[-1].results[0])
        conv = with_operands(first, operands, op.results[0].type, op.tensor_name())
        conv.version = IntAttr(_GROUPED)
        rewriter.replace(op, [*new_ops, conv])
        return f"one convolution of {len(match.convs)} groups"


def _convolves_alone(op: Any) -> bool:
    """A float convolution with constant weights, of which only one op reads the result."""
    if not is_tfl(op, "conv_2d") or not op.results[0].has_one_use():
        return False
    result = op.results[0].type
    return (
        result.element_type == f32
        and len(shape_of(op.results[0])) == 4
        and all(constant(value) is not None for value in op.operands[1:])
    )


def _is_last_axis(joined: Any, split: Any) -> bool:
    axis = constant(split.operands[0])
    found = None if axis is None or axis.size != 1 else int(axis.item())
    return found in (3, -1) and joined.option("axis") in (3, -1)


def _joined(convs: list[Any]) -> list[NDArray] | None:
    """Filters, and biases, one after the other; None if they are not alike."""
    lists = [[constant(value) for value in conv.operands[1:]] for conv in convs]
    first = lists[0]
    if any(len(found) != len(first) for found in lists):
        return None
    if any(a.shape != b.shape for found in lists for a, b in zip(first, found, strict=True)):
        return None
    # A part that is a group already would make groups of groups.
    if any(shape_of(conv.operands[0])[3] != conv.operands[1].type.get_shape()[3] for conv in convs):
        return None
    return [np.concatenate(values) for values in zip(*lists, strict=True)]
