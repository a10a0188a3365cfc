"""Filters that would be ±c but for rounding are ±c.

    tfl.const {0.02, -0.01999999, 0.02, ...} -> tfl.conv_2d
=>
    tfl.const {0.02, -0.02, 0.02, ...} -> tfl.conv_2d

A straight-through estimator often computes ``(c * sign(w) - w).detach() + w``, in TensorFlow with
``tf.stop_gradient``, whose values miss ±c by roundings.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.tfl_dialect import Const, constant, name_of
from bnn_lab.convert.rewrite.base import Fact, Pass
from bnn_lab.convert.rewrite.binary_values import channel_magnitudes
from bnn_lab.convert.rewrite.build import with_operands
from bnn_lab.convert.rewrite.layer_ops import LAYER_OPS, layer_op

# Twenty times what rounding does to c = 0.1 and weights up to 1; no training comes so near.
_ROUNDING = 1e-5


class _Match(NamedTuple):
    at: int
    values: NDArray[np.float32]


class EvenFilters(Pass):
    """A constant filter of nearly one magnitude a channel => of one."""

    name = "even_filters"
    summary = "filters that miss ±c by a rounding are made ±c"
    needs = (Fact.CONSTANTS_FOLDED,)

    def check(self, op: Operation) -> _Match | None:
        """Match a layer with such a filter."""
        layer = layer_op(op, *LAYER_OPS)
        if layer is None:
            return None
        values = constant(op.operands[layer.filter])
        if values is None or values.dtype != np.float32 or values.ndim < 2:
            return None
        by_channel = np.moveaxis(values, layer.axis, 0)
        if channel_magnitudes(by_channel) is not None:
            return None
        size = np.abs(by_channel.reshape(len(by_channel), -1))
        if not np.all(np.isfinite(size)):
            return None
        low, high = size.min(axis=1), size.max(axis=1)
        if np.any(high - low > _ROUNDING * high):
            return None
        even = np.float32((low + high) / 2).reshape(-1, *[1] * (values.ndim - 1))
        made = np.where(by_channel < 0, -even, even)
        return _Match(layer.filter, np.ascontiguousarray(np.moveaxis(made, 0, layer.axis)))

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Read another constant."""
        filters = Const.of(match.values, name_of(op.operands[match.at]))
        operands = list(op.operands)
        operands[match.at] = filters.result
        read = with_operands(op, operands, op.results[0].type, op.tensor_name())
        rewriter.replace(op, [filters, read])
        return "its filter is ±c but for roundings, which are taken away"
