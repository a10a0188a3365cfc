"""Two reports side by side: what became faster, and whether the ratios agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bnn_lab.bench.report import Report
from bnn_lab.bench.tables import NOISY, Part, Row, Table, Text
from bnn_lab.errors import InputError

AGREEMENT = 0.1  # what two runs on the same quiet machine keep within


@dataclass(frozen=True)
class Comparison:
    """One layer or model on one runtime, in two reports.

    Attributes:
        name: name of the layer or model.
        num_threads: threads of the run.
        runs_on: such as "bnn_lab avx2" or "int8 TFLite".
        first_s: median seconds in the first report.
        second_s: median seconds in the second.
        first_speedup: how many times faster the reference was, in the first report; 1 for the
            reference itself.
        second_speedup: the same in the second.
    """

    name: str
    num_threads: int
    runs_on: str
    first_s: float
    second_s: float
    first_speedup: float
    second_speedup: float

    @property
    def time_ratio(self) -> float:
        """Second over first; below 1, the second is faster."""
        return self.second_s / self.first_s

    @property
    def ratio_change(self) -> float:
        """Relative change of the speed-up, which a slower machine does not change by itself."""
        return self.second_speedup / self.first_speedup - 1


def compare_reports(first: Report, second: Report) -> list[Comparison]:
    """Everything that both reports measured.

    Args:
        first: from `read_report`.
        second: from `read_report`.

    Returns:
        A row per layer or model, number of threads and runtime, in the first report's order.

    Raises:
        InputError: they have nothing in common.
    """
    theirs = {(type(e), e.name, e.num_threads): e for e in (*second.layers, *second.models)}
    found = []
    for entry in (*first.layers, *first.models):
        other = theirs.get((type(entry), entry.name, entry.num_threads))
        for times in entry.times:
            if other is None or (same := other.of(times.name)) is None:
                continue
            found.append(
                Comparison(
                    name=entry.name,
                    num_threads=entry.num_threads,
                    runs_on=times.name,
                    first_s=times.median_s,
                    second_s=same.median_s,
                    first_speedup=entry.speedup_over.get(times.name, 1.0),
                    second_speedup=other.speedup_over.get(times.name, 1.0),
                )
            )
    if not found:
        raise InputError(
            "the two reports have no layer or model with the same number of threads in common"
        )
    return found


def agreement(rows: Sequence[Comparison]) -> str:
    """How far the speed-ups of the two reports agree, as a sentence."""
    changes = sorted(abs(row.ratio_change) for row in rows if row.first_speedup != 1)
    if not changes:
        return "Only the reference is in both reports: there are no ratios to compare."
    within = sum(change <= AGREEMENT for change in changes)
    return (
        f"Of {len(changes)} ratios {within} agree within {AGREEMENT:.0%}; the median change is "
        f"{changes[len(changes) // 2]:.1%}, the largest {changes[-1]:.1%}."
    )


def comparison_parts(first: Report, second: Report, names: tuple[str, str]) -> list[Part]:
    """The comparison as a document.

    Args:
        first: from `read_report`.
        second: from `read_report`.
        names: what to call the two.

    Returns:
        A table, how far the ratios agree, and a warning if the devices differ.

    Raises:
        InputError: they have nothing in common.
    """
    found = compare_reports(first, second)
    table = Table(
        ["layer or model", "threads", "runs on", *_FIGURES],
        [Row(_cells(row)) for row in found],
        f"{names[1]} against {names[0]}",
        ["Below 1, the second is faster; a change of the ratio below 5 % is noise."],
    )
    parts: list[Part] = [table, Text(agreement(found))]
    if first.device != second.device:
        parts.append(Text(f"Different devices: {first.device} and {second.device}.", NOISY))
    return parts


_FIGURES = ("first, ms", "second, ms", "second/first", "reference is faster by", "change")


def _cells(row: Comparison) -> list[str]:
    same = row.first_speedup == row.second_speedup == 1
    return [
        row.name,
        str(row.num_threads),
        row.runs_on,
        f"{row.first_s * 1e3:.4g}",
        f"{row.second_s * 1e3:.4g}",
        f"{row.time_ratio:.2f}",
        "" if same else f"{row.first_speedup:.2f} → {row.second_speedup:.2f}",
        "" if same else f"{row.ratio_change:+.1%}",
    ]
