"""Reports and studies as HTML pages: documents of the bench, with the figures drawn in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bnn_lab.bench.model_bench import profile_of
from bnn_lab.bench.render import to_html
from bnn_lab.bench.report import Report
from bnn_lab.bench.tables import (
    LAYERS,
    MODELS,
    Fragment,
    Heading,
    Part,
    Text,
    frame_table,
    noise_parts,
    report_parts,
)
from bnn_lab.cli.merge import study_parts
from bnn_lab.cli.terminal import write_file
from bnn_lab.errors import InputError
from bnn_lab.experiments.latency import STUDIES
from bnn_lab.experiments.latency.base import Study
from bnn_lab.experiments.latency.of_reports import FROM_REPORTS, study_frame
from bnn_lab.figures.bench_figures import draw_models, draw_speedups
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.profile_figure import draw_profile
from bnn_lab.figures.studies import draw_devices, draw_frame
from bnn_lab.widgets.live_figure import controls_script

# Plotly's own script of a figure ends with it: the figure as it was drawn gets its controls.
_START = """
{
  const plot = document.getElementById("{plot_id}");
  const figure = { data: structuredClone(plot.data), layout: structuredClone(plot.layout) };
  const config = { responsive: true, displaylogo: false };
  const draw = ({ data, layout }) => Plotly.react(plot, data, layout, config);
  globalThis.bnnLabControls(plot.parentElement, figure, draw);
}
"""


def write_page(reports: Sequence[Report], path: Path, studies: Sequence[Study] = ()) -> None:
    """Write a page with the tables and figures of reports, one section per device, and of studies.

    Args:
        reports: from `make_report`, `read_report` or `merge_reports`.
        path: path of the page; folders are made.
        studies: from `merge_studies`.

    Raises:
        InputError: there are no reports or studies, or the file cannot be written.
    """
    if not reports and not studies:
        raise InputError("write_page: there are no reports or studies. Fix: pass one")
    embed = _Embedder()

    def draw(what: str, entries: Any) -> Fragment | None:
        if what == MODELS:
            return embed(draw_models(entries))
        if what == LAYERS:
            return embed(draw_speedups(entries))
        profile = profile_of(entries)
        return None if profile is None else embed(draw_profile(profile, entries.name))

    parts: list[Part] = []
    for name in FROM_REPORTS if reports else ():
        try:
            frame = study_frame(name, reports)
        except InputError:  # reports of single layers
            continue
        parts += [Heading(STUDIES[name].question), embed(draw_frame(name, frame))]
    parts += [part for report in reports for part in report_parts(report, draw)]
    for study in studies:
        heading, *words, table = study_parts(study)
        parts += [heading, *words, *map(embed, draw_devices(study)), table]
    write_file(path, to_html("Benchmark of binarized networks", parts), "page")


def write_study_page(study: Study, path: Path) -> None:
    """Write a page with a study's finding, figure and table.

    Raises:
        InputError: the file cannot be written.
    """
    parts: list[Part] = [
        *noise_parts(study.noise, study.uncertainty),
        Text(study.finding),
        *map(_Embedder(), draw_devices(study)),
        frame_table(study.frame, f"Measured on {study.host.cpu}"),
    ]
    write_file(path, to_html(study.question, parts), "page")


def write_experiment_page(question: str, frame: Any, drawing: Drawing, path: Path) -> None:
    """Write a page with an experiment's figure and table.

    Raises:
        InputError: the file cannot be written.
    """
    parts: list[Part] = [_Embedder()(drawing), frame_table(frame, "Runs")]
    write_file(path, to_html(question, parts), "page")


class _Embedder:
    """Figures as HTML; plotly's code goes in once, with the first."""

    def __init__(self) -> None:
        self._has_code = self._has_controls = False

    def __call__(self, drawing: Drawing) -> Fragment:
        from plotly.io import to_html as plotly_html

        config = {"responsive": True, "displaylogo": False}
        controlled = bool((drawing.figure.layout.meta or {}).get("controls"))
        content = plotly_html(
            drawing.figure,
            full_html=False,
            include_plotlyjs=not self._has_code,
            config=config,
            post_script=_START if controlled else None,
        )
        if controlled and not self._has_controls:
            content = f"<script>{controls_script()}</script>\n{content}"
            self._has_controls = True
        self._has_code = True
        return Fragment(content, drawing.words)
