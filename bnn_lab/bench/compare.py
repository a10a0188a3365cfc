"""Two reports side by side: what became faster, and whether the ratios agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from bnn_lab.bench.report import Report, peers_of
from bnn_lab.errors import InputError

AGREEMENT = 0.1  # what two runs on the same quiet machine keep within


@dataclass(frozen=True)
class Comparison:
    """One peer on one layer or model, in two reports.

    Attributes:
        name: of the layer or model.
        num_threads: of the peer.
        peer: its name.
        first_s: median seconds in the first report.
        second_s: median seconds in the second.
        first_speedup: how many times faster the reference peer was than this one, in the first
            report; 1 for the reference itself.
        second_speedup: the same in the second.
    """

    name: str
    num_threads: int
    peer: str
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
        A row per layer or model, number of threads and peer, in the first report's order.

    Raises:
        InputError: they have nothing in common.
    """
    found = []
    for part in ("layers", "models"):
        others = {(e["name"], e["num_threads"]): e for e in second[part]}
        for entry in first[part]:
            other = others.get((entry["name"], entry["num_threads"]))
            if other is None:
                continue
            theirs = peers_of(other)
            for name, peer in peers_of(entry).items():
                if name not in theirs:
                    continue
                found.append(
                    Comparison(
                        name=entry["name"],
                        num_threads=entry["num_threads"],
                        peer=name,
                        first_s=peer["median_s"],
                        second_s=theirs[name]["median_s"],
                        first_speedup=entry["speedup_over"].get(name, 1.0),
                        second_speedup=other["speedup_over"].get(name, 1.0),
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
        return "Only the reference peer is in both reports: there are no ratios to compare."
    within = sum(change <= AGREEMENT for change in changes)
    return (
        f"Of {len(changes)} ratios {within} agree within {AGREEMENT:.0%}; the median change is "
        f"{changes[len(changes) // 2]:.1%}, the largest {changes[-1]:.1%}."
    )


def comparison_table(rows: Sequence[Comparison], first: str, second: str) -> Table:
    """The comparison for a terminal.

    Args:
        rows: from `compare_reports`.
        first: what to call the first report.
        second: what to call the second.
    """
    table = Table(title=f"{second} against {first}", title_justify="left")
    table.add_column("layer or model")
    table.add_column("threads", justify="right")
    table.add_column("peer")
    for column in ("first, ms", "second, ms", "second/first", "ours over peer", "change"):
        table.add_column(column, justify="right")
    for row in rows:
        same = row.first_speedup == row.second_speedup == 1
        table.add_row(
            row.name,
            str(row.num_threads),
            row.peer,
            f"{row.first_s * 1e3:.4g}",
            f"{row.second_s * 1e3:.4g}",
            f"{row.time_ratio:.2f}",
            "" if same else f"{row.first_speedup:.2f} → {row.second_speedup:.2f}",
            "" if same else f"{row.ratio_change:+.1%}",
        )
    table.caption = "below 1, the second is faster; a change of the ratio below 5 % is noise"
    return table
