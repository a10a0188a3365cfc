"""Short views of a converter's IR text."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bnn_lab.errors import InputError


def op_counts(ir_text: str) -> dict[str, int]:
    """How often each op occurs in an IR text, constants left out.

    Args:
        ir_text: from `bnn_lab.convert.ir_text` or a `ConversionTrace`.

    Returns:
        Op name to count, most frequent first.

    Raises:
        InputError: it is not IR.
    """
    counts = Counter(line.op for line in _lines(ir_text))
    return dict(counts.most_common())


def ops_between(ir_text: str, after: str, through: str) -> str:
    """The ops from one layer's result to the next one's, one a line, with their result type.

    Args:
        ir_text: from `bnn_lab.convert.ir_text` or a `ConversionTrace`.
        after: name of the layer whose result is the start; its ops are not listed.
        through: name of the layer whose result is the end.

    Returns:
        Lines such as ``lq.Bconv2d    -> 1x8x8x128xf32``; constants are left out.

    Raises:
        InputError: the text has no op of one of the layers, or not in this order.
    """
    lines = _lines(ir_text)
    first = _last_of_layer(lines, after)
    last = _last_of_layer(lines, through)
    if last <= first:
        raise InputError(f"ops_between: layer '{through}' does not come after '{after}'.")
    return "\n".join(f"{line.op:<13} -> {line.type}" for line in lines[first + 1 : last + 1])


@dataclass(frozen=True)
class _Line:
    op: str
    result: str  # the value's name, without the number that tells equal names apart
    type: str  # 1x8x8x4xi32


def _lines(ir_text: str) -> list[_Line]:
    """The ops that compute, in order."""
    from bnn_lab.convert import parse_ir
    from bnn_lab.convert.ir.tfl_dialect import Const, LabOp, NoValue

    found = []
    for op in parse_ir(ir_text).walk():
        if isinstance(op, LabOp) and not isinstance(op, Const | NoValue) and op.results:
            result = op.results[0]
            type_ = str(result.type).removeprefix("tensor<").removesuffix(">").split(",")[0]
            found.append(_Line(op.name, result.name_hint or "", type_))
    return found


def _last_of_layer(lines: list[_Line], layer: str) -> int:
    found = [at for at, line in enumerate(lines) if line.result.startswith(layer)]
    if not found:
        names = ", ".join(line.result for line in lines)
        raise InputError(f"the IR has no op of layer '{layer}'; its results are {names}.")
    return found[-1]
