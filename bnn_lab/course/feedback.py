"""Feedback as a page that runs nothing and loads nothing: what students show reaches it."""

from __future__ import annotations

import re
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


# Of style sheets: what loads, and is not in the page itself.
_LOADS = re.compile(
    r"""@import[^;]*;?|(?:url|image-set|image|src)\(\s*(?!['"]?\s*(?:data:|\#))[^)]*\)?""",
    re.IGNORECASE,
)
# Of letters, @ and brackets, which can spell what loads.
_ESCAPED = re.compile(
    r"\\0{0,4}(28|29|40|4[1-9a-f]|5[0-9a]|6[1-9a-f]|7[0-9a])(?:\s|(?![0-9a-f]))", re.I
)
_ELSEWHERE = re.compile(r"//|script:|data:text", re.IGNORECASE)


class SafeFeedback(HTMLExporter):
    """nbgrader's feedback, cleaned."""

    def from_notebook_node(self, *args: Any, **named: Any) -> Any:
        """As nbconvert's."""
        page, resources = super().from_notebook_node(*args, **named)
        return safe_page(page), resources


def _styles(text: str) -> str:
    """Style sheets that load nothing."""
    text = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)
    return _LOADS.sub("none", re.sub(r"\\(?=[g-z])", "", text, flags=re.IGNORECASE))


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
            inside = text.strip().startswith(("#", "data:image/"))
            if name.lower() == "style":
                tag[name] = _styles(text)
                continue
            outside = name.lower() in _ADDRESSES or _ELSEWHERE.search(text)
            if name.lower().startswith("on") or (outside and not inside):
                del tag[name]
        if tag.name == "style":
            tag.string = _styles(tag.get_text())
    head = soup.head
    if head is None:
        head = soup.new_tag("head")
        (soup.html or soup).insert(0, head)
    head.insert(0, soup.new_tag("meta", attrs={"charset": "utf-8"}))
    policy = {"http-equiv": "Content-Security-Policy", "content": POLICY}
    head.insert(1, soup.new_tag("meta", attrs=policy))
    return str(soup)
