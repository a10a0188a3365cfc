"""The JSON file of a benchmark. These classes are its only description: the schema is made of them.

A report is checked against them when it is read.
"""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

import msgspec
from msgspec import Meta

from bnn_lab import __version__, kernels
from bnn_lab._files import write_whole
from bnn_lab._words import counted
from bnn_lab.bench.json_files import decode, incomplete, read_bytes, refuse_emulated
from bnn_lab.bench.labels import check_label, default_label, distinct_labels, identity
from bnn_lab.errors import InputError
from bnn_lab.measure.host import Host, real_host
from bnn_lab.measure.noise import Noise
from bnn_lab.measure.timing import Times
from bnn_lab.measure.units import AtLeastOne, Count, NotNegative, Positive, off_by
from bnn_lab.tflite.layer_shapes import LayerShape

SCHEMA = "bnn_lab.bench/2"
_KIND, _AGAIN = "benchmark report", "measure again with bnn-lab bench ... --json FILE"
EXAMPLE = Path(__file__).parent / "data" / "example.json"


class _Part(msgspec.Struct, forbid_unknown_fields=True):
    """Part of a report."""


class Entry(_Part, kw_only=True):
    """One layer or model with one number of threads, timed in one interleaved run.

    Attributes:
        name: name of the layer or model.
        num_threads: threads of everything that was timed.
        macs: multiply-accumulates of one call.
        reference: with what the others are compared: bnn_lab on its fastest backend.
        speedup_over: name to how many times faster the reference is: the median of the quotients
            within each round.
        speedup_interval: name to where that median lies with a probability of 95 %, lower and upper
            end.
        times: times of `bnn_lab BACKEND` (for models with fusion), `bnn_lab BACKEND unfused`,
            `bnn_lab in LiteRT`, `LCE default`, `LCE indirect`, `float32 TFLite` and `int8 TFLite`.
    """

    name: str
    num_threads: AtLeastOne
    macs: Count
    reference: str
    speedup_over: dict[str, Positive]
    times: Annotated[list[Times], Meta(min_length=1)]
    speedup_interval: dict[str, tuple[Positive, Positive]] = {}

    @property
    def uncertainty(self) -> float | None:
        """How far, as a share, the worst known of the ratios may be off; None if nobody looked."""
        found = [
            off_by(self.speedup_over[name], *ends) for name, ends in self.speedup_interval.items()
        ]
        return max(found, default=None)

    def of(self, name: str) -> Times | None:
        """The times of this name, None if it was not timed."""
        return next((times for times in self.times if times.name == name), None)


_Entry = TypeVar("_Entry", bound=Entry)


class Layer(Entry, kw_only=True):
    """A single layer: see `Entry`.

    Attributes:
        shape: its sizes.
        gmacs_per_s: name to 10^9 multiply-accumulates a second, from the median.
        ceiling_gmacs_per_s: backend to the rate of xor, popcount and add on registers alone, best
            round.
    """

    shape: LayerShape
    gmacs_per_s: dict[str, Positive]
    ceiling_gmacs_per_s: dict[str, Positive]


class OpTime(_Part):
    """One op of a model, or a binary convolution with the ops fused into it.

    Attributes:
        name: name of the output tensor.
        kind: TFLite's names of the ops, joined by " + ".
        ms: milliseconds per inference.
        macs: multiply-accumulates, null where they are not defined.
        binary: whether bnn_lab's kernels run it.
        output_shape: as the op has it.
    """

    name: str
    kind: str
    ms: NotNegative
    macs: Count | None
    binary: bool
    output_shape: list[Count]


class OpTimes(_Part):
    """Where a model's time goes.

    Attributes:
        end_to_end_ms: median of whole inferences, milliseconds.
        sum_ms: sum over the rows, milliseconds.
        rows: in the order in which they run.
    """

    end_to_end_ms: Positive
    sum_ms: Positive
    rows: list[OpTime]


class Model(Entry, kw_only=True):
    """A whole model, batch 1: see `Entry`.

    Attributes:
        backend: kernel backend of the reference.
        file_bytes: `binary`, `float32`, `int8` to the size of its file.
        binary_macs: multiply-accumulates of ±1 with ±1.
        float_floor_s: seconds of the ops that stay float: what would remain if binary ops took no
            time; null if it was not profiled.
        profile: profile of the reference, null if it was not profiled.
    """

    backend: str
    file_bytes: dict[str, AtLeastOne]
    binary_macs: Count
    float_floor_s: float | None
    profile: OpTimes | None


class Report(_Part, kw_only=True, tag_field="schema", tag=SCHEMA):
    """What `bnn-lab bench` measured on one device, with what is needed to judge it.

    Attributes:
        bnn_lab: version.
        command: that measured, in words, such as bench kernels.
        time: when the report was made, UTC, ISO 8601.
        host: the machine.
        device: what to call the machine: as the user names it, or its host and CPU.
        active_backend: the kernel backend that bnn_lab chose.
        noise: whether the machine was quiet, null if nobody looked.
        layers: single layers.
        models: whole models.
        bitpack_gb_per_s: backend to 10^9 bytes of float32 that bitpacking reads a second.
    """

    bnn_lab: str
    command: list[str]
    time: str
    host: Host
    device: str
    active_backend: str
    noise: Noise | None
    layers: list[Layer]
    models: list[Model]
    bitpack_gb_per_s: dict[str, Positive] = {}


