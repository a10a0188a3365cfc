"""Figures of what latent weights are worth, pseudo-gradients, inertia's other knobs, and memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bnn_lab.experiments.training import (
    InertiaKnobs,
    LatentApproximation,
    LayerPace,
    NoiseFlips,
    OptimizerMemory,
    PseudoGradients,
    forward_and_backward,
)
from bnn_lab.experiments.training.latents import LATENTS, RANDOM_SIGNS
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.training.uncertainty import accuracy_uncertainty

if TYPE_CHECKING:
    import pandas as pd

_DASHES = ("solid", "dash", "dot", "dashdot")


def _latents(frame: pd.DataFrame) -> Drawing:
    """Accuracy of the network with each replacement of its signs, as bars.

    Args:
        frame: of `latent_approximation`.

    Returns:
        A static figure, and one sentence.
    """
    means = frame.groupby("network", sort=False).accuracy.mean()
    images = int(frame.images.iloc[0])
    poor = [name in (LATENTS, RANDOM_SIGNS) for name in means.index]
    figure = go.Figure(
        go.Bar(
            x=100 * means,
            y=list(means.index),
            orientation="h",
            marker={"color": [theme.VERMILION if bad else theme.BLUE for bad in poor]},
            error_x={
                "array": [100 * accuracy_uncertainty(value, images) for value in means],
                "color": theme.TEXT,
            },
            text=[f"\u2003{100 * value:.1f} %" for value in means],  # beyond the error bar
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.1f} %<extra></extra>",
        )
    )
    title = "What happens if other numbers replace the signs?"
    figure.update_layout(**theme.layout(title), height=330, margin={"l": 10, "r": 70, "t": 50})
    figure.update_xaxes(theme.axis("test accuracy, %", range=[0, 105]))
    figure.update_yaxes(theme.axis("", autorange="reversed", ticks="", ticklabelstandoff=8))
    words = "; ".join(f"{name}: {100 * value:.1f} %" for name, value in means.items())
    return Drawing(figure, f"Bars of the test accuracy, on {images:,} images. {words}.")


def _pseudo_gradients(frame: pd.DataFrame) -> Drawing:
    """A gallery: forward above, backward below, the accuracy over each column.

    Args:
        frame: of `pseudo_gradients`.

    Returns:
        A static figure, and one sentence.
    """
    means = frame.groupby("name", sort=False).accuracy.mean()
    titles = [f"{name}<br><b>{100 * value:.1f} %</b>" for name, value in means.items()]
    figure = make_subplots(
        rows=2, cols=len(means), subplot_titles=titles, shared_yaxes=True, vertical_spacing=0.12
    )
    x = np.linspace(-1.6, 1.6, 81)
    for column, name in enumerate(means.index, start=1):
        curves = forward_and_backward(name, x)
        rows = enumerate(zip(("forward", "backward"), curves, strict=True), start=1)
        for row, (way, values) in rows:
            figure.add_scatter(
                x=x,
                y=values,
                mode="lines",
                line={"color": theme.BLUE if row == 1 else theme.VERMILION, "width": 2.5},
                hovertemplate=f"latent %{{x:.2f}}<br>{way} %{{y:.2f}}<extra>{name}</extra>",
                row=row,
                col=column,
            )
            figure.update_xaxes(theme.axis("", range=[-1.7, 1.7]), row=row, col=column)
        figure.update_xaxes(theme.axis("latent weight"), row=2, col=column)
    for row, (way, low, high) in enumerate((("forward", -1.3, 1.3), ("backward", -1, 5.3)), 1):
        figure.update_yaxes(theme.axis("", range=[low, high]), row=row)
        figure.update_yaxes(theme.axis(way), row=row, col=1)
    figure.update_layout(
        **theme.layout("What the network sees, what the gradient is told, and the result"),
        height=420,
        margin={"l": 10, "r": 10, "t": 95, "b": 50},
    )
    figure.update_annotations(font={"size": 13})
    words = "; ".join(f"{name}: {100 * value:.1f} %" for name, value in means.items())
    return Drawing(
        figure,
        f"Curves of {len(means)} quantizers: the sign on the way forward, the pretended derivative "
        f"on the way back. Test accuracy, {words}.",
    )


def _knobs(frame: pd.DataFrame) -> Drawing:
    """Flips and accuracy over the epochs, a line for each run.

    Args:
        frame: of `inertia_knobs`.

    Returns:
        A static figure, and a sentence for each run.
    """
    figure = make_subplots(
        rows=1,
        cols=2,
        subplot_titles=("flips of a weight in each epoch", "test accuracy, %"),
        horizontal_spacing=0.1,
    )
    words = ["Lines over the epochs."]
    for number, (knob, rows) in enumerate(frame.groupby("knob", sort=False)):
        line = {"color": theme.COLOURS[number % 4], "dash": _DASHES[number % 4], "width": 2.5}
        for column, values in enumerate((rows.flips, 100 * rows.accuracy), start=1):
            figure.add_scatter(
                x=rows.epoch,
                y=values,
                mode="lines",
                name=str(knob),
                legendgroup=str(knob),
                showlegend=column == 1,
                line=line,
                hovertemplate=f"epoch %{{x}}<br>%{{y:.3g}}<extra>{knob}</extra>",
                row=1,
                col=column,
            )
        words.append(
            f"{knob}: {rows.flips.iloc[0]:.3f} flips of a weight in the first epoch, "
            f"{rows.flips.iloc[-1]:.3f} in the last; {100 * rows.accuracy.iloc[-1]:.1f} % at last."
        )
    figure.update_layout(
        **theme.layout("Three more ways to change inertia", showlegend=True),
        height=400,
        legend={"orientation": "h", "y": -0.22},
        margin={"l": 10, "r": 10, "t": 80},
    )
    figure.update_xaxes(theme.axis("epoch"))
    figure.update_yaxes(theme.axis("", type="log", dtick="D2"), row=1, col=1)
    figure.update_yaxes(theme.axis(""), row=1, col=2)
    return Drawing(figure, " ".join(words))


def _pace(frame: pd.DataFrame) -> Drawing:
    """The flip measure of each layer over the epochs, method beside method.

    Args:
        frame: of `layer_pace`.

    Returns:
        A static figure, and a sentence for each method.
    """
    methods = list(dict.fromkeys(frame.method))
    last = frame.epoch.max()
    accuracy = frame[frame.epoch == last].groupby("method").accuracy.first()
    figure = make_subplots(
        rows=1,
        cols=len(methods),
        shared_yaxes=True,
        subplot_titles=[f"{method}<br><b>{100 * accuracy[method]:.1f} %</b>" for method in methods],
        horizontal_spacing=0.03,
    )
    words = [f"Lines of the flip measure π over {last} epochs, a line a layer."]
    for column, method in enumerate(methods, start=1):
        rows = frame[frame.method == method]
        for number, (layer, values) in enumerate(rows.groupby("layer", sort=False)):
            figure.add_scatter(
                x=values.epoch,
                y=values.pi,
                mode="lines+markers",
                name=f"layer {number + 1}",
                legendgroup=str(layer),
                showlegend=column == 1,
                line={"color": theme.COLOURS[number % 4], "dash": _DASHES[number % 4], "width": 2},
                marker={"size": 5},
                hovertemplate=f"epoch %{{x}}<br>π %{{y:.2f}}<extra>layer {number + 1}</extra>",
                row=1,
                col=column,
            )
        ends = rows[rows.epoch == last].pi
        words.append(f"{method}: from {ends.min():.1f} to {ends.max():.1f} in the last epoch.")
    figure.update_layout(
        **theme.layout("Does every layer flip at the same pace?", showlegend=True),
        height=380,
        legend={"orientation": "h", "y": -0.22},
        margin={"l": 10, "r": 10, "t": 90},
    )
    figure.update_annotations(font={"size": 13})
    figure.update_xaxes(theme.axis("epoch"))
    figure.update_yaxes(theme.axis(""))
    figure.update_yaxes(theme.axis("flip measure π"), row=1, col=1)
    return Drawing(figure, " ".join(words))


def _memory(frame: pd.DataFrame) -> Drawing:
    """Bytes that training keeps for a binary weight, latent weight and averages apart.

    Args:
        frame: of `bnn_lab.experiments.training.optimizer_memory`.

    Returns:
        A static figure, and one sentence.
    """
    figure = go.Figure()
    sign = frame.bytes - 4 * frame.floats
    parts = (
        ("latent weight", 4 * frame.latent, theme.VERMILION),
        ("averages of gradients", 4 * frame.averages, theme.BLUE),
        ("sign, 1 bit", sign, theme.GREEN),
    )
    for name, values, colour in parts:
        figure.add_bar(
            x=values,
            y=frame.method,
            name=name,
            orientation="h",
            marker={"color": colour},
            hovertemplate=f"{name}: %{{x:g}} bytes<extra></extra>",
        )
    figure.update_layout(
        **theme.layout("What training remembers of each binary weight", showlegend=True),
        barmode="stack",
        height=330,
        legend={"orientation": "h", "x": 0, "y": -0.3, "yanchor": "top"},
        margin={"l": 10, "r": 40, "t": 50, "b": 90},
    )
    for row in frame.itertuples():
        figure.add_annotation(
            x=row.bytes,
            y=row.method,
            text=f"{row.bytes:g}",
            showarrow=False,
            xanchor="left",
            xshift=6,
        )
    figure.update_xaxes(theme.axis("bytes a weight"))
    figure.update_yaxes(theme.axis("", autorange="reversed", ticks="", ticklabelstandoff=8))
    words = "; ".join(f"{row.method}: {row.bytes:g}" for row in frame.itertuples())
    return Drawing(figure, f"Bars of the bytes that training keeps for a weight. {words}.")


def _noise(frame: pd.DataFrame) -> Drawing:
    """Flips that noise alone causes, over gamma: formulas as lines, simulations as points."""
    figure = go.Figure()
    for number, (k, rows) in enumerate(frame.groupby("threshold", sort=False)):
        name = "τ = 0" if k == 0 else f"τ = {k:g} s"
        colour = theme.COLOURS[number % 4]
        figure.add_scatter(
            x=rows.gamma,
            y=100 * rows.formula,
            mode="lines",
            name=f"{name}, formula",
            line={"color": colour, "width": 2, "dash": _DASHES[number % 4]},
            hovertemplate="γ %{x:g}<br>%{y:.3g} %<extra>formula</extra>",
        )
        figure.add_scatter(
            x=rows.gamma,
            y=100 * rows.simulated,
            mode="markers",
            name=f"{name}, simulated",
            marker={"color": colour, "size": 11, "symbol": "circle-open", "line": {"width": 2}},
            hovertemplate="γ %{x:g}<br>%{y:.3g} %<extra>simulated</extra>",
        )
    title = "A longer memory stops noise slowly, a threshold quickly"
    figure.update_layout(**theme.layout(title, showlegend=True), height=380)
    figure.update_xaxes(theme.axis("adaptivity rate γ", type="log", dtick="D2"))
    figure.update_yaxes(theme.axis("weights that flip in a step, %", type="log", dtick=1))
    apart = (frame.simulated / frame.formula - 1).abs().max()
    return Drawing(
        figure,
        f"Lines and points of the flips in a step over γ, from {100 * frame.formula.min():.2g} to "
        f"{100 * frame.formula.max():.2g} %. Simulation and formula differ by at most "
        f"{100 * apart:.0f} %.",
    )


# Type of an experiment's settings to what draws its frame.
DRAWN: dict[type, Callable[[Any], Drawing]] = {
    InertiaKnobs: _knobs,
    LatentApproximation: _latents,
    LayerPace: _pace,
    NoiseFlips: _noise,
    OptimizerMemory: _memory,
    PseudoGradients: _pseudo_gradients,
}
