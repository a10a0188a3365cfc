"""Fields of a flatbuffer, as its Python library reads them, in plain Python types."""

from __future__ import annotations

from typing import Any

import numpy as np


def as_text(name: Any) -> str:
    """A name; bytes that are no UTF-8 are escaped."""
    if isinstance(name, bytes):
        return name.decode("utf-8", "backslashreplace")
    return name or ""


def as_tuple(values: Any) -> tuple[Any, ...]:
    """A vector of numbers, empty if it is absent."""
    return () if values is None else tuple(np.asarray(values).tolist())


def as_list(values: Any) -> list[Any]:
    """A vector of tables, empty if it is absent."""
    return [] if values is None else list(values)
