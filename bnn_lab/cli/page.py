"""Reports and studies as one self-contained page: tables, plots with their words, no network."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bnn_lab._files import write_whole
from bnn_lab.bench.model_bench import profile_of
from bnn_lab.bench.report import Report, peers_of
from bnn_lab.errors import InputError
from bnn_lab.experiments.latency.base import Study
from bnn_lab.figures.bench_figures import draw_models, draw_speedups
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.profile import draw_profile
from bnn_lab.figures.studies import draw_study

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --quiet: #666; --back: #fff; --text: #1a1a1a;
  --bold: #0072b2; }
@media (prefers-color-scheme: dark) {
  :root { --quiet: #aaa; --back: #161616; --text: #e8e8e8; --bold: #6db8e8; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; padding: 1.5rem; max-width: 76rem;
  background: var(--back); color: var(--text); }
h1 { font-size: 1.6rem; } h2 { margin-top: 2.5rem; } h3 { margin-top: 2rem; }
p.quiet, figcaption, caption { color: var(--quiet); font-size: .9rem; }
caption { text-align: left; padding: .3rem 0; }
div.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: right; }
th:first-child, td:first-child { text-align: left; }
tr.ratio td { font-weight: 600; color: var(--bold); }
figure { margin: 1.5rem 0; }
p.noisy { border-left: .3rem solid #d55e00; padding-left: .7rem; }
"""


def write_page(reports: Sequence[Report], path: str | os.PathLike[str]) -> None:
    """Write a page with the tables and plots of reports, one section per device.

    Args:
        reports: from `make_report`, `read_report` or `merge_reports`.
        path: of the page; directories are made.

    Raises:
        InputError: there are no reports, or the file cannot be written.
    """
    if not reports:
        raise InputError("write_page: there are no reports.")
    page = _Page("Benchmark of binarized networks")
    for report in reports:
        _device(page, report)
    page.write(path)


def write_study_page(study: Study, path: str | os.PathLike[str]) -> None:
    """Write a page with a study's finding, figure and table.

    Raises:
        InputError: the file cannot be written.
    """
    page = _Page(study.question)
    page.add(f"<p>{_text(study.finding)}</p>")
    _problems(page, study.noise)
    page.draw(draw_study(study))
    rows = [[_number(v) for v in row] for row in study.frame.itertuples(index=False)]
    page.table(list(study.frame.columns), rows, f"Measured on {study.host['cpu']}.")
    page.write(path)


def _device(page: _Page, report: Report) -> None:
    host = report["host"]
    page.add(f"<h2>{_text(report['device'])}</h2>")
    flags = ", ".join(host["flags"])
    packages = ", ".join(f"{k} {v}" for k, v in host.get("packages", {}).items())
    page.add(
        f'<p class="quiet">{_text(host["cpu"])}, {host["cpus"]} CPU(s), {_text(flags)}; '
        f"{_text(host['system'])} on {_text(host['machine'])}; bnn_lab "
        f"{_text(report['bnn_lab'])} with {_text(report['active_backend'])}, {_text(packages)}; "
        f"measured {_text(report['time'])} by <code>bnn-lab {_text(' '.join(report['command']))}"
        "</code>. All peers of a row ran interleaved; batch 1.</p>"
    )
    _problems(page, report["noise"] or {})
    for count, entries in _by_threads(report["models"]):
        page.add(f"<h3>Models, {count} thread(s)</h3>")
        page.draw(draw_models(entries))
        _entries_table(page, entries, "Median ms (fastest).")
        floors = [e for e in entries if e["float_floor_s"] is not None]
        for entry in floors:
            ms = entry["float_floor_s"] * 1e3
            page.add(
                f"<p>{_text(entry['name'])}: ops that are not bnn_lab's take {ms:.3f} ms; were "
                "binary ops free, that would remain.</p>"
            )
    for count, entries in _by_threads(report["layers"]):
        page.add(f"<h3>Layers, {count} thread(s)</h3>")
        page.draw(draw_speedups(entries))
        _entries_table(page, entries, "Median ms (fastest). Binary peers read bits.")
    profiled = [e for e in report["models"] if e["profile"] and e["num_threads"] == 1]
    if profiled:
        page.add("<h3>Where the time goes, 1 thread</h3>")
    for entry in profiled:
        page.draw(draw_profile(profile_of(entry), entry["name"]))
    if speeds := report.get("bitpack_gb_per_s"):
        words = ", ".join(f"{name} {value:.0f}" for name, value in speeds.items())
        page.add(f"<p>Bitpacking float32 in cache reads, in GB/s: {_text(words)}.</p>")


def _problems(page: _Page, noise: Mapping[str, Any]) -> None:
    for problem in noise.get("problems", ()):
        page.add(f'<p class="noisy">The machine was noisy: {_text(problem)}.</p>')


def _by_threads(entries: Iterable[dict[str, Any]]) -> list[tuple[int, list[dict[str, Any]]]]:
    groups: dict[int, list[dict[str, Any]]] = {}
    for entry in entries:
        groups.setdefault(entry["num_threads"], []).append(entry)
    return sorted(groups.items())


def _entries_table(page: _Page, entries: Sequence[dict[str, Any]], caption: str) -> None:
    found = [peers_of(entry) for entry in entries]
    names = dict.fromkeys(name for peers in found for name in peers)
    rows = []
    for name in names:
        cells = [
            f"{p[name]['median_s'] * 1e3:.4g} ({p[name]['min_s'] * 1e3:.4g})" if name in p else "–"
            for p in found
        ]
        rows.append([name, *cells])
    reference, ratios = entries[0]["reference"], []
    for name in names:
        if name == reference:
            continue
        cells = [
            f"{e['speedup_over'][name]:.2f}×" if name in e["speedup_over"] else "–" for e in entries
        ]
        ratios.append([f"{reference} over {name}", *cells])
    page.table(["peer", *(e["name"] for e in entries)], rows, caption, ratios)


class _Page:
    """Collects the body; plotly's code goes in once, with the first figure."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts: list[str] = [f"<h1>{_text(title)}</h1>"]
        self._has_code = False

    def add(self, part: str) -> None:
        self._parts.append(part)

    def draw(self, drawing: Drawing) -> None:
        from plotly.io import to_html

        content = to_html(
            drawing.figure,
            full_html=False,
            include_plotlyjs=not self._has_code,
            config={"responsive": True, "displaylogo": False},
        )
        self._has_code = True
        words = _text(drawing.words)
        self.add(
            f'<figure><div role="img" aria-label="{words}">{content}</div>'
            f"<figcaption>{words}</figcaption></figure>"
        )

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[str]],
        caption: str,
        ratios: Sequence[Sequence[str]] = (),
    ) -> None:
        def row(cells: Sequence[str], kind: str = "") -> str:
            return f"<tr{kind}>{''.join(f'<td>{_text(cell)}</td>' for cell in cells)}</tr>"

        head = "".join(f'<th scope="col">{_text(column)}</th>' for column in columns)
        body = [row(cells) for cells in rows]
        body += [row(cells, ' class="ratio"') for cells in ratios]
        self.add(
            f'<div class="wide"><table><caption>{_text(caption)}</caption><thead><tr>{head}</tr>'
            f"</thead><tbody>{''.join(body)}</tbody></table></div>"
        )

    def write(self, path: str | os.PathLike[str]) -> None:
        text = (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{_text(self._title)}</title><style>{_STYLE}</style></head>\n"
            f"<body>{''.join(self._parts)}</body></html>\n"
        )
        write_whole(Path(path), text.encode())


def _text(value: Any) -> str:
    return html.escape(str(value))


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
