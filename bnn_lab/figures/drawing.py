"""What every function of this room that draws returns: a figure, and the same in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio

from bnn_lab.figures.still import still


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
        self.figure.update_layout(meta={**(self.figure.layout.meta or {}), "alt": self.words})

    def bundle(self) -> dict[str, Any]:
        """What a stored notebook keeps: a MIME bundle of plotly's JSON, a still, and the words."""
        return {"application/vnd.plotly.v1+json": self.figure.to_plotly_json(), **self.still()}

    def still(self) -> dict[str, str]:
        """The part of `bundle` that needs no plotly to be seen."""
        return {"image/svg+xml": still(self.figure), "text/plain": self.words}

    def _ipython_display_(self) -> None:
        from IPython.display import display

        # What plotly's renderer of this place makes; none where it opens a window of its own.
        live = self.figure._repr_mimebundle_() if pio.renderers.render_on_display else None
        if live:
            display({**live, **self.still()}, raw=True)
        else:
            self.figure._ipython_display_()
        print(self.words)
