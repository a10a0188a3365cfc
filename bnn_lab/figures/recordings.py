"""What a recorder saw: how many weights of each layer flip at each step."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.training.flip_statistics import flip_measure
from bnn_lab.training.recording import Recording

_DASHES = ("solid", "dash", "dot", "dashdot")
MOST_POINTS = 1500


def draw_recording(recording: Recording) -> Drawing:
    """pi_t of every layer over the training steps.

    More than 1500 steps are averaged in equal groups before the logarithm is taken.

    Args:
        recording: from `InertiaRecorder.recording`.

    Returns:
        A static figure, and a sentence for each layer.
    """
    flips = recording.flips
    group = -(-len(flips) // MOST_POINTS)
    starts = np.arange(0, len(flips), group)
    sizes = np.diff(np.append(starts, len(flips)))
    means = np.add.reduceat(flips, starts, axis=0) / sizes[:, None]
    figure = go.Figure()
    for number, name in enumerate(recording.layers):
        figure.add_scatter(
            x=starts + sizes,
            y=np.atleast_1d(flip_measure(means[:, number], int(recording.weights[number]))),
            name=str(name),
            mode="lines",
            line={
                "color": theme.COLOURS[number % len(theme.COLOURS)],
                "dash": _DASHES[number // len(theme.COLOURS) % len(_DASHES)],
                "width": 2,
            },
            hovertemplate="step %{x}<br>π<sub>t</sub> %{y:.2f}<extra>" + str(name) + "</extra>",
        )
    title = "How many weights flip at each step"
    figure.update_layout(**theme.layout(title, showlegend=True), height=360)
    figure.update_xaxes(theme.axis("training step"))
    figure.update_yaxes(theme.axis("flip measure π<sub>t</sub>"))
    words = [
        f"Lines of the flip measure of {len(recording.layers)} layers over {len(flips)} steps."
    ]
    for number, name in enumerate(recording.layers):
        first, last = (
            float(flip_measure(means[at, number], int(recording.weights[number]))) for at in (0, -1)
        )
        words.append(f"{name}: from {first:.1f} to {last:.1f}.")
    return Drawing(figure, " ".join(words))
