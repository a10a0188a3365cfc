"""What `bnn-lab bench merge` puts together: reports and studies, in one go."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bnn_lab.bench.collect import gathered, read_all, rename
from bnn_lab.bench.json_files import schema_of
from bnn_lab.bench.labels import check_label, free_name
from bnn_lab.bench.report import Report, read_report, write_report
from bnn_lab.bench.tables import Heading, Part, Text, frame_table, noise_parts
from bnn_lab.cli.terminal import written
from bnn_lab.errors import InputError
from bnn_lab.experiments.latency.base import Study
from bnn_lab.experiments.latency.files import (
    SCHEMA,
    merge_studies,
    one_per_device,
    read_study,
    write_study,
)

_SHOWN_ROWS = 60


@dataclass(frozen=True)
class Merged:
    """Reports, one per device; studies, one per question; and single studies, one per device."""

    reports: list[Report]
    studies: list[Study]
    single: list[Study]
    remarks: str


def merged_files(sources: Sequence[str]) -> Merged:
    """Read and merge files, folders and patterns.

    Raises:
        InputError: a file that was named is neither a report nor a study, or none of all is.
    """
    items, left_out = read_all(sources, _read, _rename)
    found = gathered([item for item in items if isinstance(item, Report)], left_out)
    studies = one_per_device([item for item in items if isinstance(item, Study)])
    return Merged(found.reports, merge_studies(studies), studies, found.remarks)


def study_parts(study: Study) -> list[Part]:
    """A study as a part of a document, without its figure."""
    return [
        Heading(study.question),
        *noise_parts(study.noise, study.uncertainty),
        Text(study.finding),
        frame_table(study.frame, f"Measured on {study.device}", _SHOWN_ROWS),
    ]


def write_merged(found: Merged, folder: Path) -> None:
    """Write a file for each device, and for each of its studies.

    Raises:
        InputError: a file cannot be written.
    """
    taken: set[str] = set()
    for report in found.reports:
        target = folder / _file_name(report.device, taken)
        write_report(report, target)
        written(target, "figures")
    for study in found.single:
        target = folder / _file_name(f"{study.name}-{study.device}", taken)
        write_study(study, target)
        written(target, "study")


def _file_name(label: str, taken: set[str]) -> str:
    """A name that no other label has taken: "Ann's PC" and "Ann-s PC" are written alike."""
    plain = "".join(c if c.isalnum() else "-" for c in label).strip("-").lower() or "device"
    name = free_name(plain, taken, "{}-{}")
    taken.add(name)
    return f"{name}.json"


def _read(path: Path) -> Report | Study:
    try:
        return read_report(path)
    except InputError:
        if _schema(path).startswith(SCHEMA.partition("/")[0]):
            return read_study(path)
        raise


def _schema(path: Path) -> str:
    """What a file says it is, "" if nothing."""
    try:
        return schema_of(path.read_bytes()) or ""
    except (OSError, msgspec.MsgspecError):
        return ""


def _rename(item: Report | Study, label: str) -> Report | Study:
    if isinstance(item, Report):
        return rename(item, label)
    return dataclasses.replace(item, device=check_label(label))
