"""Pages made from what the project already has: lessons, help texts, cases of tests.

They are written beside the hand-written ones before Sphinx looks for pages; git ignores them.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import nbformat
import plotly
import recorded
from explorables import explorable_html
from sphinx.application import Sphinx

from bnn_lab.widgets.explorable import MIME

DOCS = Path(__file__).resolve().parents[1]
FETCHED = DOCS / "_build" / "fetched"
NOTEBOOKS = DOCS.parent / "notebooks" / "lessons"
PLOTLY = "application/vnd.plotly.v1+json"


def make_pages(app: Sphinx) -> None:
    """Called before Sphinx reads any page."""
    make_lessons()
    make_command_line_page()
    make_report_schema()
    make_op_support_page()


def make_lessons() -> None:
    """Copy the lessons, their figures turned into HTML that shares one copy of plotly."""
    target = DOCS / "lessons"
    target.mkdir(exist_ok=True)
    for old in target.glob("[0-9]*.ipynb"):
        old.unlink()
    for source in sorted(NOTEBOOKS.glob("[0-9]*.ipynb")):
        notebook = nbformat.read(source, 4)
        seen = False
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type == "markdown":
                cell.source = site_links(cell.source)
            outputs = cell.get("outputs", [])
            recording = None
            if any(PLOTLY in output.get("data", {}) for output in outputs):
                cell.outputs = [_wrapped(output) for output in outputs]
                recording = recorded.name_of(cell.source)
                if recording:
                    recorded.write(recording)
                    if more := recorded.RECORDINGS[recording].more:
                        cell.outputs.append(_paragraph("figure-more", more))
            for output in cell.get("outputs", ()):
                if PLOTLY in output.get("data", {}):
                    name = f"figure-{source.stem}-{number}"
                    picture = "".join(output.data["image/svg+xml"])
                    shown = figure_html(
                        output.data[PLOTLY], name, picture, recording or "", _narrow(cell.source)
                    )
                    output.data = {"text/html": shown}
                elif MIME in output.get("data", {}):
                    picture = "".join(output.data["image/svg+xml"])
                    shown = explorable_html(
                        **output.data[MIME], picture=picture, depth=1, soon=not seen
                    )
                    seen = True
                    output.data = {"text/html": shown}
        nbformat.write(notebook, target / source.name)
    copy_plotly()


def copy_plotly() -> None:
    """Put plotly's script into the site: the small bundle if `fetch_peers.py` brought it."""
    whole = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    small = FETCHED / "plotly.min.js"
    shutil.copyfile(small if small.exists() else whole, DOCS / "_static" / "plotly.min.js")


def _wrapped(output: Any) -> Any:
    """What stands below a figure, and what is printed, are sentences, which may wrap."""
    if output.output_type == "stream" and output.text.strip():
        return _paragraph("figure-words", output.text.strip())
    if "figure-words" in output.get("data", {}).get("text/markdown", ""):
        return _paragraph("figure-words", output.data["text/plain"])
    return output


def _paragraph(kind: str, text: str) -> Any:
    data = {"text/html": f'<p class="{kind}">{html.escape(text)}</p>'}
    return nbformat.v4.new_output("display_data", data=data)


def site_links(text: str) -> str:
    """Relative links of a lesson to a page under docs/, as they are on the site."""
    return re.sub(r"\]\((?:\.\./)+docs/([^)]+)\)", r"](../\1)", text)


def _narrow(source: str) -> dict[str, Any] | None:
    """The figure of a cell as a phone has it, where only another arrangement can be read there."""
    if re.search(r"\bdraw_lesson_map\(\)", source) is None:
        return None
    from bnn_lab.figures.lesson_map import draw_lesson_map

    return json.loads(draw_lesson_map(tall=True).figure.to_json())  # type: ignore[no-any-return]


def figure_html(
    figure: dict[str, Any],
    name: str,
    picture: str = "",
    recording: str = "",
    narrow: dict[str, Any] | None = None,
) -> str:
    """A figure with alternative text.

    Args:
        figure: plotly's JSON.
        name: unique on the page.
        picture: SVG, which stands there until plotly draws, and without scripts.
        recording: name of what `recorded.py` writes for it, if its controls are recorded.
        narrow: another one for narrow windows, plotly's JSON.
    """
    layout = figure.get("layout", {})
    title = layout.get("title", {})
    alt = layout.get("meta", {}).get("alt") if isinstance(layout.get("meta"), dict) else None
    alt = alt or (title.get("text") if isinstance(title, dict) else title) or ""
    alt = re.sub(r"<[^>]+>", "", alt)
    stored = {"data": figure["data"], "layout": {**layout, "autosize": True}}
    content = json.dumps(stored | ({"narrow": narrow} if narrow else {}))
    content = content.replace("</", "<\\/")  # a text in the figure must not end the script
    return (
        f'<div id="{name}" class="figure" role="img" aria-label="{html.escape(alt)}">'
        f"{picture}</div>\n"
        f'<script type="application/json" class="figure-data" data-for="{name}"'
        f' data-recorded="{recording}">{content}</script>'
    )


def make_command_line_page() -> None:
    """The help of every command, as typer writes it."""
    import typer
    from typer.cli import get_docs_for_click

    from bnn_lab.cli.main import app

    command = typer.main.get_command(app)
    context = typer.Context(command, info_name="bnn-lab")
    text = get_docs_for_click(obj=command, ctx=context, name="bnn-lab")
    # typer writes HTML tags for colours and escapes nothing; Markdown must not read them.
    lines = ["<!-- made by docs/_ext/generated_pages.py -->", "", *text.splitlines()]
    (DOCS / "reference" / "cli.md").write_text("\n".join(lines) + "\n")


def make_report_schema() -> None:
    """The schema of reports, from the classes that read and write them."""
    from bnn_lab.bench.report import report_schema

    text = json.dumps(report_schema(), indent=1)
    (DOCS / "reference" / "report.schema.json").write_text(f"{text}\n")


def make_op_support_page() -> None:
    """The cases that `tests/convert/test_op_support.py` proves, as tables."""
    sys.path.insert(0, str(DOCS.parent / "tests" / "convert"))
    from support_cases import CASES

    lines = [
        "# Op support",
        "",
        "What each layer and quantizer of larq becomes. Every row is a test case: the layer is",
        "converted, and its output equals Keras'.",
        "",
        "The first column of ops is for files that LCE's interpreter can run, the second for",
        "`lce_compatible=False`. Layers that stay float give the same result as in Keras; the",
        "report names the reason.",
    ]
    for group in dict.fromkeys(case.group for case in CASES):
        lines += ["", f"## {group}", "", "| | file for LCE | file for bnn_lab | note |"]
        lines.append("|---|---|---|---|")
        for case in CASES:
            if case.group == group:
                lines.append(f"| {case.name} | {case.lce} | {case.own} | {case.note} |")
    from quantizer_cases import STYLES

    lines += [
        "",
        "## Quantizers of other packages and of papers",
        "",
        "As input and kernel quantizer of a convolution, in float and in int8 models. The reason",
        "is part of what the report says.",
        "",
        "| | quantizer | layer | reason or note |",
        "|---|---|---|---|",
    ]
    for style in STYLES:
        remark = style.reason or style.note
        lines.append(f"| {style.package} | {style.name} | {style.verdict} | {remark} |")
    (DOCS / "reference" / "op-support.md").write_text("\n".join(lines) + "\n")


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls it."""
    app.connect("builder-inited", make_pages)
    app.add_js_file("figures.js", priority=200)
    return {"parallel_read_safe": True}
