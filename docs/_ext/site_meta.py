"""What each page needs besides its text, and a map of the site.

That is a description and a card for search engines and previews, the link that edits its source,
and headings and landmarks that screen readers understand.
"""

from __future__ import annotations

import html
import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

CARD = "_static/social-card.png"
SIZE = (1200, 630)
LONGEST = 200  # letters of a description

# Pages that generated_pages.py makes, and what they are made from.
SOURCES = (
    (re.compile(r"lessons/(.+)"), r"notebooks/lessons/\1.py"),
    (re.compile(r"reference/api/.+"), "docs/_ext/api_pages.py"),
    (re.compile(r"reference/cli"), "bnn_lab/cli/main.py"),
    (re.compile(r"reference/op-support"), "tests/convert/support_cases.py"),
)


def source_of(page: str, suffix: str) -> str:
    """The file in the repository that a page is made from."""
    for pattern, source in SOURCES:
        if match := pattern.fullmatch(page):
            return match.expand(source)
    return f"docs/{page}{suffix}"


def description_of(tree: nodes.document | None) -> str:
    """The first words of a page."""
    for paragraph in tree.findall(nodes.paragraph) if tree is not None else ():
        words = " ".join(paragraph.astext().split())
        if len(words) > 40:
            return words if len(words) <= LONGEST else words[:LONGEST].rsplit(" ", 1)[0] + " …"
    return ""


def add_to_page(
    app: Sphinx, page: str, template: str, context: dict[str, Any], tree: nodes.document | None
) -> None:
    """Called for each page before its HTML is made."""
    # Sphinx makes captions of the navigation headings, without a level.
    for part in ("body", "furo_navigation_tree"):
        if part in context:
            text = str(context[part])
            context[part] = text.replace('role="heading">', 'role="heading" aria-level="2">')
    if tree is None:  # an index or the search page
        return
    source = source_of(page, context["page_source_suffix"])
    context["theme_source_edit_link"] = f"{app.config.site_repository}/edit/main/{source}"
    base = app.config.html_baseurl
    properties = {
        "og:title": re.sub(r"<[^>]+>", "", context["title"]),
        "og:description": description_of(tree),
        "og:type": "website",
        "og:site_name": app.config.project,
        "og:url": base + address_of(app, page),
        "og:image": base + CARD,
        "og:image:width": str(SIZE[0]),
        "og:image:height": str(SIZE[1]),
        "og:image:alt": "A drawn digit and the bits of a binarized network that reads it",
    }
    tags = [("name", "description", properties["og:description"])]
    tags += [("property", name, text) for name, text in properties.items()]
    tags.append(("name", "twitter:card", "summary_large_image"))
    context["metatags"] += "".join(
        f'<meta {kind}="{name}" content="{html.escape(text)}">\n'
        for kind, name, text in tags
        if text
    )


def address_of(app: Sphinx, page: str) -> str:
    """A page's address below the site's, the front page's empty."""
    return "" if page == app.config.root_doc else f"{page}{app.builder.out_suffix}"


def write_map(app: Sphinx, error: Exception | None) -> None:
    """Called when all pages are written."""
    if error is not None or app.builder.format != "html":
        return
    addresses = [
        app.config.html_baseurl + address_of(app, page) for page in sorted(app.env.found_docs)
    ]
    lines = [f"<url><loc>{html.escape(address)}</loc></url>" for address in addresses]
    (app.outdir / "sitemap.xml").write_text(
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        + "\n".join(lines)
        + "\n</urlset>\n",
        encoding="utf-8",
    )
    robots = f"User-agent: *\nSitemap: {app.config.html_baseurl}sitemap.xml\n"
    (app.outdir / "robots.txt").write_text(robots, encoding="utf-8")


# The theme's template has two asides without a name, and buttons outside of any landmark.
LANDMARKS = {
    '<aside class="sidebar-drawer">': '<aside class="sidebar-drawer" aria-label="Pages">',
    '<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
    '<div class="content-icon-container">': '<div class="content-icon-container" '
    'role="navigation" aria-label="This page">',
}


def name_landmarks(app: Sphinx, error: Exception | None) -> None:
    """Called when all pages are written."""
    if error is not None or app.builder.format != "html":
        return
    for path in app.outdir.rglob("*.html"):
        if "_static" in path.relative_to(app.outdir).parts:
            continue
        text = found = path.read_text(encoding="utf-8")
        for plain, named in LANDMARKS.items():
            text = text.replace(plain, named)
        if text != found:
            path.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls it."""
    app.add_config_value("site_repository", "", "html")
    app.connect("html-page-context", add_to_page, priority=900)  # after the theme
    app.add_js_file("reach.js", loading_method="defer")
    app.connect("build-finished", write_map)
    app.connect("build-finished", name_landmarks)
    return {"parallel_read_safe": True}
