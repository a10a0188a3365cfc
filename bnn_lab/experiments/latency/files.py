"""The JSON file of a study: what it found on one device, so that several can be put together."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from bnn_lab import __version__
from bnn_lab._files import write_whole
from bnn_lab._pandas import to_frame
from bnn_lab.bench.json_files import decode, read_bytes, refuse_emulated
from bnn_lab.bench.labels import check_label, default_label, distinct_labels, identity
from bnn_lab.bench.tables import INTERVAL
from bnn_lab.errors import InputError
from bnn_lab.experiments.latency import STUDIES, Study
from bnn_lab.measure.host import Host
from bnn_lab.measure.noise import Noise
from bnn_lab.measure.units import NotNegative

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "bnn_lab.study/1"
_DATA = Path(__file__).parent / "data"
RECORDED = tuple(sorted(path.stem for path in _DATA.glob("*.json")))
DEVICE = "device"
Cell = str | bool | int | float | None
_AGAIN = "measure again with bnn-lab bench study NAME --json FILE"


class StudyFile(
    msgspec.Struct, kw_only=True, forbid_unknown_fields=True, tag_field="schema", tag=SCHEMA
):
    """What a study measured on one device.

    Attributes:
        bnn_lab: version.
        time: when the file was written, UTC, ISO 8601.
        name: of the study.
        question: the one it answers.
        finding: the answer, in words.
        device: what to call the machine.
        host: the machine.
        noise: whether it was quiet.
        uncertainty: how far the ratios may be off, as a share; null if there are none.
        rows: the measurements, each with the same columns; null where one does not apply.
    """

    bnn_lab: str
    time: str
    name: str
    question: str
    finding: str
    device: str
    host: Host
    noise: Noise
    uncertainty: NotNegative | None
    rows: Annotated[list[dict[str, Cell]], Meta(min_length=1)]

    def study(self) -> Study:
        """The study as it was measured."""
        return Study(
            name=self.name,
            question=self.question,
            frame=_frame(self.rows),
            finding=self.finding,
            noise=self.noise,
            host=self.host,
            uncertainty=self.uncertainty,
            device=self.device,
            time=self.time,
        )


def write_study(study: Study, path: str | os.PathLike[str]) -> None:
    """Write a study as JSON; folders are made.

    Raises:
        InputError: the file cannot be written, or the label cannot name a device.
    """
    file = StudyFile(
        bnn_lab=__version__,
        time=study.time or datetime.now(UTC).isoformat(timespec="seconds"),
        name=study.name,
        question=study.question,
        finding=study.finding,
        device=check_label(study.device or default_label(study.host.cpu)),
        host=study.host,
        noise=study.noise,
        uncertainty=study.uncertainty,
        rows=[{key: _plain(value) for key, value in row.items()} for row in _rows(study.frame)],
    )
    write_whole(Path(path), msgspec.json.format(msgspec.json.encode(file), indent=1))


def check_study(content: bytes, name: str) -> Study:
    """A study from its JSON.

    Args:
        content: the JSON text.
        name: what to call it in an error.

    Raises:
        InputError: it is not JSON, not a study of this version, of an emulated CPU, or its rows are
            not a table of the kind that this study makes.
    """
    file = decode(content, StudyFile, SCHEMA, name, "study", _AGAIN)
    if file.name not in STUDIES:
        raise InputError(
            f"{name}: there is no study {file.name!r}. Fix: use a file of one of "
            f"{', '.join(STUDIES)}"
        )
    refuse_emulated(file.host, name)
    _check_rows(file, name)
    return file.study()


def read_study(path: str | os.PathLike[str]) -> Study:
    """Read and check a study.

    Raises:
        InputError: the file is missing, or see `check_study`.
    """
    return check_study(read_bytes(path), str(path))


def recorded_study(name: str) -> Study:
    """A study that comes with bnn_lab: of one machine, for a first look without a run.

    Args:
        name: of the study.

    Raises:
        InputError: none of this name comes with bnn_lab.
    """
    if name not in RECORDED:
        raise InputError(
            f"bnn_lab comes with no study {name!r}; it has {', '.join(RECORDED)}. Fix: measure it "
            f"with bnn-lab bench study {name if name in STUDIES else 'NAME'}"
        )
    return read_study(_DATA / f"{name}.json")


def one_per_device(studies: Sequence[Study]) -> list[Study]:
    """The newest study of each question and device.

    A device has the same label in all its studies; where two machines share one, the name of its
    CPU is added to each, as in `merge_reports`.

    Args:
        studies: from `read_study`.
    """
    hosts: dict[tuple[str, ...], str] = {}
    found: dict[tuple[str, tuple[str, ...]], Study] = {}
    for study in sorted(studies, key=lambda study: study.time):
        device = identity(study.device or study.host.cpu, study.host)
        hosts[device] = study.host.cpu
        found[study.name, device] = study
    labels = distinct_labels([(device[0], cpu) for device, cpu in hosts.items()])
    label_of = dict(zip(hosts, labels, strict=True))
    return [
        dataclasses.replace(study, device=label_of[device])
        for (_name, device), study in found.items()
    ]


def merge_studies(studies: Sequence[Study]) -> list[Study]:
    """One study per question, its frame with a column `device`.

    Args:
        studies: from `one_per_device`.

    Returns:
        In the order in which the questions first appear. The finding is that of each device.
    """
    by_name: dict[str, dict[str, Study]] = {}
    for study in studies:
        by_name.setdefault(study.name, {})[study.device] = study
    merged = []
    for of_name in by_name.values():
        first = next(iter(of_name.values()))
        rows = [
            {**row, DEVICE: label} for label, study in of_name.items() for row in _rows(study.frame)
        ]
        finding = first.finding
        if len(of_name) > 1:
            finding = " ".join(f"{label}: {study.finding}" for label, study in of_name.items())
        known = [study.uncertainty for study in of_name.values() if study.uncertainty is not None]
        merged.append(
            Study(
                name=first.name,
                question=first.question,
                frame=_frame(rows),
                finding=finding,
                noise=first.noise,
                host=first.host,
                uncertainty=max(known, default=None),
                device=", ".join(of_name),
            )
        )
    return merged


def study_schema() -> dict[str, Any]:
    """The JSON Schema of a study's file."""
    (whole,), parts = msgspec.json.schema_components([StudyFile], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        "title": "Study of bnn-lab bench",
        **whole,
        "$defs": parts,
    }


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _frame(rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Null in a column of numbers is what pandas calls NaN."""
    return to_frame(
        [{key: math.nan if value is None else value for key, value in row.items()} for row in rows]
    )


def _plain(value: Any) -> Cell:
    """A cell as JSON has it: NumPy's scalars as Python's, NaN as null."""
    found = value.item() if hasattr(value, "item") else value
    return None if isinstance(found, float) and not math.isfinite(found) else found


def _check_rows(file: StudyFile, name: str) -> None:
    columns = set(file.rows[0])
    kinds = STUDIES[file.name].columns
    needed = sorted(kinds)
    if missing := [column for column in needed if column not in columns]:
        raise InputError(
            f"{name}: this study of {file.name} lacks the column{'s' * (len(missing) > 1)} "
            f"{', '.join(missing)}. Fix: {_AGAIN}"
        )
    kinds = {column: kinds.get(column) or _kind(file.rows, column) for column in file.rows[0]}
    for number, row in enumerate(file.rows):
        where = f"{name}, row {number + 1}"
        if set(row) != columns:
            raise InputError(f"{where} has other columns than the first row. Fix: {_AGAIN}")
        if null := [column for column in needed if row[column] is None]:
            raise InputError(f"{where}: {null[0]} is missing. Fix: {_AGAIN}")
        for column, value in row.items():
            if not _fits(kinds[column], column, value):
                raise InputError(f"{where}: {column} cannot be {value!r}. Fix: {_AGAIN}")


def _kind(rows: Sequence[dict[str, Cell]], column: str) -> type:
    """What a column holds that no figure needs: what its first row with a value has there."""
    if column.endswith(INTERVAL):  # figures draw it where there is one
        return float
    first = next((row[column] for row in rows if row.get(column) is not None), None)
    return type(first) if isinstance(first, str | bool) else float


def _fits(kind: type, column: str, value: Cell) -> bool:
    if kind is not float:
        return isinstance(value, kind)
    if value is None:
        return True
    if isinstance(value, (str, bool)):
        return False
    return value >= 0 or not column.endswith("ms")