def make_report(
    command: Sequence[str],
    *,
    layers: Sequence[Layer] = (),
    models: Sequence[Model] = (),
    noise: Noise | None = None,
    bitpack: dict[str, float] | None = None,
    label: str | None = None,
) -> Report:
    """Put measurements and what is needed to judge them into one report.

    Args:
        command: the words of the command that measured, such as ["bench", "kernels"].
        layers: from `KernelResult.entry()`.
        models: from `ModelResult.entry()`.
        noise: from `NoiseWatch.after()`.
        bitpack: backend to GB/s.
        label: what to call this device; None makes it of host and CPU.

    Returns:
        The report.

    Raises:
        InputError: the label cannot be one.
        EmulatedError: this CPU is emulated.
    """
    host = real_host("bench")
    device = default_label(host.cpu) if label is None else check_label(label)
    return Report(
        bnn_lab=__version__,
        command=list(command),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
        host=host,
        device=device,
        active_backend=kernels.active_backend(),
        noise=noise,
        layers=list(layers),
        models=list(models),
        bitpack_gb_per_s=bitpack or {},
    )


def write_report(report: Report, path: str | os.PathLike[str]) -> None:
    """Write a report as JSON; folders are made.

    Raises:
        InputError: the file cannot be written.
    """
    write_whole(Path(path), msgspec.json.format(msgspec.json.encode(report), indent=1))


def read_report(path: str | os.PathLike[str]) -> Report:
    """Read and check a report.

    Raises:
        InputError: the file is missing, not JSON, not a report of this version, or of an emulated
            CPU.
    """
    return check_report(read_bytes(path), str(path))


def check_report(content: bytes, name: str) -> Report:
    """A report from its JSON.

    Args:
        content: the JSON text.
        name: what to call it in an error.

    Raises:
        InputError: see `read_report`.
    """
    report = decode(content, Report, SCHEMA, name, _KIND, _AGAIN)
    refuse_emulated(report.host, name)
    for problem in _problems(report):
        raise incomplete(name, _KIND, problem, _AGAIN)
    return report


def _problems(report: Report) -> Iterator[str]:
    """What the types of a report do not say: names that must be found elsewhere in it."""
    try:
        check_label(report.device)
    except InputError as error:
        yield str(error).partition(". Fix")[0]
    for entry in (*report.layers, *report.models):
        where = f"{entry.name} on {counted(entry.num_threads, 'thread')}"
        timed = {times.name for times in entry.times}
        if entry.reference not in timed:
            yield f"{where} has no times of its reference {entry.reference!r}"
        if lacking := sorted(timed - {entry.reference} - set(entry.speedup_over)):
            yield f"{where} does not say how many times faster it is than {lacking[0]!r}"
        if unknown := sorted({*entry.speedup_over, *entry.speedup_interval} - timed):
            yield f"{where} has a ratio over {unknown[0]!r}, but no times of it"


def merge_reports(reports: Sequence[Report]) -> list[Report]:
    """One report per device; of entries of the same device, layer and threads the newest counts.

    Devices stay apart, because times of different machines do not belong in one table. Two
    machines that differ in CPU or system are two devices, even if they share a label: then the
    name of its CPU is added to each.

    Args:
        reports: from `read_report`.

    Returns:
        The merged reports, in the order in which the devices first appear.
    """
    devices: dict[tuple[str, ...], list[Report]] = {}
    for report in sorted(reports, key=lambda report: report.time):
        devices.setdefault(identity(report.device, report.host), []).append(report)
    order = list(dict.fromkeys(identity(report.device, report.host) for report in reports))
    labels = distinct_labels([(key[0], devices[key][-1].host.cpu) for key in order])
    return [
        msgspec.structs.replace(
            devices[key][-1],
            device=label,
            layers=_newest(report.layers for report in devices[key]),
            models=_newest(report.models for report in devices[key]),
        )
        for key, label in zip(order, labels, strict=True)
    ]


def _newest(parts: Iterable[list[_Entry]]) -> list[_Entry]:
    return list({(e.name, e.num_threads): e for part in parts for e in part}.values())


def by_threads(entries: Sequence[_Entry]) -> dict[int, list[_Entry]]:
    """Number of threads to entries, fewest first."""
    groups: dict[int, list[_Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.num_threads):
        groups.setdefault(entry.num_threads, []).append(entry)
    return groups


def report_schema() -> dict[str, Any]:
    """The JSON Schema of reports, described by the docstrings of these classes."""
    (whole,), parts = msgspec.json.schema_components([Report], ref_template="#/$defs/{name}")
    for kind in _structs(Report):
        part = parts[kind.__name__]
        part["description"] = _summary(kind)
        for base in kind.__mro__:
            for name, text in _attributes(base).items():
                part["properties"].get(name, {}).setdefault("description", text)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA,
        "title": "Report of bnn-lab bench",
        **whole,
        "$defs": parts,
    }


def _structs(kind: Any) -> set[type]:
    """A class and those of its fields, theirs, and so on."""
    found = set().union(*map(_structs, get_args(kind)))
    if isinstance(kind, type) and (issubclass(kind, msgspec.Struct) or is_dataclass(kind)):
        found |= {kind}.union(*map(_structs, get_type_hints(kind).values()))
    return found


def _summary(kind: type) -> str:
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())


def _attributes(kind: type) -> dict[str, str]:
    """What a docstring's "Attributes:" says of each."""
    text = (inspect.getdoc(kind) or "").partition("Attributes:\n")[2]
    found = re.findall(r"^    (\w+): (.*(?:\n        .*)*)", text, re.MULTILINE)
    return {name: " ".join(words.split()) for name, words in found}
