"""Links of Markdown pages to files that are in the repository but not on the site.

On the repository's page they lead to the file. On the site they become plain text, after a check
that the file exists.
"""

from __future__ import annotations

from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging

ROOT = Path(__file__).resolve().parents[2]
logger = logging.getLogger(__name__)


def replace_links(app: Sphinx, tree: nodes.document) -> None:
    """Called for each page once it is read."""
    folder = Path(app.env.doc2path(app.env.docname)).parent
    for link in list(tree.findall(lambda n: n.tagname in ("pending_xref", "download_reference"))):
        target = link.get("reftarget", "")
        if not target.startswith(".."):
            continue
        path = (folder / target.split("#")[0]).resolve()
        if not path.is_relative_to(ROOT) or path.is_relative_to(ROOT / "docs"):
            continue
        if not path.exists():
            logger.warning("no such file: %s", target, location=link)
        name = str(path.relative_to(ROOT))
        label = nodes.literal(name, name) if link.astext() in ("", name) else nodes.inline()
        label.extend([] if label.children else [child.deepcopy() for child in link.children])
        link.replace_self(label)


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls it."""
    app.connect("doctree-read", replace_links, priority=100)
    return {"parallel_read_safe": True}
