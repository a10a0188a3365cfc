"""Figures of the weight simulator: one weight's inertia or pressure, and when it flips."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from bnn_lab.errors import InputError
from bnn_lab.figures import theme

if TYPE_CHECKING:
    from bnn_lab.training.simulate import Trajectory


def trajectory_figure(trajectory: Trajectory, weight: int = 0) -> go.Figure:
    """What the rule accumulates for one weight, with its flips marked.

    Args:
        trajectory: from `simulate_weights`.
        weight: which one, 0 for the first.

    Returns:
        A static figure: the latent weight with its sign change at 0, or Bop's m between -tau and
        tau, and a mark at each flip.

    Raises:
        InputError: there is no such weight.
    """
    if not 0 <= weight < trajectory.signs.shape[1]:
        raise InputError(
            f"trajectory_figure({weight=}): must lie in 0..{trajectory.signs.shape[1] - 1}."
        )
    watched = trajectory.watched[:, weight]
    flips = np.flatnonzero(trajectory.flips[:, weight]) + 1
    threshold = getattr(trajectory.rule, "threshold", None)
    name = "latent weight" if threshold is None else "Bop's average of gradients"
    figure = go.Figure()
    figure.add_scatter(
        x=np.arange(len(watched)),
        y=watched,
        mode="lines",
        line={"color": theme.BLUE, "width": 2},
        name=name,
        hovertemplate="step %{x}<br>" + name + " %{y:.3g}<extra></extra>",
    )
    figure.add_scatter(
        x=flips,
        y=watched[flips],
        mode="markers",
        marker={"color": theme.VERMILION, "size": 9, "symbol": "diamond"},
        name="flip",
        hovertemplate="flip at step %{x}<extra></extra>",
    )
    for level in {0.0} if not threshold else {threshold, -threshold}:
        figure.add_hline(y=level, line={"color": theme.TEXT, "dash": "dash", "width": 1})
    title = f"{len(flips)} flip{'' if len(flips) == 1 else 's'} in {len(watched) - 1} steps"
    figure.update_layout(**theme.layout(title), height=340)
    figure.update_xaxes(theme.axis("step"))
    figure.update_yaxes(theme.axis(name))
    return figure


def first_flips_figure(trajectory: Trajectory, density: np.ndarray | None = None) -> go.Figure:
    """Histogram of each weight's first flip, with a predicted density over it.

    Args:
        trajectory: from `simulate_weights`, with at least one flip.
        density: predicted share of first flips at steps 1, 2, ..., (steps,), e.g. from
            `closed_forms.inverse_gaussian_density`.

    Returns:
        A static figure.

    Raises:
        InputError: no weight flipped, or `density` has a wrong shape.
    """
    first = trajectory.first_flips
    first = first[~np.isnan(first)]
    steps = len(trajectory.gradients)
    if not len(first):
        raise InputError("first_flips_figure: no weight flipped. Fix: simulate more steps.")
    if density is not None and np.shape(density) != (steps,):
        raise InputError(f"first_flips_figure: density {np.shape(density)}; needs ({steps},).")
    width = max(1, -(-int(first.max()) // 60))
    edges = np.arange(0.5, first.max() + width + 0.5, width)
    counts, _ = np.histogram(first, edges)
    figure = go.Figure(
        go.Bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=counts / width / trajectory.signs.shape[1],
            width=width,
            marker_color=theme.BLUE,
            name="simulated",
            hovertemplate="about step %{x:.0f}<br>%{y:.2%} of the weights a step<extra></extra>",
        )
    )
    if density is not None:
        shown = int(edges[-1])
        figure.add_scatter(
            x=np.arange(1, shown + 1),
            y=np.asarray(density)[:shown],
            mode="lines",
            line={"color": theme.VERMILION, "width": 2},
            name="predicted",
        )
    figure.update_layout(**theme.layout("When weights flip for the first time"), height=320)
    figure.update_xaxes(theme.axis("step of the first flip"))
    figure.update_yaxes(theme.axis("share of the weights a step", tickformat=".1%"))
    return figure
