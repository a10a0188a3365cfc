"""Says of every multiply-accumulate op that stays float why it does. Changes nothing.

Convolutions are the subjects of passes that explain their own refusals; this one speaks for dense
layers that are not binary and for op types that have no binary counterpart.
"""

from __future__ import annotations

from typing import Any

from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.tfl_dialect import TflOp, constant, is_tfl, name_of
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal, Role
from bnn_lab.convert.rewrite.binary_values import channel_magnitudes, is_binary

# Op -> (what it is, position of the input among its operands, of the filter).
_SUBJECTS = {
    "fully_connected": ("a dense layer", 0, 1),
    "conv_3d": ("a 3-D convolution", 0, 1),
    "conv_3d_transpose": ("a transposed 3-D convolution", 2, 1),
    "batch_matmul": ("a matrix product", 0, 1),
}


class ExplainFloatOps(Pass):
    """Refusals for op types without a binary counterpart."""

    name = "explain_float_ops"
    summary = "says why each remaining dense, locally connected or 3-D layer stays float"
    role = Role.PREPARES
    needs = (Fact.CONVS_ARE_BINARY, Fact.FILTERS_ARE_FLOAT)

    def check(self, op: Operation) -> Refusal | None:
        """Refuse, with the reason, every subject."""
        if not isinstance(op, TflOp) or not is_tfl(op, *_SUBJECTS):
            return None
        what, source_at, filter_at = _SUBJECTS[op.MNEMONIC]
        source: Any = op.operands[source_at]
        filters = constant(op.operands[filter_at])
        if not is_binary(source):
            return Refusal(
                f"it is {what} and its input '{name_of(source)}' is not binary",
                'use input_quantizer="ste_sign" if it should be binary',
            )
        if filters is not None:
            magnitudes = channel_magnitudes(filters) if filters.ndim > 1 else None
            if magnitudes is None:
                return Refusal(
                    f"it is {what} with a binary input but a filter that is not binary",
                    'use kernel_quantizer="ste_sign"',
                )
        return Refusal(
            f"it is {what} on binary values, for which there is no binary kernel; it computes in "
            "float, with the same result"
        )

    def rewrite(self, op: Any, match: Any, rewriter: PatternRewriter) -> str:
        """Never called: `check` returns no match."""
        raise NotImplementedError
