"""Says of every multiply-accumulate op that stays float why it does. Changes nothing.

Convolutions are the subjects of passes that explain their own refusals; this one speaks for dense
layers that are not binary and for op types that have no binary counterpart.
"""

from __future__ import annotations

from typing import Any

from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.tfl_dialect import TflOp, constant, is_tfl
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal, Role
from bnn_lab.convert.rewrite.layer_ops import layer_op
from bnn_lab.convert.rewrite.reasons import why_float

_SUBJECTS = ("fully_connected", "conv_3d", "conv_3d_transpose", "batch_matmul")


class ExplainFloatOps(Pass):
    """Refusals for op types without a binary counterpart."""

    name = "explain_float_ops"
    summary = "says why each remaining dense, locally connected or 3-D layer stays float"
    role = Role.PREPARES
    needs = (Fact.CONVS_ARE_BINARY, Fact.FILTERS_ARE_FLOAT)

    def check(self, op: Operation) -> Refusal | None:
        """Refuse, with the reason, every subject."""
        layer = layer_op(op, *_SUBJECTS)
        if layer is None or not isinstance(op, TflOp):
            return None
        # Of the others it does not matter: no quantizer would help.
        refusal = why_float(op) if is_tfl(op, "fully_connected") else None
        if refusal is not None:
            return Refusal(f"it is {layer.what}, and {refusal.reason}", refusal.advice)
        computed = is_tfl(op, "batch_matmul") and constant(op.operands[layer.filter]) is None
        given = " of two computed values" if computed else ""
        return Refusal(
            f"it is {layer.what}{given}, for which there is no binary kernel; it computes in "
            "float, with the same result"
        )

    def rewrite(self, op: Any, match: Any, rewriter: PatternRewriter) -> str:
        """Never called: `check` returns no match."""
        raise NotImplementedError
