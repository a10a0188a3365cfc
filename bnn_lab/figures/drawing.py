"""What every function of this room that draws returns: a figure, and the same in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go


@dataclass(frozen=True)
class Drawing:
    """A figure and what is to be seen in it; a notebook shows the one above the other.

    Attributes:
        figure: carries the words as its alternative text, ``layout.meta["alt"]``.
        words: plain text, for those who do not see the figure.
    """

    figure: go.Figure = field(repr=False)
    words: str

    def __post_init__(self) -> None:
        self.figure.update_layout(meta={"alt": self.words})

    def bundle(self) -> dict[str, Any]:
        """What a stored notebook keeps: a MIME bundle of plotly's JSON and the words."""
        return {
            "application/vnd.plotly.v1+json": self.figure.to_plotly_json(),
            "text/plain": self.words,
        }

    def _ipython_display_(self) -> None:
        self.figure._ipython_display_()
        print(self.words)
