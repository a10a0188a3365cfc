"""Draws an explorable without a page: its own JavaScript, in an engine inside Python."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any

import quickjs

from bnn_lab.widgets.bundle import engine

_STACK = 1 << 20  # bytes; the default is too little for QuickJS's parser in a thread

# An engine belongs to the thread that made it.
_local = threading.local()


def draw(module: str, state: Mapping[str, Any], width: int = 900) -> str:
    """The first frame of an explorable.

    Args:
        module: name of the file ``js/<module>.js``.
        state: fields of its schema; those that are missing have their defaults.
        width: in pixels; its height follows.

    Returns:
        SVG text on white paper, with what is to be seen as its title.
    """
    return _call(module, "svg", state, width)


def describe(module: str, state: Mapping[str, Any], width: int = 900) -> str:
    """What an explorable says under its drawing.

    Args:
        module: name of the file ``js/<module>.js``.
        state: fields of its schema; those that are missing have their defaults.
        width: width of the drawing that is described.

    Returns:
        One or more sentences.
    """
    return _call(module, "describe", state, width)


def _call(module: str, function: str, state: Mapping[str, Any], width: int) -> str:
    context = _context(module)
    arguments = f"{json.dumps(dict(state))}, {int(width)}"
    # As JSON: the binding does not know the ropes that concatenations leave.
    return str(json.loads(context.eval(f"JSON.stringify(explorable.{function}({arguments}))")))


def _context(module: str) -> Any:
    contexts: dict[str, Any] = _local.__dict__.setdefault("contexts", {})
    if module not in contexts:
        context = quickjs.Context()
        context.set_max_stack_size(_STACK)
        context.eval(engine(module))
        contexts[module] = context
    return contexts[module]
