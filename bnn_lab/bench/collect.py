"""The reports of a class, from files, folders and patterns, and why some could not be read."""

from __future__ import annotations

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from bnn_lab.bench.labels import check_label, identity
from bnn_lab.bench.report import Report, check_report, merge_reports, read_report
from bnn_lab.errors import InputError

MOST_BYTES = 32_000_000  # of one file: fifty times the largest report we know
_TOO_LARGE = "too large for a report. Fix: choose a file of bnn-lab bench ... --json"
Item = TypeVar("Item")
Source = str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]]


@dataclass(frozen=True)
class Collection:
    """Reports of several devices.

    Attributes:
        reports: one per device, see `merge_reports`.
        left_out: name of a file to the reason why it is not among them; the reason names it, too.
        notes: what a reader should know about how they were put together.
    """

    reports: list[Report]
    left_out: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def remarks(self) -> str:
        """The notes, and what was left out, in sentences; "" if there is nothing to say."""
        found = [f"Left out: {reason.rstrip('.')}." for reason in self.left_out.values()]
        return " ".join([*self.notes, *found])


def collect(sources: Iterable[Source]) -> Collection:
    """Reports from files, folders and patterns.

    A file that is named by itself must be a report. In a folder, whose `*.json` files are read,
    or among the files of a pattern, those that are not reports are left out.

    Args:
        sources: paths of files or folders, patterns such as "class/*/*.json", or mappings of labels
            to paths of files, which rename the devices.

    Returns:
        The merged reports.

    Raises:
        InputError: a file that was named is not a report, a pattern matches no file, or none of all
            the files is a report.
    """
    reports, left_out = read_all(sources, read_report, rename)
    return gathered(reports, left_out)


def read_all(
    sources: Iterable[Source],
    read: Callable[[Path], Item],
    renamed: Callable[[Item, str], Item],
) -> tuple[list[Item], dict[str, str]]:
    """What files, folders and patterns hold, and why some of their files were left out.

    Args:
        sources: see `collect`.
        read: path of a file to what it holds; raises an `InputError` if it is something else.
        renamed: what a file holds, and another label, to the same under that label.

    Returns:
        What was read, and the name of each file that was left out to the reason.

    Raises:
        InputError: see `collect`.
    """
    items: list[Item] = []
    left_out: dict[str, str] = {}
    for source in sources:
        if isinstance(source, Mapping):
            items += [renamed(read(_path(path)), label) for label, path in source.items()]
            continue
        found = _files(str(source))
        if found is None:
            items.append(read(_path(source)))
            continue
        for path in found:
            try:
                _check_size(path)
                items.append(read(path))
            except InputError as error:
                left_out[str(path)] = str(error)
    if left_out and not items:
        raise InputError("none of these files is a report: " + "; ".join(left_out.values()))
    return items, left_out


def gathered(reports: Sequence[Report], left_out: Mapping[str, str] | None = None) -> Collection:
    """Reports put together, with a note where several measured the same under one label.

    Args:
        reports: in any order.
        left_out: see `Collection`.
    """
    notes = []
    for label, count in _repeated(reports).items():
        notes.append(
            f"{count} reports of {label} measured the same; the newest counts. If they come from "
            "several devices, give each its own name: bnn-lab bench ... --name, or "
            'LatencyExplorer({"Alice": "alice.json", "Bob": "bob.json"}).'
        )
    return Collection(merge_reports(reports), dict(left_out or {}), tuple(notes))


def rename(report: Report, label: str) -> Report:
    """The report under another label.

    Raises:
        InputError: the label cannot be one.
    """
    return msgspec.structs.replace(report, device=check_label(label))


def _path(source: str | os.PathLike[str]) -> Path:
    return Path(source).expanduser()


def _files(source: str) -> list[Path] | None:
    """The files of a folder or pattern, None for the name of a single file."""
    path = _path(source)
    if path.is_dir():
        found = sorted(path.glob("*.json"))
        if not found:
            raise InputError(f"{source} has no file *.json. Fix: name a folder with reports")
        return found
    if path.exists() or not glob.has_magic(source):
        return None
    matches = sorted(map(Path, glob.glob(str(path), recursive=True)))
    found = [match for match in matches if match.is_file()]
    if not found:
        raise InputError(f"no file matches {source!r}. Fix: check the pattern")
    return found


def _check_size(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if size > MOST_BYTES:
        raise InputError(f"{path} has {size / 1e6:.0f} MB: {_TOO_LARGE}")


def check_dropped(name: str, content: bytes) -> Report:
    """The report in a file that a page has sent.

    Raises:
        InputError: it is too large, or not a report.
    """
    if len(content) > MOST_BYTES:
        raise InputError(f"{name} has {len(content) / 1e6:.0f} MB: {_TOO_LARGE}")
    return check_report(content, name)


def _repeated(reports: Sequence[Report]) -> dict[str, int]:
    """Label to the number of reports of one device that measured the same entry."""
    by_device: dict[tuple[str, ...], list[Report]] = {}
    for report in reports:
        by_device.setdefault(identity(report.device, report.host), []).append(report)
    found = {}
    for (label, *_machine), of_device in by_device.items():
        entries = Counter(
            key
            for report in of_device
            for key in {(e.name, e.num_threads) for e in (*report.layers, *report.models)}
        )
        if most := max(entries.values(), default=1) - 1:
            found[label] = most + 1
    return found
