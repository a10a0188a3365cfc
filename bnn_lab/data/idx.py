"""The idx files of the MNIST family: a short header, then bytes (LeCun, http://yann.lecun.com)."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bnn_lab._words import counted
from bnn_lab.errors import InputError

_UNSIGNED_BYTES = 0x08
_LARGEST = 1 << 28  # bytes after unpacking; 60,000 images of 28×28 are 47 million


def read_idx(path: Path, dimensions: int, *, sha256: str | None = None) -> NDArray[np.uint8]:
    """Read one file, packed by gzip or not.

    Args:
        path: path of the file.
        dimensions: how many it must have: 3 for images, 1 for labels.
        sha256: of the unpacked bytes; None trusts the file.

    Returns:
        uint8 array, (N, H, W) or (N,).

    Raises:
        InputError: the file cannot be read, is not an idx file of bytes with that many dimensions,
            is cut off, or has another checksum.
    """
    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            unpacker = zlib.decompressobj(wbits=31)
            raw = unpacker.decompress(raw, _LARGEST)
            if not unpacker.eof:
                raise EOFError("cut off, or larger than any file of this family")
    except (OSError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} cannot be read ({error}). Fix: download it again.") from error
    head = 4 + 4 * dimensions
    if raw[:4] != bytes([0, 0, _UNSIGNED_BYTES, dimensions]) or len(raw) < head:
        raise InputError(
            f"{path} is not an idx file of bytes with {counted(dimensions, 'dimension')}. Fix: "
            "download it again."
        )
    shape = tuple(int(size) for size in np.frombuffer(raw, ">u4", dimensions, 4))
    if len(raw) - head != np.prod(shape, dtype=object):
        raise InputError(
            f"{path} has {len(raw) - head} bytes of data, but its header says {shape}. Fix: "
            "download it again."
        )
    if sha256 is not None and hashlib.sha256(raw).hexdigest() != sha256:
        raise InputError(
            f"{path} is not the published file: its checksum differs. Fix: delete it and "
            "download it again."
        )
    return np.frombuffer(raw, np.uint8, offset=head).reshape(shape)


def find_idx(folder: Path, stems: Mapping[str, str]) -> dict[str, Path]:
    """The files of a data set, each with or without ``.gz``.

    Args:
        folder: where they are.
        stems: what we call a file to its name without ending.

    Returns:
        What we call a file to its path.

    Raises:
        InputError: one or more are missing; all of them are named.
    """
    found: dict[str, Path] = {}
    missing = []
    for key, stem in stems.items():
        for path in (folder / stem, folder / f"{stem}.gz"):
            if path.is_file():
                found[key] = path
                break
        else:
            missing.append(stem)
    if missing:
        raise InputError(f"{folder} has no {', '.join(missing)} (with or without .gz).")
    return found
