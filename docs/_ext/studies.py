"""The studies' figures on the site, with controls that need no Python.

In a page:

    ```{study} speedup
    ```

shows what `recorded_study` has, or else what the report that comes with bnn_lab tells of it.
`sections` is the stored run of the experiment of this name.
"""

from __future__ import annotations

import html
import json
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from generated_pages import figure_html
from sphinx.application import Sphinx

from bnn_lab._files import write_whole
from bnn_lab.bench.report import EXAMPLE, read_report
from bnn_lab.experiments.latency.files import RECORDED, recorded_study
from bnn_lab.experiments.latency.of_reports import study_frame
from bnn_lab.experiments.training import recorded_section_shortcuts
from bnn_lab.figures.architecture import draw_section_choices
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.still import still
from bnn_lab.figures.studies import draw_frame, draw_study
from bnn_lab.measure.host import Host
from bnn_lab.measure.noise import Noise
from bnn_lab.widgets.live_figure import controls_script

SECTIONS = "sections"
CONTROLS = Path(__file__).resolve().parents[1] / "_static" / "controls.js"


class StudyDirective(Directive):
    """Puts a study's figure into a page, with its finding and where it was measured."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Docutils calls it."""
        name = self.arguments[0]
        drawing, finding, origin = _shown(name)
        figure = json.loads(drawing.figure.to_json())
        figure["layout"].pop("template", None)
        shown = figure_html(figure, f"study-{name}", still(drawing.figure))
        words = "".join(
            f'<p class="figure-words">{html.escape(text)}</p>\n' for text in (finding, origin)
        )
        return [nodes.raw("", f"{shown}\n{words}", format="html")]


def _shown(name: str) -> tuple[Drawing, str, str]:
    """A study's figure, its finding in words, and where it was measured."""
    if name == SECTIONS:
        stored = recorded_section_shortcuts()
        drawing = draw_section_choices(stored.frame)
        return drawing, drawing.words, f"{_measured(stored.cpu, stored.time)}."
    if name in RECORDED:
        study = recorded_study(name)
        known = study.uncertainty
        most = "" if known is None else f" Ratios are known to ±{100 * known:.0f} % or better."
        origin = _origin(study.host, study.time, study.noise) + most
        return draw_study(study), study.finding, origin
    report = read_report(EXAMPLE)
    drawing = draw_frame(name, study_frame(name, [report]).drop(columns="device"))
    return drawing, drawing.words, _origin(report.host, report.time, report.noise)


def _origin(host: Host, time: str, noise: Noise | None) -> str:
    rounds = "" if noise is None else f"; {noise.quiet_rounds} of {noise.rounds} rounds were quiet"
    rounds += " and count" if rounds else ""
    return f"{_measured(f'{host.cpu} with {host.cpus} CPUs', time)}{rounds}."


def _measured(where: str, time: str) -> str:
    return f"Measured on {where}, {time.partition('T')[0]}"


def write_script(app: Sphinx) -> None:
    """The controls, for all figures that have some."""
    write_whole(CONTROLS, controls_script().encode())


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls it."""
    app.add_directive("study", StudyDirective)
    app.connect("builder-inited", write_script)
    return {"parallel_read_safe": True}
