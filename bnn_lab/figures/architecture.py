"""Accuracy of the network with and without shortcuts and float ends."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing


def draw_shortcuts_and_ends(frame: Any) -> Drawing:
    """A dot for each run, a line for each variant's mean.

    Args:
        frame: of `bnn_lab.experiments.training.shortcuts_and_ends`: ``variant``, ``accuracy``.

    Returns:
        A figure, and the means in a sentence.
    """
    means = 100 * frame.groupby("variant", sort=False).accuracy.mean()
    figure = go.Figure()
    figure.add_scatter(
        x=100 * frame.accuracy,
        y=frame.variant,
        mode="markers",
        marker={"color": theme.BLUE, "size": 10, "opacity": 0.6},
        hovertemplate="%{y}<br>one run: %{x:.1f} %<extra></extra>",
    )
    figure.add_scatter(
        x=means,
        y=means.index,
        mode="markers",
        marker={"color": theme.VERMILION, "size": 20, "symbol": "diamond"},
        hovertemplate="%{y}<br>mean: %{x:.1f} %<extra></extra>",
    )
    figure.update_layout(
        **theme.layout(""), height=90 + 50 * len(means), margin={"l": 10, "r": 20, "t": 10, "b": 50}
    )
    figure.update_xaxes(theme.axis("test images right, %"))
    figure.update_yaxes(theme.axis("", autorange="reversed", ticksuffix="  "))
    told = ", ".join(f"{name}: {mean:.1f} %" for name, mean in means.items())
    return Drawing(figure, f"Test accuracy, mean of the runs. {told[0].upper()}{told[1:]}.")
