"""The JSON file of a benchmark: made, read, merged. `data/report.schema.json` describes it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bnn_lab import __version__, kernels
from bnn_lab._files import write_whole
from bnn_lab.errors import BnnLabError, InputError
from bnn_lab.measure.host import describe_host

SCHEMA = "bnn_lab.bench/1"
SCHEMA_FILE = Path(__file__).parent / "data" / "report.schema.json"
EXAMPLE = Path(__file__).parent / "data" / "example.json"

Report = dict[str, Any]


class EmulatedError(BnnLabError):
    """Times of an emulated CPU were about to become figures of a device."""


def make_report(
    command: Sequence[str],
    *,
    layers: Iterable[Mapping[str, Any]] = (),
    models: Iterable[Mapping[str, Any]] = (),
    noise: Mapping[str, Any] | None = None,
    **more: Any,
) -> Report:
    """Put measurements and what is needed to judge them into one report.

    Args:
        command: the words of the command that measured, such as ["bench", "kernels"].
        layers: `KernelResult.as_dict()` of each layer.
        models: `ModelResult.as_dict()` of each model.
        noise: `NoiseWatch.after()`.
        more: further entries that the schema knows, such as bitpack_gb_per_s.

    Returns:
        The report.

    Raises:
        EmulatedError: this CPU is emulated.
    """
    host = describe_host()
    if host["emulated"]:
        raise EmulatedError(
            f"this CPU is emulated ({host['emulated']}): its times are not those of a device and "
            "are not reported. Fix: run the benchmark on the device itself"
        )
    return {
        "schema": SCHEMA,
        "bnn_lab": __version__,
        "command": list(command),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": host,
        "device": host["cpu"],
        "active_backend": kernels.active_backend(),
        "noise": None if noise is None else dict(noise),
        "layers": [dict(layer) for layer in layers],
        "models": [dict(model) for model in models],
        **more,
    }


def write_report(report: Report, path: str | os.PathLike[str]) -> None:
    """Write a report as JSON; directories are made.

    Raises:
        InputError: the file cannot be written.
    """
    write_whole(Path(path), json.dumps(report, indent=1).encode())


def read_report(path: str | os.PathLike[str]) -> Report:
    """Read a report and check what its readers rely on.

    Raises:
        InputError: the file is missing, not JSON, not a report of this version, or of an emulated
            CPU.
    """
    try:
        report = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    return check_report(report, str(path))


def check_report(report: Any, name: str) -> Report:
    """The report itself, if it is one.

    Raises:
        InputError: see `read_report`; the message begins with `name`.
    """
    if not isinstance(report, dict) or report.get("schema") != SCHEMA:
        found = report.get("schema") if isinstance(report, dict) else type(report).__name__
        raise InputError(
            f"{name} is not a benchmark report of this version ({SCHEMA}), but {found!r}. Fix: "
            "measure again with bnn-lab bench ... --json FILE"
        )
    missing = [key for key in ("host", "device", "layers", "models", "noise") if key not in report]
    if missing:
        raise InputError(f"{name} lacks {', '.join(missing)}: the file is incomplete.")
    if report["host"].get("emulated"):
        raise InputError(
            f"{name} was measured on an emulated CPU ({report['host']['emulated']}); its times "
            "are not those of a device."
        )
    for entry in (*report["layers"], *report["models"]):
        if not {"name", "num_threads", "peers", "speedup_over", "reference"} <= set(entry):
            raise InputError(f"{name}: the entry {entry.get('name')!r} is incomplete.")
    return report


def merge_reports(reports: Sequence[Report]) -> list[Report]:
    """One report per device: entries of the same device, layer and threads, the newest counts.

    Devices stay apart, because times of different machines do not belong into one table.

    Args:
        reports: from `read_report`.

    Returns:
        The merged reports, in the order in which the devices first appear.
    """
    devices: dict[str, list[Report]] = {}
    for report in reports:
        devices.setdefault(report["device"], []).append(report)
    merged = []
    for found in devices.values():
        found = sorted(found, key=lambda report: report["time"])
        newest = dict(found[-1])
        for part in ("layers", "models"):
            entries: dict[tuple[str, int], dict[str, Any]] = {}
            for report in found:
                for entry in report[part]:
                    entries[entry["name"], entry["num_threads"]] = entry
            newest[part] = list(entries.values())
        merged.append(newest)
    return merged


def peers_of(entry: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Peer's name to its times, of a layer or model in a report."""
    return {peer["name"]: peer for peer in entry["peers"]}
