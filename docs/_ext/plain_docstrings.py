"""Docstrings are plain text with `code` in single backticks; Sphinx would read them as markup.

Double backticks are what its markup has for code; `|m|`, `*` and `name_` are escaped. The fields of
a named tuple are described by its class alone: Python's own "Alias for field number 0" would
describe each of them a second time, which Sphinx refuses.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

# What stays as it is: code, bold, and the star of a list.
_KEPT = re.compile(r"(``[^`]+``|`[^`]+`|\*\*\w[^*]*\*\*|^\s*\* )")


def to_markup(line: str) -> str:
    """One line of a docstring, as reStructuredText."""
    parts = _KEPT.split(line)
    for i, part in enumerate(parts):
        if i % 2:
            # Markup wants a break, if an empty one, between code and a letter.
            end = "\\ " if parts[i + 1][:1].isalnum() else ""
            parts[i] = f"``{part.strip('`')}``{end}" if "`" in part else part
        else:
            # A lone letter with a point, as in "depth: K.", would begin a list.
            parts[i] = re.sub(r"([*|]|(?<=\w)_(?!\w)|(?<=: \w)\.$)", r"\\\1", part)
    return "".join(parts)


def process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Called for each docstring, before napoleon reads its sections."""
    literal = False
    for i, line in enumerate(lines):
        # An indented block after `::` is code already.
        if literal and line and not line.startswith(" "):
            literal = False
        if not literal:
            lines[i] = to_markup(line)
        literal = literal or line.rstrip().endswith("::")


def skip(app: Sphinx, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """Called for each member: True leaves it out, None lets others decide."""
    return True if str(getattr(obj, "__doc__", "")).startswith("Alias for field number") else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx calls it."""
    app.connect("autodoc-process-docstring", process, priority=100)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True}
