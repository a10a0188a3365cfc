"""What every function of this room that draws returns: a figure, and the same in words."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio

from bnn_lab.figures.still import still


@dataclass(frozen=True)
class Drawing:
    """A figure and what it shows in words; a notebook shows one above the other.

    Attributes:
        figure: carries the words as its alternative text, ``layout.meta["alt"]``.
        words: plain text, for those who do not see the figure.
    """

    figure: go.Figure = field(repr=False)
    words: str

    def __post_init__(self) -> None:
        self.figure.update_layout(meta={**(self.figure.layout.meta or {}), "alt": self.words})

    def bundle(self) -> dict[str, Any]:
        """What a stored notebook keeps: a MIME bundle of plotly's JSON, a still, and the words."""
        return {"application/vnd.plotly.v1+json": self.figure.to_plotly_json(), **self.still()}

    def still(self) -> dict[str, str]:
        """The part of `bundle` that needs no plotly to be seen."""
        return {"image/svg+xml": still(self.figure), "text/plain": self.words}

    def _ipython_display_(self) -> None:
        from IPython.core.interactiveshell import InteractiveShell
        from IPython.display import display

        # What plotly's renderer of this place makes; none where it opens a window of its own.
        live = self.figure._repr_mimebundle_() if pio.renderers.render_on_display else None
        if live:
            display({**live, **self.still()}, raw=True)
        else:
            self.figure._ipython_display_()
        if InteractiveShell.initialized():
            display({"text/markdown": small_print(self.words), "text/plain": self.words}, raw=True)
        else:
            print(self.words)


def small_print(words: str) -> str:
    """Markdown that shows a text as it is, in small letters, and wraps it between words.

    What is printed in a notebook is broken inside words.

    Args:
        words: plain text.
    """
    shown = html.escape(words, quote=False)
    for sign in "\\`*_$[]~|":  # entities are not markup
        shown = shown.replace(sign, f"&#{ord(sign)};")
    return f'<small class="figure-words">{shown.strip()}</small>'.replace("\n", "<br>")
