"""Reports as Markdown tables, for documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnn_lab.bench.report import Report, peers_of


def markdown(reports: Sequence[Report]) -> str:
    """Tables of all devices: medians, ratios, the float ops' floor.

    Args:
        reports: from `merge_reports`.

    Returns:
        Markdown with a heading per device.
    """
    return "\n".join(part for report in reports for part in _device(report))


def _device(report: Report) -> list[str]:
    host = report["host"]
    parts = [
        f"## {report['device']}",
        "",
        f"{host['cpus']} CPU(s), {', '.join(host['flags'])}; Python {host['python']}, "
        + ", ".join(f"{name} {version}" for name, version in host["packages"].items())
        + f"; {report['time'][:10]}.",
    ]
    for problem in (report["noise"] or {}).get("problems", ()):
        parts += ["", f"**Noisy:** {problem}."]
    for title, key in (("Layers", "layers"), ("Models", "models")):
        for count in sorted({entry["num_threads"] for entry in report[key]}):
            entries = [e for e in report[key] if e["num_threads"] == count]
            parts += ["", f"### {title}, {count} thread(s): median ms", "", *_table(entries)]
    return [*parts, ""]


def _table(entries: Sequence[dict[str, Any]]) -> list[str]:
    found = [peers_of(entry) for entry in entries]
    names = list(dict.fromkeys(name for peers in found for name in peers))
    rows = [["peer", *(entry["name"] for entry in entries)]]
    for name in names:
        cells = [_ms(peers[name]["median_s"]) if name in peers else "–" for peers in found]
        rows.append([name, *cells])
    reference = entries[0]["reference"]
    for name in names:
        if name == reference:
            continue
        factors = [entry["speedup_over"].get(name) for entry in entries]
        cells = ["–" if factor is None else f"{factor:.1f}×" for factor in factors]
        rows.append([f"**{reference} over {name}**", *cells])
    floors = [entry.get("float_floor_s") for entry in entries]
    if any(floor is not None for floor in floors):
        cells = ["–" if floor is None else _ms(floor) for floor in floors]
        rows.append(["of it, ops that are not bnn_lab's", *cells])
    rows.insert(1, ["---", *["---:"] * len(entries)])
    return [f"| {' | '.join(row)} |" for row in rows]


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.3f}"
