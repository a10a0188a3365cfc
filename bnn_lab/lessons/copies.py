"""A learner's own copies of the lessons, outside the package and the repository."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bnn_lab._files import write_whole
from bnn_lab.errors import InputError

START = "00_start_here.ipynb"
# What was written, by name: sha256 of the content. Tells a lesson as it came from one worked in.
RECORD = ".bnn_lab_lessons.json"
_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Copies:
    """What became of each lesson; names of files, in order.

    Attributes:
        folder: absolute path.
        new: were not there.
        updated: were as an earlier bnn_lab had written them, which was another text.
        same: are what this bnn_lab ships.
        kept: were worked in, and so left alone.
        moved: were worked in; old name to the name under which they are kept beside the new text.
    """

    folder: Path
    new: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)


def shipped_lessons() -> list[Path]:
    """The notebooks that come with bnn_lab, the start page first.

    Raises:
        InputError: this installation has none.
    """
    # In a wheel they lie in the package; in a checkout beside it.
    for folder in _HERE.parents[:2]:
        if found := sorted((folder / "notebooks" / "lessons").glob("*.ipynb")):
            return found
    raise InputError("this installation of bnn_lab has no lessons. Fix: reinstall it")


def write_lessons(folder: Path, *, force: bool = False) -> Copies:
    """Copy the lessons into a folder, and never lose what a learner wrote there.

    A file that was changed since it was written is left alone. Saving a notebook in Jupyter changes
    it, if only by its outputs.

    Args:
        folder: made if it is not there.
        force: write all lessons anew; changed ones are first renamed to ``NAME.mine.ipynb``.

    Returns:
        What became of each.

    Raises:
        InputError: the folder cannot be made or written to, or something there has a lesson's name
            and is not a file.
    """
    folder = folder.expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot make the folder {folder}: {error.strerror}. Fix: choose another place"
        ) from error
    written = _read_record(folder)
    copies = Copies(folder)
    for lesson in shipped_lessons():
        content, target = lesson.read_bytes(), folder / lesson.name
        if target.exists() and not target.is_file():
            raise InputError(f"{target} is not a file. Fix: move it, or choose another folder")
        present = target.read_bytes() if target.exists() else None
        if present == content:
            copies.same.append(lesson.name)
        elif present is None:
            copies.new.append(lesson.name)
        elif _digest(present) == written.get(lesson.name):
            copies.updated.append(lesson.name)
        elif force:
            mine = _free_name(target)
            target.rename(mine)
            copies.moved[lesson.name] = mine.name
        else:
            copies.kept.append(lesson.name)
            continue
        written[lesson.name] = _digest(content)
        if present != content:
            write_whole(target, content)
    write_whole(folder / RECORD, json.dumps(written, indent=1).encode())
    return copies


def trust(notebooks: Iterable[Path]) -> None:
    """Sign notebooks as `jupyter trust` does, so that Jupyter shows the pictures stored in them.

    Without Jupyter, or where its folder of signatures cannot be written, nothing happens: then
    pictures appear once the cells have run.

    Args:
        notebooks: files that bnn_lab has written, and nobody has changed.
    """
    try:
        import nbformat
        from jupyter_core.paths import jupyter_data_dir
        from nbformat.sign import NotebookNotary
    except ImportError:
        return
    with contextlib.suppress(OSError, sqlite3.Error):
        folder = Path(jupyter_data_dir())
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Asked for its folder, it would start a Jupyter application, which sets up logging.
        notary = NotebookNotary(data_dir=str(folder))
        try:
            for path in notebooks:
                notary.sign(nbformat.read(path, 4))
        finally:
            notary.store.close()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _read_record(folder: Path) -> dict[str, str]:
    """An unreadable record is as good as none: every file that differs then counts as changed."""
    try:
        found = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _free_name(path: Path) -> Path:
    name = path.with_suffix(f".mine{path.suffix}")
    number = 1
    while name.exists():
        number += 1
        name = path.with_suffix(f".mine{number}{path.suffix}")
    return name
