"""What counts as a number where one is asked for: neither True nor text, an array or NaN."""

from __future__ import annotations

import sys
from numbers import Integral, Real
from typing import Any


def is_number(value: Any) -> bool:
    """Whether it is a finite real number, of Python or NumPy."""
    if not isinstance(value, Real) or isinstance(value, bool):
        return False
    number: Any = value
    return bool(abs(number) <= sys.float_info.max)


def is_integer(value: Any) -> bool:
    """Whether it is an integer, of Python or NumPy."""
    return isinstance(value, Integral) and not isinstance(value, bool)
