"""A transpose and its inverse around ops on single values cancel.

    x -> tfl.transpose (0,3,1,2) -> tfl.select_v2(1, -1) -> tfl.transpose (0,2,3,1)
=>
    x -> tfl.select_v2(1, -1)

Files made of PyTorch models hold them: torch puts channels first, LiteRT's convolutions last,
and the exporter changes sides around ops that it cannot turn. In between, a sign would pack
neighboring pixels instead of channels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab._words import counted
from bnn_lab.convert.ir.attributes import quant_of, tensor_type
from bnn_lab.convert.ir.tfl_dialect import Const, TflOp, constant, is_tfl, name_of, producer
from bnn_lab.convert.rewrite.base import Fact, Pass
from bnn_lab.convert.rewrite.build import shape_of, with_operands
from bnn_lab.convert.rewrite.layout import order_of
from bnn_lab.convert.rewrite.pointwise import ON_SINGLE_VALUES


class _Match(NamedTuple):
    order: list[int]
    ops: list[TflOp]  # between the transposes, each after those whose results it reads
    sources: dict[SSAValue, SSAValue]  # result of a first transpose to what it reads


class CancelTransposes(Pass):
    """TRANSPOSE, ops on single values, TRANSPOSE back => the ops."""

    name = "cancel_transposes"
    summary = "a transpose and its inverse around ops on single values are left out"
    needs = (Fact.CONSTANTS_FOLDED,)

    def check(self, op: Operation) -> _Match | None:
        """Match the second transpose."""
        order = order_of(op)
        if order is None:
            return None
        found: set[TflOp] = set()
        sources: dict[SSAValue, SSAValue] = {}
        stack = [op.operands[0]]
        while stack:
            value = stack.pop()
            maker: Any = producer(value)
            if maker in found:
                continue
            first = order_of(maker)
            if first is not None:
                if [first[axis] for axis in order] != list(range(len(order))):
                    return None
                sources[value] = maker.operands[0]
                continue
            if constant(value) is not None:
                if constant(value).size != 1 and constant(value).ndim != len(order):
                    return None
                continue
            if not is_tfl(maker, *ON_SINGLE_VALUES) or quant_of(value.type) is not None:
                return None
            if len(shape_of(value)) != len(order):
                return None
            found.add(maker)
            stack += maker.operands
        inside = {*found, op}
        shared = any(use.operation not in inside for link in found for use in link.results[0].uses)
        if shared or not sources or op.parent is None:
            return None
        ops = [link for link in op.parent.ops if link in found]
        return _Match(order, ops, sources)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Do the same to the values where they were."""
        known = dict(match.sources)
        new_ops: list[Operation] = []
        for link in match.ops:
            for operand in link.operands:
                if operand in known:
                    continue
                data = constant(operand)
                known[operand] = operand
                if data.size != 1:
                    moved = np.ascontiguousarray(data.transpose(match.order))
                    new_ops.append(Const.of(moved, name_of(operand)))
                    known[operand] = new_ops[-1].results[0]
            old = shape_of(link.results[0])
            shape = tuple(old[axis] for axis in match.order)
            result = tensor_type(link.results[0].type.element_type, shape)  # type: ignore[attr-defined]
            operands = [known[operand] for operand in link.operands]
            new_ops.append(with_operands(link, operands, result, link.tensor_name()))
            known[link.results[0]] = new_ops[-1].results[0]
        rewriter.replace(op, new_ops, [known[op.operands[0]]])
        return f"channels stay last through {counted(len(match.ops), 'op')}"
