"""What depends on constants alone is computed now.

    tfl.const -> tfl.sign -> tfl.add(0.1) -> tfl.sign -> tfl.transpose -> reader
=>
    tfl.const -> reader

TensorFlow's converter does so itself, but gives up on large constants: it leaves the quantizer of a
kernel of some ten million weights (the dense layers of AlexNet) to be run with every image.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import F32
from bnn_lab.convert.ir.tfl_dialect import Const, TflOp, constant, is_tfl
from bnn_lab.convert.rewrite.base import Fact, Pass
from bnn_lab.convert.rewrite.build import shape_of

_EVALUATORS: dict[str, Callable[..., NDArray]] = {
    "sign": np.sign,
    "abs": np.abs,
    "neg": np.negative,
    "relu": lambda x: np.maximum(x, np.float32(0)),
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "transpose": lambda x, order: np.transpose(x, order.reshape(-1)),
    "reshape": lambda x, shape: np.reshape(x, shape.reshape(-1)),
    "mean": lambda x, axes: np.mean(x, axis=tuple(axes.reshape(-1)), keepdims=True),
}


class _Match(NamedTuple):
    operands: list[NDArray]


class FoldConstants(Pass):
    """An op of float constants => its value."""

    name = "fold_constants"
    summary = "ops on constants alone become constants, such as the quantizer of a large kernel"
    gives = (Fact.CONSTANTS_FOLDED,)

    def check(self, op: Operation) -> _Match | None:
        """Match an op whose operands are all known."""
        if not isinstance(op, TflOp) or not is_tfl(op, *_EVALUATORS) or op.activation != "none":
            return None
        operands = [constant(operand) for operand in op.operands]
        known = [operand for operand in operands if operand is not None]
        if not known or len(known) != len(operands) or known[0].dtype != np.float32:
            return None
        result: Any = op.results[0].type
        if result.element_type != F32 or min(shape_of(op.results[0]), default=0) < 0:
            return None
        return _Match(known)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Evaluate in float32."""
        values = _EVALUATORS[op.MNEMONIC](*match.operands)
        values = np.ascontiguousarray(values.reshape(shape_of(op.results[0])), np.float32)
        folded = Const.of(values, op.tensor_name())
        folded.result.name_hint = op.results[0].name_hint
        rewriter.replace(op, folded)
        return f"{values.size} values computed in advance"
