"""Files of NumPy arrays (.npz), written whole and read with suspicion."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bnn_lab._files import whole_file, write_whole
from bnn_lab.errors import InputError

_HEADER = 1 << 12  # bytes of a .npz for each array, at most


def npz_path(path: str | Path, who: str) -> Path:
    """The path of a .npz file that `who` is to write.

    Raises:
        InputError: the name does not end in .npz.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise InputError(f"{who}({str(path)!r}): the name must end in .npz.")
    return path


def write_arrays(path: str | Path, arrays: Mapping[str, NDArray], *, compress: bool = True) -> None:
    """Write one .npz file, whole or not at all.

    Args:
        path: its name, ending in .npz.
        arrays: by name.
        compress: False is faster, and needs no memory besides the arrays'.

    Raises:
        InputError: it cannot be written; what was there before is still there.
    """
    # A full disk must not stop zipfile midway: it would fail once more as it is deleted, and Python
    # prints that.
    if compress:
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        write_whole(path, buffer.getbuffer())
        return
    with whole_file(path) as part, part.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            size = sum(np.asarray(array).nbytes + _HEADER for array in arrays.values())
            os.posix_fallocate(file.fileno(), 0, size + _HEADER)
        np.savez(file, **arrays)
        file.truncate()


def read_arrays(
    path: str | Path,
    fields: Mapping[str, str] | None,
    sizes: Mapping[str, int] | None = None,
    *,
    what: str,
    fix: str,
) -> dict[str, NDArray]:
    """Read a .npz file.

    Args:
        path: path of the file.
        fields: name of each array to its kind and dimensions, such as ``"i TL"``: integers
            (``b`` bool, ``f`` floats, ``U`` text) of shape (T, L). Equal letters stand for equal
            sizes. None reads all arrays there are, also that of a .npy file, under the name "".
        sizes: the sizes known so far, by letter.
        what: the file should be, such as "a recording".
        fix: what to do if it is not.

    Returns:
        The arrays by name.

    Raises:
        InputError: it is missing, damaged or something else.
    """
    try:
        with open(path, "rb") as file:
            stored = np.load(file, allow_pickle=False)
            if isinstance(stored, np.ndarray):
                found = {"": stored}
            else:
                found = {name: stored[name] for name in (fields or stored.files)}
        _check(found, fields or {}, dict(sizes or {}))
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise InputError(f"cannot read {path}: {reason}. Fix: {fix}") from error
    except Exception as error:  # zip, zlib, NumPy's header: anything may come out of a damaged file
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"{path} is not {what}, or damaged ({reason}). Fix: {fix}") from error
    return found


def _check(arrays: dict[str, NDArray], fields: Mapping[str, str], sizes: dict[str, int]) -> None:
    for name, wanted in fields.items():
        kind, _, letters = wanted.partition(" ")
        array = arrays[name]
        expected = tuple(sizes.get(letter, -1) for letter in letters)
        fits = array.dtype.kind == kind and array.ndim == len(letters)
        for letter, size in zip(letters, array.shape, strict=False):
            fits = fits and sizes.setdefault(letter, size) == size
        if not fits:
            shape = ", ".join("any" if size < 0 else str(size) for size in expected)
            raise ValueError(
                f"{name} is {array.dtype} of shape {array.shape}, not kind '{kind}' of ({shape})"
            )
