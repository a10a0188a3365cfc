"""Binary kernels of float layers are stored as int8.

    tfl.conv_2d(x, filter = 0 or ±c per output channel, float)
=>
    tfl.conv_2d(x, tfl.dequantize(filter = 0 or ±1, int8 with scale c per channel))

A layer whose input is not binary computes in float, but its kernel needs no 32 bits a weight. The
runtime dequantizes a constant once, when the model is loaded, so inference is as fast as before.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.dialects.builtin import IntAttr
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import I8, QuantParams, tensor_type
from bnn_lab.convert.ir.tfl_dialect import Const, constant, make_tfl, name_of, tensor_names
from bnn_lab.convert.rewrite.base import Fact, Pass
from bnn_lab.convert.rewrite.build import with_operands
from bnn_lab.convert.rewrite.layer_ops import layer_op

_SUBJECTS = ("conv_2d", "depthwise_conv_2d", "fully_connected")
_WORTH_IT = 1024  # weights; below, one more op takes as many bytes as are saved


class _Match(NamedTuple):
    levels: NDArray[np.int8]
    scales: NDArray[np.float32]
    axis: int


class ShrinkFilters(Pass):
    """Float filters of few levels => int8 filters and DEQUANTIZE."""

    name = "shrink_filters"
    summary = "binary and ternary kernels of float layers are stored as int8"
    needs = (Fact.CONVS_ARE_BINARY,)
    ends = (Fact.FILTERS_ARE_FLOAT,)

    def check(self, op: Operation) -> _Match | None:
        """Match a float layer whose kernel has one magnitude per output channel."""
        where = layer_op(op, *_SUBJECTS)
        if where is None:
            return None
        axis = where.axis
        filters = constant(op.operands[1])
        if filters is None or filters.dtype != np.float32 or filters.size < _WORTH_IT:
            return None
        if filters.ndim <= axis or not np.all(np.isfinite(filters)):
            return None
        others = tuple(other for other in range(filters.ndim) if other != axis)
        scales = np.abs(filters).max(axis=others, keepdims=True)
        levels = np.sign(filters)
        if not np.array_equal(levels * scales, filters):
            return None
        scales = np.where(scales == 0, np.float32(1), scales)
        return _Match(levels.astype(np.int8), scales.reshape(-1), axis)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Store levels and scales apart."""
        name = name_of(op.operands[1])
        scales = tuple(float(scale) for scale in match.scales)
        quant = QuantParams(scales, (0,) * len(scales), match.axis)
        stored = tensor_type(I8, match.levels.shape, quant)
        levels = Const.of(match.levels, name, stored)
        real = make_tfl(
            "dequantize", [levels.result], [op.operands[1].type], names=tensor_names(f"{name}/real")
        )
        real.properties["version"] = IntAttr(5)  # the first that reads scales per channel
        levels.result.name_hint, real.results[0].name_hint = "levels", "filter"
        operands = [op.operands[0], real.results[0], *op.operands[2:]]
        layer = with_operands(op, operands, op.results[0].type, op.tensor_name())
        rewriter.replace(op, [levels, real, layer])
        return f"{4 * match.levels.size} bytes became {match.levels.size}"
