"""Figures of the lab's experiments, from their tidy tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bnn_lab.figures import theme


def invariance_figure(frame: Any) -> go.Figure:
    """Which pairs of trainings stayed identical, and where the others parted.

    Args:
        frame: of `scaling_invariance`: case, scale, identical, first_difference, flips.

    Returns:
        A static table of cases and scales.
    """
    cases = list(dict.fromkeys(frame.case))
    scales = list(dict.fromkeys(frame.scale))
    cell = {(row.case, row.scale): row for row in frame.itertuples()}

    def text(case: str, scale: float) -> str:
        row = cell.get((case, scale))
        if row is None:
            return ""
        return "✓ identical" if row.identical else f"✗ from step {row.first_difference}"

    columns = [[text(case, scale) for case in cases] for scale in scales]
    figure = go.Figure(
        go.Table(
            header={"values": ["case", *(f"C = {scale:g}" for scale in scales)], "align": "left"},
            cells={"values": [cases, *columns], "align": "left", "height": 26},
        )
    )
    title = "Are all binary weights the same after every step?"
    figure.update_layout(**theme.layout(title), height=140 + 28 * len(cases))
    return figure


def inertia_figure(frame: Any) -> go.Figure:
    """Accuracy over inertia, the ratio of initial latent weights and learning rate.

    Args:
        frame: of `learning_rate_is_inertia`.

    Returns:
        A static scatter: pairs with the same ratio lie on each other.
    """
    figure = go.Figure()
    pairs = frame.groupby(["learning_rate", "initial_scale"])
    for number, ((rate, scale), rows) in enumerate(pairs):
        name = f"lr {rate:g}, latents × {scale:g}"
        figure.add_scatter(
            x=rows.inertia,
            y=100 * rows.accuracy,
            mode="markers",
            name=name,
            marker={
                "color": theme.COLOURS[number % len(theme.COLOURS)],
                "symbol": ("circle-open", "diamond-open", "square-open", "cross-thin-open")[
                    number % 4
                ],
                "size": 11,
                "line": {"width": 2},
            },
            hovertemplate=name + "<br>%{y:.1f} %<extra></extra>",
        )
    title = "Only the ratio of latents and learning rate counts"
    figure.update_layout(**{**theme.layout(title), "showlegend": True}, height=380)
    figure.update_xaxes(theme.axis("initial scale / learning rate", type="log"))
    figure.update_yaxes(theme.axis("test accuracy, %"))
    return figure


def clip_figure(frame: Any) -> go.Figure:
    """pi_t over the epochs under each rule that limits the latent weights.

    Args:
        frame: of `clip_and_decay`.

    Returns:
        A static figure with the seeds' mean.
    """
    figure = go.Figure()
    dashes = {"none": "solid", "weight clip": "dash", "gradient clip": "dot", "L2": "dashdot"}
    means = frame.groupby(["rule", "value", "epoch"])[["pi", "accuracy"]].mean().reset_index()
    for number, ((rule, value), rows) in enumerate(means.groupby(["rule", "value"])):
        name = rule if rule == "none" else f"{rule} {value:g}"
        figure.add_scatter(
            x=rows.epoch,
            y=rows.pi,
            mode="lines",
            name=f"{name}: {100 * rows.accuracy.tail(5).mean():.1f} %",
            line={
                "color": theme.COLOURS[number % len(theme.COLOURS)],
                "dash": dashes[rule],
                "width": 2,
            },
            hovertemplate=name + "<br>epoch %{x}<br>π %{y:.2f}<extra></extra>",
        )
    title = "Limits on latent weights keep them flipping"
    figure.update_layout(**{**theme.layout(title), "showlegend": True}, height=380)
    figure.update_xaxes(theme.axis("epoch"))
    figure.update_yaxes(theme.axis("flip measure π"))
    return figure


def grid_figure(frame: Any) -> go.Figure:
    """Two heat maps over gamma and tau: test accuracy and pi of the last epoch.

    Args:
        frame: of `bop_grid`.

    Returns:
        A static figure with the seeds' mean.
    """
    figure = make_subplots(
        rows=1, cols=2, subplot_titles=("test accuracy, %", "π in the last epoch")
    )
    for column, (name, factor, colours) in enumerate(
        (("accuracy", 100, "Viridis"), ("pi", 1, "Cividis")), start=1
    ):
        table = frame.pivot_table(values=name, index="gamma", columns="threshold") * factor
        digits = ".1f"
        figure.add_heatmap(
            z=table.to_numpy(),
            x=[f"{tau:g}" for tau in table.columns],
            y=[f"{gamma:g}" for gamma in table.index],
            colorscale=colours,
            showscale=False,
            texttemplate=f"%{{z:{digits}}}",
            hovertemplate=f"γ %{{y}}, τ %{{x}}<br>%{{z:{digits}}}<extra></extra>",
            row=1,
            col=column,
        )
        figure.update_xaxes(theme.axis("threshold τ", type="category"), row=1, col=column)
        figure.update_yaxes(theme.axis("adaptivity rate γ", type="category"), row=1, col=column)
    title = "Noise where γ is large, standstill where τ is"
    figure.update_layout(**theme.layout(title), height=380)
    return figure


def comparison_figure(frame: Any) -> go.Figure:
    """Test accuracy of each method's final runs: every seed, the mean and the standard deviation.

    Args:
        frame: of `bop_vs_latent`.

    Returns:
        A static figure.
    """
    final = frame[frame.phase == "final"]
    figure = go.Figure()
    for number, (method, rows) in enumerate(final.groupby("method", sort=False)):
        values = 100 * rows.accuracy.to_numpy()
        spread = values.std(ddof=1) if len(values) > 1 else 0.0
        colour = theme.COLOURS[number % len(theme.COLOURS)]
        figure.add_scatter(
            x=np.full(len(values), str(method)),
            y=values,
            mode="markers",
            marker={"color": colour, "size": 7, "opacity": 0.5},
            hovertemplate="%{y:.1f} %<extra></extra>",
        )
        figure.add_scatter(
            x=[str(method)],
            y=[values.mean()],
            mode="markers+text",
            text=[f"{values.mean():.1f} ± {spread:.1f}"],
            textposition="middle right",
            error_y={"type": "data", "array": [spread], "color": colour},
            marker={"color": colour, "size": 12, "symbol": "diamond"},
            hovertemplate="mean %{y:.2f} %<extra></extra>",
        )
    figure.update_layout(**theme.layout("Test accuracy after equal tuning"), height=380)
    figure.update_xaxes(theme.axis("method", type="category"))
    figure.update_yaxes(theme.axis("test accuracy, %"))
    return figure
