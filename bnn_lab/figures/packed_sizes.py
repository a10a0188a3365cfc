"""How many bytes weights take as floats and packed into words: a first explorer with one slider."""

from __future__ import annotations

from dataclasses import dataclass

import plotly.graph_objects as go

from bnn_lab.controls import check_state, slider
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.reference import word_count


@dataclass(frozen=True)
class PackedSizes:
    """A number of binary weights."""

    weights: int = slider(100, low=1, high=512, label="binary weights")

    def __post_init__(self) -> None:
        check_state(self)

    @property
    def float_bytes(self) -> int:
        """As float32."""
        return 4 * self.weights

    @property
    def packed_bytes(self) -> int:
        """In 32-bit words, the last one perhaps partly empty."""
        return 4 * word_count(self.weights)


def draw_packed_sizes(state: PackedSizes) -> Drawing:
    """Two bars: bytes as floats and packed."""
    sizes = [state.float_bytes, state.packed_bytes]
    shown = go.Figure(
        go.Bar(
            x=sizes,
            y=["as floats", "packed"],
            orientation="h",
            marker_color=[theme.BLUE, theme.VERMILION],
            text=[f" {size:,} bytes" for size in sizes],
            textposition="outside",
            hovertemplate="%{y}: %{x} bytes<extra></extra>",
        )
    )
    shown.update_layout(
        **theme.layout(f"{state.weights} binary weights"),
        xaxis=theme.axis("bytes", range=[0, 2500]),
        yaxis=theme.axis("", autorange="reversed", showgrid=False, ticksuffix="  "),
        height=200,
        margin={"l": 10, "r": 20, "t": 45, "b": 40},
    )
    words = (
        f"{state.weights} weights take {state.float_bytes:,} bytes as floats and "
        f"{state.packed_bytes} bytes packed into {word_count(state.weights)} words of 32 bits."
    )
    return Drawing(shown, words)
