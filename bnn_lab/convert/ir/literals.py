"""Plain values as they stand in the IR's text: numbers, names, bytes, lists."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.parser import AttrParser

_PLAIN = re.compile(rb'[^"\\\x00-\x1f\x7f-\xff]*')
_WORDS = {"true": True, "false": False, "null": None, "inf": np.inf, "nan": np.nan}


def show(value: Any) -> str:
    """Text of a value: None, bool, number, bytes, or a list or tuple of values.

    A float takes as few digits as tell it from the next float32 (that is what the file format
    holds), a NumPy float as few as tell it from the next one of its type.
    """
    if isinstance(value, list | tuple):
        return f"[{', '.join(show(item) for item in value)}]"
    if value is None:
        return "null"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, float | np.floating):
        return _show_float(value if isinstance(value, np.floating) else np.float32(value))
    if isinstance(value, bytes):
        return f'"{value.decode()}"' if _PLAIN.fullmatch(value) else f'hex "{value.hex()}"'
    return str(value)


def _show_float(value: np.floating) -> str:
    text = str(value)
    if text.endswith(".0"):
        return "-0.0" if text == "-0.0" else text[:-2]
    mantissa, mark, exponent = text.partition("e")
    if mark and "." not in mantissa:
        mantissa += ".0"  # as MLIR's grammar of floats wants it
    return mantissa + mark + exponent


def read(parser: AttrParser, other: Callable[[str], Any] | None = None) -> Any:
    """Invert `show`: the value that comes next.

    Args:
        parser: stands in front of the value.
        other: makes a value that starts with any other word, such as a nested table.

    Returns:
        The value; lists come as tuples, numbers as int or float, not rounded to float32.
    """
    if parser.parse_optional_punctuation("[") is not None:
        items: list[Any] = []
        while parser.parse_optional_punctuation("]") is None:
            if items:
                parser.parse_punctuation(",")
            items.append(read(parser, other))
        return tuple(items)
    if (text := parser.parse_optional_str_literal()) is not None:
        return text.encode()
    if parser.parse_optional_punctuation("-") is not None:
        return -read(parser)
    if (number := parser.parse_optional_number()) is not None:
        return number
    word = parser.parse_identifier()
    if word in _WORDS:
        return _WORDS[word]
    if word == "hex":
        return bytes.fromhex(parser.parse_str_literal())
    if other is None:
        parser.raise_error(f"'{word}' is not a value")
    return other(word)
