"""Orders of axes."""

from __future__ import annotations

from typing import Any

from bnn_lab.convert.ir.tfl_dialect import constant, is_tfl


def order_of(op: Any) -> list[int] | None:
    """Axes that a transpose reads, in the order of its result; None of any other op.

    Args:
        op: an op, or None.
    """
    if not is_tfl(op, "transpose"):
        return None
    order = constant(op.operands[1])
    return None if order is None else [int(axis) for axis in order.reshape(-1)]
