"""A dense layer takes flattened images as they lie, and its weights change places instead.

    x (N, H, W, C) -> tfl.transpose (0,3,1,2) -> tfl.reshape (N, C*H*W) -> tfl.fully_connected
=>
    x (N, H, W, C) -> tfl.reshape (N, H*W*C) -> tfl.fully_connected (weights reordered)

torch flattens channel by channel, LiteRT's images lie pixel by pixel. Between stand at most ops on
single values, such as a sign.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import quant_of, tensor_type
from bnn_lab.convert.ir.tfl_dialect import Const, TflOp, constant, is_tfl, name_of, producer
from bnn_lab.convert.rewrite.base import Fact, Pass
from bnn_lab.convert.rewrite.build import shape_of, with_operands
from bnn_lab.convert.rewrite.layout import order_of
from bnn_lab.convert.rewrite.pointwise import ON_SINGLE_VALUES


class _Match(NamedTuple):
    source: SSAValue
    links: list[TflOp]  # from the transpose's reader to what the layer reads
    places: NDArray[np.intp]  # for each value of the source, where it was


class PermuteDense(Pass):
    """TRANSPOSE, RESHAPE, FULLY_CONNECTED => RESHAPE, FULLY_CONNECTED."""

    name = "permute_dense"
    summary = "a dense layer reads images in their own order, with its weights reordered"
    needs = (Fact.CONSTANTS_FOLDED,)

    def check(self, op: Operation) -> _Match | None:
        """Match a dense layer with constant weights after a flattened, transposed image."""
        if not is_tfl(op, "fully_connected") or quant_of(op.operands[0].type) is not None:
            return None
        weights = constant(op.operands[1])
        if weights is None or weights.ndim != 2:
            return None
        links: list[TflOp] = []
        value: Any = op.operands[0]
        while order_of(producer(value)) is None:
            link: Any = producer(value)
            if not is_tfl(link, *ON_SINGLE_VALUES, "reshape") or len(list(value.uses)) != 1:
                return None
            ends = link.operands[:1] if is_tfl(link, "reshape") else link.operands
            moved = [operand for operand in ends if not _is_one_number(operand)]
            if len(moved) != 1:
                return None
            links.append(link)
            value = moved[0]
        first: Any = producer(value)
        order, shape = order_of(first), shape_of(value)
        flat = weights.shape[1]
        flattened = sum(is_tfl(link, "reshape") for link in links) == 1
        if not flattened or order is None or order[0] != 0 or min(shape) < 0:
            return None
        if int(np.prod(shape[1:])) != flat or len(list(value.uses)) != 1:
            return None
        if shape_of(op.operands[0]) != (shape[0], flat):
            return None
        places = np.arange(flat).reshape(shape[1:])
        back = np.argsort([axis - 1 for axis in order[1:]])
        return _Match(first.operands[0], links[::-1], places.transpose(back).reshape(-1))

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Leave the transpose out, reorder the weights."""
        value = match.source
        new_ops: list[Operation] = []
        shape = shape_of(value)
        for link in match.links:
            if is_tfl(link, "reshape"):
                operands = [value, *link.operands[1:]]
                shape = shape_of(link.results[0])
            else:
                operands = [x if _is_one_number(x) else value for x in link.operands]
            result = tensor_type(link.results[0].type.element_type, shape)  # type: ignore[attr-defined]
            new_ops.append(with_operands(link, operands, result, link.tensor_name()))
            value = new_ops[-1].results[0]
        weights = constant(op.operands[1])[:, match.places]
        new_ops.append(Const.of(np.ascontiguousarray(weights), name_of(op.operands[1])))
        operands = [value, new_ops[-1].results[0], *op.operands[2:]]
        new_ops.append(with_operands(op, operands, op.results[0].type, op.tensor_name()))
        rewriter.replace(op, new_ops)
        return f"{weights.shape[1]} inputs keep the order of the image"


def _is_one_number(value: SSAValue) -> bool:
    data = constant(value)
    return data is not None and data.size == 1
