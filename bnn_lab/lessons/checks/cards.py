"""How a check's verdict looks: a green or a red card, and "3 of 4" at the top of the notebook.

Outside a notebook the same is printed.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Sequence
from typing import Any

# The page's own color of text on a tint of it: contrast 10:1 or better in the light and in the dark
# theme. The mark in the text says the same to those who see no colors.
_GREEN, _RED = "76,175,80", "244,67,54"
_BOX = (
    "border-left:6px solid rgb({0});background:rgba({0},0.14);color:inherit;padding:8px 12px;"
    "margin:4px 0;max-width:80ch;overflow-wrap:break-word;word-break:normal"
)
# What a code block needs to look the same in either theme.
_PRE = (
    "background:transparent;color:inherit;margin:6px 0;padding:0;line-height:1.4;"
    "white-space:pre;overflow-x:auto;font-family:monospace"
)
_LINE = 76  # characters; JupyterLab breaks longer lines of an error inside words


def card(
    passed: bool,
    text: str,
    *,
    picture: str = "",
    hint: str = "",
    solution: str = "",
    done: str = "",
) -> str:
    """A verdict as HTML.

    Args:
        passed: green, else red.
        text: the verdict with its mark.
        picture: lines of text in equally wide characters.
        hint: folded below it, when red.
        solution: Python, folded below that, when red.
        done: how many exercises are solved, in words.

    Returns:
        One `div`.
    """
    parts = [f"<b>{html.escape(text)}</b>"]
    if picture:
        parts.append(f'<pre style="{_PRE}">{html.escape(picture)}</pre>')
    if not passed and hint:
        parts.append(_folded("Another hint", f"<p>{html.escape(hint)}</p>"))
    if not passed and solution:
        code = f'<pre style="{_PRE}">{html.escape(solution)}</pre>'
        parts.append(_folded("The solution", code))
    if done:
        parts.append(f'<div style="margin-top:4px">{html.escape(done)}</div>')
    style = _BOX.format(_GREEN if passed else _RED)
    return f'<div class="bnn-lab-card" role="status" style="{style}">{"".join(parts)}</div>'


def show(text: str, content: str) -> None:
    """Display HTML in a notebook, print the text elsewhere.

    Args:
        text: what is printed, and what a reader without HTML sees.
        content: HTML.
    """
    if not in_notebook():
        print(text)
        return
    from IPython.display import display

    display({"text/plain": text, "text/html": content}, raw=True)


def in_notebook() -> bool:
    """Whether there is something that displays HTML."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return get_ipython() is not None


def wrapped(text: str) -> str:
    """A hint in lines that no frontend has to break."""
    return "\n".join(
        textwrap.wrap(text, _LINE, break_long_words=False, break_on_hyphens=False) or [""]
    )


class Progress:
    """A line that tells how many of a notebook's exercises are solved, and follows them.

    Args:
        names: of the exercises, in the notebook's order.

    Attributes:
        solved: names of those that are.
    """

    current: Progress | None = None

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.solved: set[str] = set()
        self._handle: Any = None
        Progress.current = self

    def __str__(self) -> str:
        count = len(self.names)
        if count and len(self.solved) == count:
            return f"All {count} exercises are solved."
        return f"{len(self.solved)} of {count} exercises solved."

    def solve(self, name: str) -> None:
        """Count an exercise, once."""
        if name in self.names and name not in self.solved:
            self.solved.add(name)
            if self._handle is not None:
                self._handle.update(self._content(), raw=True)

    def show(self) -> Progress:
        """Display the line; it is brought up to date wherever an exercise is solved."""
        if not in_notebook():
            print(self)
            return self
        from IPython.display import display

        self._handle = display(self._content(), raw=True, display_id=True)
        return self

    def _content(self) -> dict[str, str]:
        marks = "".join(
            f'<span style="color:{"#2e8b57" if name in self.solved else "#8a8a8a"}">'
            f"{'●' if name in self.solved else '○'}</span> "
            for name in self.names
        )
        line = f'<div class="bnn-lab-progress" role="status">{marks}{html.escape(str(self))}</div>'
        return {"text/plain": str(self), "text/html": line}


def _folded(title: str, content: str) -> str:
    return (
        f'<details style="margin-top:4px"><summary style="cursor:pointer">{title}</summary>'
        f"{content}</details>"
    )
