"""Reports, comparisons and data frames as documents: headings, texts and tables, not yet drawn.

`bnn_lab.bench.render` shows a document in a terminal, as Markdown or as an HTML page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bnn_lab._words import counted
from bnn_lab.bench.baselines import ours
from bnn_lab.bench.report import Entry, Layer, Model, Report, by_threads
from bnn_lab.measure.noise import Noise
from bnn_lab.measure.units import off_by

if TYPE_CHECKING:
    import pandas as pd

NOTHING = "–"
QUIET, NOISY = "quiet", "noisy"
INTERVAL = ("_low", "_high")  # columns beside the one that they are the ends of


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 is the document's own."""

    text: str
    level: int = 2


@dataclass(frozen=True)
class Text:
    """A paragraph; `style` is "", `QUIET` or `NOISY`."""

    text: str
    style: str = ""


@dataclass(frozen=True)
class Row:
    """A line of a table; strong ones are what the table is read for."""

    cells: Sequence[str]
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """Rows under columns; the first column names the rows.

    Attributes:
        columns: headings.
        rows: as many cells each.
        caption: what the cells hold.
        notes: sentences below the table.
    """

    columns: Sequence[str]
    rows: Sequence[Row]
    caption: str = ""
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Fragment:
    """A figure for a page.

    Attributes:
        html: that shows it.
        words: the same for those who do not see it, and for terminals.
    """

    html: str
    words: str


Part = Heading | Text | Table | Fragment
Draw = Callable[[str, Any], Fragment | None]
LAYERS, MODELS, OPS = "layers", "models", "ops"


def report_parts(report: Report, draw: Draw = lambda what, entries: None) -> list[Part]:
    """A report as a document.

    Args:
        report: from `make_report`, `read_report` or `merge_reports`.
        draw: makes the figures: called with `MODELS` or `LAYERS` and their entries of one number of
            threads, and with `OPS` and a model that has a profile. None leaves one out.

    Returns:
        Device, what disturbed the measurement, models, layers, and where the models' time goes.
    """
    parts: list[Part | None] = [Heading(report.device), Text(_origin(report), QUIET)]
    parts.append(Text(int8_unit(report.host.flags), QUIET))
    parts += noise_parts(report.noise, widest([*report.models, *report.layers]))
    for count, models in by_threads(report.models).items():
        parts += [Heading(f"Models, {counted(count, 'thread')}", 3), draw(MODELS, models)]
        parts.append(_models_table(models))
    for count, layers in by_threads(report.layers).items():
        parts += [Heading(f"Layers, {counted(count, 'thread')}", 3), draw(LAYERS, layers)]
        parts.append(_layers_table(layers))
    drawn = [
        draw(OPS, model) for model in report.models if model.profile and model.num_threads == 1
    ]
    if any(drawn):
        parts += [Heading("Where the time goes, 1 thread", 3), *drawn]
    if report.bitpack_gb_per_s:
        speeds = ", ".join(f"{name} {v:.0f}" for name, v in report.bitpack_gb_per_s.items())
        parts.append(Text(f"Bitpacking float32 in cache reads, in GB/s: {speeds}."))
    return [part for part in parts if part is not None]


def noise_parts(noise: Noise | None, uncertainty: float | None) -> list[Text]:
    """How far figures may be off, and what disturbed their measurement.

    Args:
        noise: from `NoiseWatch.after()`, None if nobody looked.
        uncertainty: how far ratios may be off, as a share; None if nobody looked.

    Returns:
        What is to be read before the figures.
    """
    problems = noise.problems if noise is not None else []
    known = "" if uncertainty is None else f"ratios are accurate to ±{percent(uncertainty)}"
    if not problems:
        return [Text(f"{known.capitalize()} (95 % intervals, the widest).", QUIET)] if known else []
    first = f"The machine was noisy: {known}." if known else "The machine was noisy."
    return [Text(first, NOISY), *(Text(f"{p[0].upper()}{p[1:]}.", NOISY) for p in problems)]


def percent(share: float) -> str:
    """ "2.3 %", or without decimals from 10 % on."""
    return f"{100 * share:.{0 if share >= 0.0995 else 1}f} %"


def widest(entries: Iterable[Entry]) -> float | None:
    """The greatest uncertainty of entries, None if none has any."""
    found = [u for entry in entries if (u := entry.uncertainty) is not None]
    return max(found, default=None)


def frame_table(frame: pd.DataFrame, caption: str, most: int | None = None) -> Table:
    """A data frame as a table.

    Args:
        frame: with one row for each row of the table. Columns *_low and *_high are shown as ±
            beside the column whose interval they hold.
        caption: caption of the table.
        most: rows to show; None shows all.
    """
    shown = frame if most is None else frame.head(most)
    ends = {f"{column}{end}" for column in frame.columns for end in INTERVAL}
    columns = [column for column in frame.columns if column not in ends]
    rows = [Row([_cell(row, column) for column in columns]) for _, row in shown.iterrows()]
    left = len(frame) - len(shown)
    notes = [f"The first {len(shown)} of {len(frame)} rows."] if left else []
    if ends & set(frame.columns):
        notes.insert(0, "±: 95 % interval.")
    return Table([str(column) for column in columns], rows, caption, notes)


