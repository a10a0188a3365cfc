"""Where measurements and converted models are kept between runs, and how files are written."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from bnn_lab.errors import InputError

CACHE_VARIABLE = "BNN_LAB_CACHE"


def cache_dir() -> Path:
    """The user's cache directory of bnn_lab: BNN_LAB_CACHE, or as XDG has it; may not exist yet."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "bnn_lab"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that others see all of it or nothing; folders are made.

    Raises:
        InputError: it cannot be written; what was there before is still there.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise InputError(
            f"cannot write {path}: {error.strerror}. Fix: choose another place, or make room"
        ) from error
