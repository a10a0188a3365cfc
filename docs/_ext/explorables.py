"""Explorables on the site: alive without a kernel, from the same files as in a notebook.

In a page:

    ```{explorable} ball_and_lamp
    {"drift": 0.5}
    ```

with the state to start in, which may be left out. Lessons have theirs from the stored outputs.
"""

from __future__ import annotations

import html
import json
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from bnn_lab.widgets import bundle, render

STATIC = Path(__file__).resolve().parents[1] / "_static" / "explorables"


class ExplorableDirective(Directive):
    """Puts an explorable into a page."""

    required_arguments = 1
    optional_arguments = 0
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Docutils calls it."""
        module = self.arguments[0]
        start = "\n".join(self.content) or "{}"
        page = self.state.document.settings.env.docname
        picture = render.draw(module, json.loads(start))
        text = explorable_html(module, "", start, picture, page.count("/"), soon=True)
        return [nodes.raw("", text, format="html")]


def explorable_html(
    module: str, name: str, start: str, picture: str, depth: int, soon: bool = False
) -> str:
    """The element that `core/site.js` brings to life; until then, and without scripts, a picture.

    Args:
        module: name of the explorable's files.
        name: of this one, in the page's address; "" for the module's.
        start: fields that start at another value, as JSON.
        picture: SVG.
        depth: how many folders the page lies below the site's root.
        soon: whether a reader sees it first, so that its script need not wait for the core's.
    """
    data = {"explorable": module, "name": name, "start": start}
    attributes = "".join(
        f' data-{key}="{html.escape(value)}"' for key, value in data.items() if value
    )
    folder = f"{'../' * depth}_static/explorables"
    early = f'<link rel="preload" as="script" href="{folder}/{module}.js">\n' if soon else ""
    return (
        f'{early}<div class="bnn-lab-explorable-here"{attributes}>{picture}</div>\n'
        f'<script defer src="{folder}/explorables.js"></script>'
    )


def write_scripts(app: Sphinx) -> None:
    """One script for all pages, and one for each explorable."""
    STATIC.mkdir(parents=True, exist_ok=True)
    (STATIC / "explorables.js").write_text(bundle.classic_core(), encoding="utf-8")
    for name in bundle.explorables():
        (STATIC / f"{name}.js").write_text(bundle.classic(name), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls it."""
    app.add_directive("explorable", ExplorableDirective)
    app.connect("builder-inited", write_scripts)
    return {"parallel_read_safe": True}
