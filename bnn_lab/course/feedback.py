"""Feedback as a page that runs nothing and loads nothing: what students show reaches it."""

from __future__ import annotations

from typing import Any

from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter

# Style sheets and pictures that are in the page itself, and nothing else.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"
_GONE = (
    "script",
    "iframe",
    "frame",
    "object",
    "embed",
    "applet",
    "link",
    "base",
    "meta",
    "form",
    "portal",
    "audio",
    "video",
    "noscript",
    "template",
)
_ADDRESSES = ("href", "src", "srcset", "xlink:href", "action", "formaction", "data", "poster")


class SafeFeedback(HTMLExporter):
    """nbgrader's feedback, cleaned."""

    def from_notebook_node(self, *args: Any, **named: Any) -> Any:
        """As nbconvert's."""
        page, resources = super().from_notebook_node(*args, **named)
        return safe_page(page), resources


def safe_page(page: str) -> str:
    """A page without scripts, frames, forms, and addresses of other pages.

    The content security policy at its head forbids the same, should something be overlooked.
    """
    soup = BeautifulSoup(page, "html.parser")
    for tag in soup.find_all(_GONE):
        tag.decompose()
    for tag in soup.find_all(True):
        for name, value in list(tag.attrs.items()):
            text = " ".join(value) if isinstance(value, list) else str(value or "")
            outside = name.lower() in _ADDRESSES and not text.strip().startswith(
                ("#", "data:image/")
            )
            if name.lower().startswith("on") or name.lower() == "ping" or outside:
                del tag[name]
    head = soup.head
    if head is None:
        head = soup.new_tag("head")
        (soup.html or soup).insert(0, head)
    head.insert(0, soup.new_tag("meta", attrs={"charset": "utf-8"}))
    policy = {"http-equiv": "Content-Security-Policy", "content": POLICY}
    head.insert(1, soup.new_tag("meta", attrs=policy))
    return str(soup)
