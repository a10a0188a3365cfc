"""Values between the kernel of a student and the kernel of the checks: JSON, never pickle.

What the student's side sends is made of Python's own plain types and NumPy arrays, whatever the
code there does: it has no methods that could answer a comparison, and reading it runs nothing.
"""

from __future__ import annotations

import base64
import dataclasses
import importlib
import json
import math
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bnn_lab.errors import BnnLabError, InputError

LONGEST = 32 << 20  # characters of a message
_DEPTH = 100
_PLAIN = (bool, int, float, str)
_DTYPE = re.compile(r"[<>|]?(b1|[iu][1248]|f[248]|f16|c8|c16|c32|[SU][1-9]\d{0,5})")


class Unsendable(BnnLabError):
    """A value that is none of those which can be sent."""


@dataclasses.dataclass(frozen=True)
class Named:
    """A value that the other side has under a name."""

    name: str


def pack(value: Any) -> str:
    """A value as text.

    Args:
        value: None, numbers, strings, bytes, lists, tuples, sets, dictionaries, NumPy arrays and
            what can be turned into one (a TensorFlow tensor), dataclasses of bnn_lab, `Named`.

    Raises:
        Unsendable: there is something else in it, or too much.
    """
    text = json.dumps(_pack(value, 0), separators=(",", ":"))
    if len(text) > LONGEST:
        raise Unsendable(f"it takes more than {LONGEST >> 20} MiB")
    return text


def unpack(text: str, names: Mapping[str, Any] | None = None) -> Any:
    """The value of a text.

    Args:
        text: made by `pack`, or by someone who means harm.
        names: None: the text is not to be trusted. `Named` values are refused, and dataclasses are
            of those that are loaded here. Otherwise: what names stand for.

    Raises:
        InputError: the text was not made by `pack`.
    """
    if len(text) > LONGEST:
        raise InputError(f"a message of more than {LONGEST >> 20} MiB")
    try:
        return _unpack(json.loads(text), names)
    except InputError:
        raise
    except (RecursionError, MemoryError):
        raise InputError("a message that is too large or too deep") from None
    except Exception as error:  # of whatever made it
        raise InputError(f"a message that cannot be read ({type(error).__name__})") from None


def _pack(value: Any, depth: int) -> Any:
    if depth > _DEPTH:
        raise Unsendable(f"it holds lists inside lists, more than {_DEPTH} deep")

    def each(values: Any) -> list[Any]:
        return [_pack(v, depth + 1) for v in values]

    if value is None or type(value) in _PLAIN:
        return value
    if isinstance(value, Named):
        return {"named": value.name}
    if isinstance(value, (np.ndarray, np.generic)):
        return _pack_array(value, each)
    for kind in _PLAIN:  # of an own class
        if isinstance(value, kind):
            return kind(value)
    if isinstance(value, range):
        return {"range": [value.start, value.stop, value.step]}
    for sequence in (list, tuple, set, frozenset):
        if isinstance(value, sequence):
            return {sequence.__name__: each(value)}
    if isinstance(value, Mapping):
        return {"dict": [[_pack(k, depth + 1), _pack(v, depth + 1)] for k, v in value.items()]}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    kind = type(value)
    if dataclasses.is_dataclass(value) and kind.__module__.startswith("bnn_lab."):
        parts = {f.name: getattr(value, f.name) for f in dataclasses.fields(value) if f.init}
        return {"object": [kind.__module__, kind.__qualname__, _pack(parts, depth + 1)]}
    if hasattr(value, "__array__"):
        return _pack(np.asarray(value), depth + 1)
    raise Unsendable(f"it is or holds an object of class {kind.__name__}")


def _pack_array(value: Any, each: Callable[[Any], list[Any]]) -> Any:
    array = np.asarray(value)
    if array.dtype.hasobject:
        return {"objects": [list(array.shape), each(array.ravel().tolist())]}
    if not _DTYPE.fullmatch(array.dtype.str):
        raise Unsendable(f"it is or holds an array of {array.dtype}")
    data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    kind = "array" if isinstance(value, np.ndarray) else "scalar"
    return {kind: [array.dtype.str, list(array.shape), data]}


def _unpack(given: Any, names: Mapping[str, Any] | None) -> Any:
    if not isinstance(given, dict):
        if given is None or type(given) in _PLAIN:
            return given
        raise InputError("a message of unknown form")
    ((kind, content),) = given.items()
    if kind in ("list", "tuple", "set", "frozenset"):
        make = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind]
        return make(_unpack(v, names) for v in content)
    if kind == "dict":
        return {_unpack(k, names): _unpack(v, names) for k, v in content}
    if kind == "range":
        return range(*content)
    if kind == "bytes":
        return base64.b64decode(content)
    if kind == "complex":
        return complex(*content)
    if kind in ("array", "scalar"):
        array = _unpack_array(*content)
        return array if kind == "array" else array[()]
    if kind == "objects":
        shape, values = content
        flat = np.empty(len(values), object)
        flat[:] = [_unpack(v, names) for v in values]
        return flat.reshape(shape)
    if kind == "named" and names is not None:
        return names[content]
    if kind == "object":
        module, name, parts = content
        return _unpack_object(module, name, parts, names)
    raise InputError("a message of unknown form")


def _unpack_array(dtype: str, shape: list[int], data: str) -> Any:
    if not _DTYPE.fullmatch(dtype):
        raise InputError("an array of an unknown kind")
    if math.prod(shape) == 0:
        return np.zeros(shape, dtype)
    return np.frombuffer(base64.b64decode(data), dtype).reshape(shape).copy()


def _unpack_object(module: str, name: str, parts: Any, names: Mapping[str, Any] | None) -> Any:
    if not module.startswith("bnn_lab."):
        raise InputError("an object of an unknown class")
    # What a student's side says must not choose what is loaded.
    place = sys.modules.get(module) if names is None else importlib.import_module(module)
    kind = getattr(place, name, None)
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        raise InputError("an object of an unknown class")
    return kind(**_unpack(parts, names))