def _origin(report: Report) -> str:
    host = report.host
    frequency = f", {host.frequency_mhz / 1e3:.2f} GHz at the time" if host.frequency_mhz else ""
    software = [f"{name} {version}" for name, version in host.packages.items()]
    if host.python:
        software.insert(0, f"Python {host.python}")
    by = " ".join(report.command)
    return (
        f"{host.cpu}, {counted(host.cpus, 'CPU')}{frequency}, {', '.join(host.flags)}; "
        f"{host.system} on {host.machine}; bnn_lab {report.bnn_lab} with {report.active_backend}; "
        f"{', '.join(software)}; measured {report.time} by {by}. "
        "All figures of one table and number of threads ran in turn; batch 1."
    )


def int8_unit(flags: Sequence[str]) -> str:
    """What int8 TFLite computes with: a binary kernel is judged by it on x86."""
    if "amx_int8" in flags:
        return "int8 TFLite has AMX tiles here."
    if {"avx512_vnni", "avx_vnni"} & set(flags):
        return "int8 TFLite has VNNI here, no AMX tiles."
    if "i8mm" in flags:
        return "int8 TFLite has I8MM here."
    if "asimddp" in flags:
        return "int8 TFLite has dot products (SDOT) here."
    return "int8 TFLite has no instructions of its own here: no VNNI, AMX tiles or dot products."


def _models_table(models: Sequence[Model]) -> Table:
    rows = [*_time_rows(models), *_ratio_rows(models)]
    floors = [model.float_floor_s for model in models]
    if any(floor is not None for floor in floors):
        cells = [NOTHING if floor is None else _ms(floor) for floor in floors]
        rows.append(Row(["float floor, ms", *cells]))
    rows.append(Row(["MACs, millions", *(f"{model.macs / 1e6:.0f}" for model in models)]))
    binary = [
        f"{model.binary_macs / model.macs:.1%}" if model.macs else NOTHING for model in models
    ]
    rows.append(Row(["of them binary", *binary]))
    for kind in dict.fromkeys(kind for model in models for kind in model.file_bytes):
        sizes = [model.file_bytes.get(kind) for model in models]
        cells = [NOTHING if size is None else f"{size / 1e6:.1f}" for size in sizes]
        rows.append(Row([f"{kind} file, MB", *cells]))
    return Table(
        ["", *(model.name for model in models)],
        rows,
        _caption(models),
        ["Float floor: the ops that stay float. If binary ops took no time, it would remain."],
    )


def _layers_table(layers: Sequence[Layer]) -> Table:
    rows = [*_time_rows(layers), *_ratio_rows(layers)]
    reference = layers[0].reference
    speeds = [f"{layer.gmacs_per_s[layer.reference]:.0f}" for layer in layers]
    rows.append(Row([f"{reference}, 10⁹ MAC/s", *speeds]))
    for backend in dict.fromkeys(name for layer in layers for name in layer.ceiling_gmacs_per_s):
        rows.append(Row([f"{ours(backend)}, of its ceiling", *_of_ceiling(layers, backend)]))
    return Table(
        ["", *(layer.name for layer in layers)],
        rows,
        f"{_caption(layers)}; binary ones read bits",
        [
            "Ceiling: xor, popcount and add on the registers of each thread; best round over best "
            "round of the same run. A backend that looks nibbles up has none."
        ],
    )


def _of_ceiling(layers: Iterable[Layer], backend: str) -> Iterable[str]:
    for layer in layers:
        times, ceiling = layer.of(ours(backend)), layer.ceiling_gmacs_per_s.get(backend)
        if times is None or ceiling is None:
            yield NOTHING
        else:
            best = layer.macs / times.min_s / 1e9
            yield f"{best / (ceiling * layer.num_threads):.0%}"


def _time_rows(entries: Sequence[Entry]) -> Iterable[Row]:
    for name in _names(entries):
        found = [entry.of(name) for entry in entries]
        cells = [
            NOTHING if times is None else f"{_ms(times.median_s)} ({_ms(times.min_s)})"
            for times in found
        ]
        yield Row([name, *cells])


def _ratio_rows(entries: Sequence[Entry]) -> Iterable[Row]:
    for name in _names(entries):
        factors = [entry.speedup_over.get(name) for entry in entries]
        if any(factor is not None for factor in factors):
            cells = [_ratio(entry, name) for entry in entries]
            yield Row([f"over {name}", *cells], strong=True)


def _ratio(entry: Entry, name: str) -> str:
    factor, interval = entry.speedup_over.get(name), entry.speedup_interval.get(name)
    if factor is None:
        return NOTHING
    if interval is None:
        return f"{factor:.1f}×"
    return f"{factor:.1f}× ±{percent(off_by(factor, *interval))}"


def _caption(entries: Sequence[Entry]) -> str:
    return f"Median ms (fastest); bold: how many times faster {entries[0].reference} is"


def _ms(seconds: float) -> str:
    """Milliseconds with three significant digits."""
    return f"{seconds * 1e3:.3g}" if seconds < 0.9995 else f"{seconds * 1e3:.0f}"


def _names(entries: Iterable[Entry]) -> dict[str, None]:
    return dict.fromkeys(times.name for entry in entries for times in entry.times)


def _cell(row: pd.Series, column: str) -> str:
    ends = [f"{column}{end}" for end in INTERVAL]
    text = _number(row[column])
    if not all(end in row for end in ends) or not row[column]:
        return text
    return f"{text} ±{percent(off_by(row[column], *(row[end] for end in ends)))}"


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
