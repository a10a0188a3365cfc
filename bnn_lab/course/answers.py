"""In the kernel that runs a student's notebook: answers to what the kernel of the checks asks.

Nothing here is secret and nothing is protected: student code may replace all of it, and then it is
the student's own answers that are wrong.
"""

from __future__ import annotations

import builtins
import contextlib
import io
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from bnn_lab.course.wire import Unsendable, pack, unpack
from bnn_lab.lessons.checks.feedback import NotYet, silence

MIME = "application/x-bnn-lab"
FUNCTION, VALUE, MISSING = "function", "value", "missing"


class Reply:
    """Text for the kernel of the checks; no notebook shows it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {MIME: self._text}


def call(namespace: Mapping[str, Any], name: str, arguments: str) -> Reply:
    """Call a function of the notebook.

    Args:
        namespace: the notebook's names.
        name: of the function.
        arguments: positional and named ones, packed.

    Returns:
        ``{"result": ...}`` or ``{"error": [name, text, names of built-in base classes]}``, packed.
    """

    def action() -> Any:
        positional, named = unpack(arguments, namespace)
        if name not in namespace:
            raise NameError(f"name '{name}' is not defined")
        return namespace[name](*positional, **named)

    return _answer(action, f"{name} returns something that no check can look at: ")


def look_up(namespace: Mapping[str, Any], names: list[str]) -> Reply:
    """What names of the notebook stand for.

    Args:
        namespace: the notebook's names.
        names: those wanted.

    Returns:
        For each a pair, packed: "function"; "value" and the value as `call` gives results;
        "missing".
    """
    found: dict[str, Any] = {}
    for name in names:
        if name not in namespace:
            found[name] = (MISSING, None)
        elif callable(namespace[name]):
            found[name] = (FUNCTION, None)
        else:
            found[name] = (
                VALUE,
                _outcome(partial(namespace.get, name), f"{name} cannot be sent: "),
            )
    return Reply(pack(found))


def _answer(action: Callable[[], Any], unfit: str) -> Reply:
    return Reply(pack(_outcome(action, unfit)))


def _outcome(action: Callable[[], Any], unfit: str) -> dict[str, Any]:
    try:
        with silence(), contextlib.redirect_stdout(io.StringIO()):
            result = action()
        pack(result)
    except Unsendable as error:
        text = f"{unfit}{error}. Numbers, strings, lists, tuples, dictionaries and arrays can be."
        return {"error": (NotYet.__name__, text, [])}
    except (Exception, SystemExit) as error:  # whatever a student's code raises
        bases = [k.__name__ for k in type(error).__mro__ if getattr(builtins, k.__name__, 0) is k]
        return {"error": (type(error).__name__, str(error)[:2000], bases)}
    return {"result": result}
