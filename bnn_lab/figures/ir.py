"""Short views of a converter's IR text."""

from __future__ import annotations

import re
from collections import Counter

from bnn_lab.errors import InputError

_OP = re.compile(
    r"^ *%(?P<result>\w+)(?:, %\w+)* = (?P<op>[\w.]+)\(.*?\).*? : tensor<(?P<type>[^,>]*)", re.M
)
# Names that passes give; the printer counts them, so one more shifts all that follow.
_COUNTED = re.compile(r"^(bits|pooled_bits)_\d+$")
_NAME = re.compile(r"%\w+")
_RETURN = re.compile(r"^\s*func\.return .*$", re.M)
# Constants and absent operands only feed other ops.
_QUIET = frozenset({"tfl.const", "tfl.no_value"})


def op_counts(ir_text: str) -> dict[str, int]:
    """How often each op occurs in an IR text, constants left out.

    Args:
        ir_text: from `bnn_lab.convert.ir_text` or a `ConversionTrace`.

    Returns:
        Op name to count, most frequent first.
    """
    counts = Counter(match["op"] for match in _OP.finditer(ir_text))
    return {op: n for op, n in counts.most_common() if op not in _QUIET}


def graph_ops(ir_text: str, *, live: bool = False) -> list[str]:
    """All ops in order, one line each: name, layer and type of the result.

    Args:
        ir_text: from `bnn_lab.convert.ir_text` or a `ConversionTrace`.
        live: leave out ops whose results nothing reads.

    Returns:
        Lines such as ``lq.Bconv2d  conv_2_binary  1x8x8x4xi32``; constants are left out.
    """
    ops = list(_OP.finditer(ir_text))
    if live:
        ops = _live(ops, ir_text)
    return [
        f"{match['op']}  {_COUNTED.sub(lambda found: found[1], match['result'])}  {match['type']}"
        for match in ops
        if match["op"] not in _QUIET
    ]


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
    ops = [match for match in _OP.finditer(ir_text) if match["op"] not in _QUIET]
    first = _last_of_layer(ops, after)
    last = _last_of_layer(ops, through)
    if last <= first:
        raise InputError(f"ops_between: layer '{through}' does not come after '{after}'.")
    return "\n".join(f"{match['op']:<13} -> {match['type']}" for match in ops[first + 1 : last + 1])


def _live(ops: list[re.Match[str]], ir_text: str) -> list[re.Match[str]]:
    """The ops that the results depend on, found from the last line to the first."""
    end = _RETURN.search(ir_text)
    wanted = set(_NAME.findall(end.group())) if end else set()
    found = []
    for match in reversed(ops):
        made, _, rest = match.group().partition(" = ")
        if wanted & set(_NAME.findall(made)):
            wanted |= set(_NAME.findall(rest))
            found.append(match)
    return found[::-1]


def _last_of_layer(ops: list[re.Match[str]], layer: str) -> int:
    found = [i for i, match in enumerate(ops) if match["result"].startswith(layer)]
    if not found:
        names = ", ".join(match["result"] for match in ops)
        raise InputError(f"the IR has no op of layer '{layer}'; its results are {names}.")
    return found[-1]
