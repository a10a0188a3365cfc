"""Reports as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from bnn_lab.bench.report import Report, peers_of


def print_report(console: Console, report: Report) -> None:
    """Show a report: the host, its layers, its models, and what disturbed the measurement."""
    host = report["host"]
    frequency = host.get("frequency_mhz")
    speed = f", {frequency / 1e3:.2f} GHz now" if frequency else ""
    console.print(
        f"{report['device']}, {host['cpus']} CPU(s){speed}, active: {report['active_backend']}"
    )
    for count in dict.fromkeys(entry["num_threads"] for entry in report["layers"]):
        entries = [e for e in report["layers"] if e["num_threads"] == count]
        console.print(_layer_table(entries, count))
    if report["layers"]:
        console.print(
            "ceiling: xor, popcount and add on registers alone; best round over best round of the "
            "same run; the lookup of avx2 has none"
        )
    if speeds := report.get("bitpack_gb_per_s"):
        text = ", ".join(f"{name} {value:.0f}" for name, value in speeds.items())
        console.print(f"bitpack float32, in-cache, GB/s read: {text}")
    for entry in report["models"]:
        console.print(_model_table(entry))
    for problem in (report["noise"] or {}).get("problems", ()):
        console.print(f"noisy: {problem}", style="yellow")


def _layer_table(entries: Sequence[Mapping[str, Any]], num_threads: int) -> Table:
    table = Table(
        title=f"Layers, {num_threads} thread(s): median ms (min) and 10⁹ MAC/s",
        title_justify="left",
    )
    table.add_column("peer")
    for entry in entries:
        table.add_column(entry["name"], justify="right")
    peers = [peers_of(entry) for entry in entries]
    for name in dict.fromkeys(name for found in peers for name in found):
        cells = [
            _time_cell(found[name], entry["gmacs_per_s"][name]) if name in found else "-"
            for entry, found in zip(entries, peers, strict=True)
        ]
        table.add_row(name, *cells)
    reference = entries[0]["reference"]
    for name in dict.fromkeys(name for entry in entries for name in entry["speedup_over"]):
        if name.startswith("bnn_lab"):
            continue
        cells = [_factor(entry["speedup_over"].get(name)) for entry in entries]
        table.add_row(f"{reference} over {name}", *cells, style="bold")
    for backend, ceiling in entries[0]["ceiling_gmacs_per_s"].items():
        cells = []
        for entry, found in zip(entries, peers, strict=True):
            best = entry["macs"] / found[f"bnn_lab {backend}"]["min_s"] / 1e9
            cells.append(f"{100 * best / entry['ceiling_gmacs_per_s'][backend]:.0f}%")
        table.add_row(f"bnn_lab {backend}, of its ceiling ({ceiling:.0f})", *cells)
    return table


def _model_table(entry: Mapping[str, Any]) -> Table:
    macs, binary = entry["macs"] / 1e6, entry["binary_macs"] / 1e6
    table = Table(
        title=f"{entry['name']}, {entry['num_threads']} thread(s): {binary:.0f} of {macs:.0f} "
        "million MACs are binary",
        title_justify="left",
    )
    table.add_column("peer")
    for column in ("median ms", "min", "90 %", f"{entry['reference']} is faster by"):
        table.add_column(column, justify="right")
    for name, peer in peers_of(entry).items():
        times = [f"{peer[key] * 1e3:.3f}" for key in ("median_s", "min_s", "p90_s")]
        table.add_row(name, *times, _factor(entry["speedup_over"].get(name)))
    sizes = ", ".join(f"{kind} {size / 1e6:.1f} MB" for kind, size in entry["file_bytes"].items())
    table.caption = f"files: {sizes}"
    floor = entry["float_floor_s"]
    if floor is not None:
        ours = peers_of(entry)[entry["reference"]]["median_s"]
        rest = ours - floor
        table.caption += (
            f"\nops that are not bnn_lab's take {floor * 1e3:.3f} ms; were binary ops free, that "
            "would remain"
        )
        if rest > 0:
            rate = entry["binary_macs"] / rest / 1e9
            table.caption += f"; the rest runs {rate:.0f} · 10⁹ binary MAC/s"
    return table


def _time_cell(peer: Mapping[str, Any], gmacs: float) -> str:
    median, low = peer["median_s"] * 1e3, peer["min_s"] * 1e3
    return f"{median:.3f} ({low:.3f})\n{gmacs:.0f}"


def _factor(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}x"
