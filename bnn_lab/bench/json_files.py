"""JSON files that say what they are: reports and studies, of this version or another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec

from bnn_lab._files import parse_json
from bnn_lab.errors import InputError
from bnn_lab.measure.host import Host

_Kind = TypeVar("_Kind")


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The content of a file.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:  # a null character in its name
        raise InputError(f"cannot read {str(path)!r}: {error}") from error


class _Named(msgspec.Struct):
    """The field that says what a file is; msgspec would accept a report without it."""

    schema: str | None = None


def schema_of(content: bytes) -> str | None:
    """What a JSON text says it is, None if nothing.

    Raises:
        msgspec.MsgspecError: it is not JSON, or no object.
    """
    try:
        return msgspec.json.decode(content, type=_Named).schema
    except (UnicodeDecodeError, RecursionError) as error:  # which msgspec lets through
        raise msgspec.DecodeError(str(error)) from error


def decode(content: bytes, kind: type[_Kind], schema: str, name: str, what: str, fix: str) -> _Kind:
    """The JSON text of a report or a study.

    Args:
        content: the text.
        kind: what it holds.
        schema: what it must say it is, such as `SCHEMA`.
        name: what to call it in an error.
        what: it should be, such as "benchmark report".
        fix: how to get one.

    Raises:
        InputError: it is something else, or of another version.
    """
    try:
        if schema_of(content) != schema:
            raise msgspec.ValidationError("another schema")
        return msgspec.json.decode(content, type=kind)
    except msgspec.MsgspecError as error:
        raise _unreadable(content, schema, name, what, fix, error) from error


def incomplete(name: str, what: str, problem: str, fix: str) -> InputError:
    """What to raise for a file that says what it is, and is not sound.

    Args:
        name: of the file.
        what: it is, such as "benchmark report".
        problem: what is wrong.
        fix: how to get a sound one.
    """
    return InputError(f"{name} is not a complete {what}: {problem}. Fix: {fix}")


def _unreadable(
    content: bytes, wanted: str, name: str, what: str, fix: str, error: msgspec.MsgspecError
) -> InputError:
    """Why a text is not what it should be, or is of another version."""
    found = parse_json(content, name, fix)
    schema = found.get("schema") if isinstance(found, dict) else type(found).__name__
    if schema == wanted:
        return incomplete(name, what, str(error), fix)
    kind, _, version = str(schema).partition("/")
    mine, _, newest = wanted.partition("/")
    if kind == mine and version.isdecimal() and int(version) > int(newest):
        fix = "a newer bnn_lab wrote it: pip install --upgrade bnn-lab"
    said = "it does not say what it is" if schema is None else f"but {schema!r}"
    return InputError(f"{name} is not a {what} of this version ({wanted}), {said}. Fix: {fix}")


def refuse_emulated(host: Host, name: str) -> None:
    """Refuse measurements of an emulated CPU.

    Args:
        host: that they were made on.
        name: what to call the file in an error.

    Raises:
        InputError: it is emulated.
    """
    if host.emulated:
        raise InputError(
            f"{name} was measured on an emulated CPU ({host.emulated}); its times are not those of "
            "a device. Fix: measure on the device itself"
        )
