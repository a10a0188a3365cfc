"""Where measurements and converted models are kept between runs, and how files are written."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bnn_lab.errors import InputError

CACHE_VARIABLE = "BNN_LAB_CACHE"
LOCK = ".lock"

_PART = re.compile(r"\.[0-9a-f]{16}\.part(\..*)?")
_FIXES = {
    errno.ENOSPC: "make room on the disk, or choose another place",
    errno.EDQUOT: "make room in your quota, or choose another place",
    errno.EFBIG: "raise the limit of the size of files, or choose another file system",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EROFS: "choose a folder that is not read-only",
    errno.EEXIST: "a file stands where a folder should be; choose another place",
    errno.ENOTDIR: "a file stands where a folder should be; choose another place",
    errno.ENAMETOOLONG: "choose a shorter name",
}


def cache_dir() -> Path:
    """bnn_lab's cache directory: BNN_LAB_CACHE, or by the XDG rules. It may not exist yet."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "bnn_lab"


def write_whole(path: str | Path, content: bytes | memoryview | str) -> None:
    """Write a file so that others see all of it or nothing, also if the machine goes down.

    Args:
        path: path of the file; folders are made.
        content: text is written as UTF-8.

    Raises:
        InputError: it cannot be written; what was there before is still there.
    """
    data = content.encode() if isinstance(content, str) else content
    with whole_file(path) as part:
        part.write_bytes(data)


def check_writable(path: str | Path) -> None:
    """Whether a file can be written, asked before work whose result goes there; leaves nothing.

    Raises:
        InputError: it cannot be written.
    """
    missing = [str(p) for p in Path(os.path.abspath(path)).parents if not os.path.lexists(p)]
    try:
        with contextlib.suppress(_Tried), whole_file(path) as part:
            if part.is_dir():
                raise InputError(f"cannot write {path}: it is a folder. Fix: name a file in it")
            if not part.exists():  # as /dev/stdout does
                part.touch()
            raise _Tried
    finally:
        for folder in missing:  # the deepest first
            with contextlib.suppress(OSError):
                os.rmdir(folder)


class _Tried(Exception):
    """So that what is there already stays as it is."""


@contextlib.contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Write a file by any means, so that others see all of it or nothing.

    Args:
        path: path of the file; folders are made. What is not a plain file, such as /dev/stdout, is
            written as it is.

    Yields:
        The path to write: beside the file, with the same ending. It becomes the file at the end of
        the block, and is removed if the block raises.

    Raises:
        InputError: it cannot be written; what was there before is still there.
    """
    if "\0" in str(path):
        raise InputError(f"cannot write {str(path)!r}: a name holds no null character")
    part: Path | None = None
    try:
        target = Path(os.path.realpath(path))  # a link stays one
        if target.exists() and not target.is_file():
            yield target
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        ending = target.suffix if len(target.suffix) < 16 else ""
        part = target.with_name(f".{os.urandom(8).hex()}.part{ending}")
        yield part
        if target.exists():
            part.chmod(stat.S_IMODE(target.stat().st_mode))
        _flush(part)
        part.replace(target)
        with contextlib.suppress(OSError):  # not every file system can
            _flush(target.parent)
    except (OSError, RuntimeError) as error:
        cause = _system_error(error)
        if cause is None:
            raise
        reason = os.strerror(cause.errno) if cause.errno else str(cause)
        fix = _FIXES.get(cause.errno or 0, "choose another place")
        raise InputError(f"cannot write {path}: {reason}. Fix: {fix}") from error
    finally:
        if part is not None:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


def _system_error(error: BaseException | None) -> OSError | None:
    """What the system said: libraries that close a file while it fails raise something else."""
    while error is not None and not isinstance(error, OSError):
        error = error.__context__
    return error


def _flush(path: Path) -> None:
    """Have the system write a file, or a folder's list of names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path, doing: str) -> Iterator[None]:
    """Keep a folder for this process, and remove what one that was killed left half-written.

    Args:
        folder: an existing one.
        doing: what may be done by one process at a time, such as "trains".

    Raises:
        InputError: another process has it, or the folder is read-only.
    """
    path = folder / LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        fix = _FIXES.get(error.errno or 0, "choose another folder")
        raise InputError(f"cannot write {path}: {error.strerror}. Fix: {fix}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 64, 0).decode(errors="replace")
            raise InputError(
                f"another process{holder} {doing} in {folder}. Fix: wait for it, or choose another "
                "folder"
            ) from error
        except OSError:
            pass  # a file system without locks
        else:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f" ({os.getpid()} on {os.uname().nodename})".encode(), 0)
            for left in folder.iterdir():
                if _PART.fullmatch(left.name):
                    left.unlink(missing_ok=True)
        yield
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a child that was forked may hold it too
        os.close(descriptor)


def parse_json(content: bytes | str, what: str, fix: str) -> Any:
    """A JSON text from a file that may be damaged, or of another kind.

    Args:
        content: the text.
        what: the file is or should be, for messages.
        fix: what to do if it is not.

    Raises:
        InputError: it is not JSON, or lists lie inside lists without end.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, ValueError) else "too many brackets"
        raise InputError(f"{what} is not JSON: {reason}. Fix: {fix}") from error
