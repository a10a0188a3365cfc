"""Figures of what a recorder saw: flips, inertia, Bop's pressure, times between flips."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bnn_lab.errors import InputError
from bnn_lab.figures import theme

if TYPE_CHECKING:  # importing it for real would load the lab
    from bnn_lab.training.recording import Recording

_DASHES = ("solid", "dash", "dot", "dashdot")
MOST_POINTS = 1500


def flips_figure(recording: Recording) -> go.Figure:
    """pi_t of every layer over the training steps.

    More than 1500 steps are averaged in equal groups before the logarithm is taken.

    Args:
        recording: from `InertiaRecorder.recording`.

    Returns:
        A static figure.
    """
    from bnn_lab.training.pi import flip_measure

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
    figure.update_layout(**{**theme.layout(title), "showlegend": True}, height=360)
    figure.update_xaxes(theme.axis("training step"))
    figure.update_yaxes(theme.axis("flip measure π<sub>t</sub>"))
    return figure


def magnitudes_figure(recording: Recording) -> go.Figure:
    """Distribution of the latent weights' magnitude, their inertia, over training.

    Args:
        recording: with at least one sample.

    Returns:
        A static figure: one heat map a layer.

    Raises:
        InputError: nothing was sampled.
    """
    title = "Inertia: magnitude of the latent weights"
    return _ratio_figure(recording, "magnitudes", title, "|latent weight|")


def pressures_figure(recording: Recording) -> go.Figure:
    """Distribution of Bop's |m| / tau over training; only weights above 1 can flip.

    Args:
        recording: of a training with Bop, with at least one sample.

    Returns:
        A static figure: one heat map a layer.

    Raises:
        InputError: nothing was sampled, or the optimizer was not Bop.
    """
    return _ratio_figure(recording, "pressures", "How near Bop is to flipping", "|m| / τ")


def intervals_figure(recording: Recording) -> go.Figure:
    """Bars: how many steps pass between two flips of the same weight, all layers together.

    Args:
        recording: from `InertiaRecorder.recording`.

    Returns:
        A static figure with logarithmic counts.
    """
    counts = recording.intervals.sum(axis=0)
    used = max(1, int(np.flatnonzero(counts).max(initial=0)) + 1)
    names = [f"{2**b}" if b == 0 else f"{2**b}–{2 ** (b + 1) - 1}" for b in range(used)]
    figure = go.Figure(
        go.Bar(
            x=names,
            y=counts[:used],
            marker_color=theme.BLUE,
            hovertemplate="%{x} steps<br>%{y:,} times<extra></extra>",
        )
    )
    figure.update_layout(**theme.layout("Time between two flips of a weight"), height=320)
    figure.update_xaxes(theme.axis("steps", type="category"))
    figure.update_yaxes(theme.axis("times seen", type="log" if counts.any() else "linear"))
    return figure


def never_flipped_figure(recording: Recording) -> go.Figure:
    """Bars: share of each layer's weights that kept their sign from start to end.

    Args:
        recording: from `InertiaRecorder.recording`.

    Returns:
        A static figure, in percent.
    """
    figure = go.Figure(
        go.Bar(
            x=100 * recording.never_flipped / recording.weights,
            y=[str(name) for name in recording.layers],
            orientation="h",
            marker_color=theme.GREEN,
            hovertemplate="%{y}<br>%{x:.1f} % never flipped<extra></extra>",
        )
    )
    height = 120 + 40 * len(recording.layers)
    figure.update_layout(**theme.layout("Weights that never flipped"), height=height)
    figure.update_xaxes(theme.axis("share of the layer's weights, %", range=[0, 100]))
    figure.update_yaxes(theme.axis("", autorange="reversed"))
    return figure


def _ratio_figure(recording: Recording, field: str, title: str, unit: str) -> go.Figure:
    from bnn_lab.training.recording import RATIO_EDGES

    counts = getattr(recording, field)
    if not len(counts):
        raise InputError(
            f"{field}_figure: this recording has no samples of {unit}. Fix: train for more steps "
            "than the recorder's `every`"
            + (", with bop_optimizer." if field == "pressures" else ".")
        )
    layers = len(recording.layers)
    figure = make_subplots(
        rows=layers,
        cols=1,
        shared_xaxes=True,
        subplot_titles=[str(name) for name in recording.layers],
        vertical_spacing=min(0.08, 0.3 / layers),
    )
    used = np.flatnonzero(counts.sum(axis=(0, 1)))
    low, high = used.min(), used.max() + 1
    # Open outer bins are drawn as wide as the others.
    centres = np.sqrt(RATIO_EDGES[:-1] * RATIO_EDGES[1:])[low:high]
    for row in range(layers):
        share = 100 * counts[:, row, low:high].T / recording.weights[row]
        figure.add_heatmap(
            x=recording.sample_steps,
            y=np.log10(centres),
            z=share,
            coloraxis="coloraxis",
            customdata=np.broadcast_to(centres[:, None], share.shape),
            hovertemplate=f"step %{{x}}<br>{unit} ≈ %{{customdata:.1e}}<br>%{{z:.1f}} % of the "
            "weights<extra></extra>",
            row=row + 1,
            col=1,
        )
        figure.update_yaxes(theme.axis(f"log₁₀ {unit}"), row=row + 1, col=1)
    figure.update_xaxes(theme.axis("training step"), row=layers, col=1)
    figure.update_layout(
        **theme.layout(title),
        height=140 + 190 * layers,
        coloraxis={"colorscale": "Viridis", "colorbar": {"title": "% of weights"}},
    )
    return figure
