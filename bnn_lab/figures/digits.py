"""Small grey images side by side."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from bnn_lab.errors import InputError
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing

MOST_IMAGES = 12


def draw_digits(images: NDArray[np.float32], labels: NDArray[np.int64]) -> Drawing:
    """A row of images with their labels above.

    Args:
        images: float32 in [-1, 1], shape (N, H, W, 1), 1 to 12 of them; -1 is shown black.
        labels: shape (N,).

    Returns:
        A static figure, and the labels in a sentence.

    Raises:
        InputError: a shape does not fit, or there are too many images.
    """
    count = len(images)
    if images.ndim != 4 or images.shape[-1] != 1 or labels.shape != (count,):
        raise InputError(
            f"draw_digits: images of shape {images.shape} with labels of shape {labels.shape}; "
            "needs (N, H, W, 1) and (N,)."
        )
    if not 1 <= count <= MOST_IMAGES:
        raise InputError(f"draw_digits: {count} images; show 1 to {MOST_IMAGES}, e.g. images[:10].")
    figure = make_subplots(
        rows=1,
        cols=count,
        subplot_titles=[f"<b>{label}</b>" for label in labels],
        horizontal_spacing=0.01,
    )
    # A byte a pixel: stored notebooks keep these numbers.
    grey = np.rint((images[..., 0] + 1) * 127.5).clip(0, 255).astype(np.uint8)
    for column, image in enumerate(grey, start=1):
        heatmap = go.Heatmap(
            z=image,
            zmin=0,
            zmax=255,
            colorscale="gray",
            showscale=False,
            hovertemplate="row %{y}, column %{x}: %{z} of 255<extra></extra>",
        )
        figure.add_trace(heatmap, row=1, col=column)
    shown = ", ".join(str(label) for label in labels)
    figure.update_layout(
        **theme.layout(""),
        height=150,
        margin={"l": 0, "r": 0, "t": 40, "b": 10},
    )
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, autorange="reversed", constrain="domain")
    for column in range(1, count + 1):
        anchor = "x" if column == 1 else f"x{column}"
        figure.update_yaxes(scaleanchor=anchor, row=1, col=column)
    return Drawing(figure, f"Images of handwritten digits: {shown}.")
