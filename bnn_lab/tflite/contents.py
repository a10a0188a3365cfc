"""From a path, or from bytes, to the contents of a `.tflite` file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bnn_lab.errors import InputError, ModelFileError

IDENTIFIER = b"TFL3"  # bytes 4 to 8 of every file


def read_contents(model: bytes | str | os.PathLike[str] | Any, user: str) -> bytes:
    """The contents of a `.tflite` file, which begins as one.

    Args:
        model: the contents already (bytes, bytearray or memoryview), or the file's path.
        user: who asks, for messages.

    Returns:
        The contents.

    Raises:
        ModelFileError: the file cannot be read or is of another kind.
        InputError: `model` is of another type.
    """
    if isinstance(model, (str, os.PathLike)):
        path = Path(model)
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelFileError(f"cannot read {path}: {error.strerror}") from error
        except ValueError as error:  # a null byte
            raise ModelFileError(f"cannot read {str(path)!r}: {error}") from error
        check_identifier(content, str(path))
        return content
    if isinstance(model, (bytes, bytearray, memoryview)):
        content = bytes(model)
        check_identifier(content, "the model")
        return content
    raise InputError(
        f"{user}: the model must be bytes or the path of a .tflite file, not "
        f"{type(model).__name__}; convert a Keras model with bnn_lab.convert_keras_model"
    )


def check_identifier(content: bytes, name: str) -> None:
    """Raise a ModelFileError unless the contents begin as those of a `.tflite` file."""
    if content[4:8] != IDENTIFIER:
        raise ModelFileError(
            f"{name} is not a .tflite model: bytes 4 to 8 of {len(content)} are "
            f"{content[4:8]!r} instead of {IDENTIFIER!r}"
        )
