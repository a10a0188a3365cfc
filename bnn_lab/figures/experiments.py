"""Figures of the training experiments (`bnn_lab.experiments.training`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bnn_lab.errors import InputError
from bnn_lab.experiments.training import (
    BopGrid,
    BopVsLatent,
    ClipAndDecay,
    ExperimentResult,
    LearningRateIsInertia,
    ScalingInvariance,
    SectionShortcuts,
    ShortcutsAndEnds,
)
from bnn_lab.figures import theme
from bnn_lab.figures.architecture import draw_section_shortcuts, draw_shortcuts_and_ends
from bnn_lab.figures.bop_experiments import DRAWN as BOP_DRAWN
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.latent_experiments import DRAWN as LATENT_DRAWN
from bnn_lab.figures.low_bit import DRAWN as LOW_BIT_DRAWN
from bnn_lab.figures.quantizer_experiments import DRAWN as QUANTIZER_DRAWN
from bnn_lab.training.uncertainty import difference_uncertainty

if TYPE_CHECKING:
    import pandas as pd

_METHODS = {
    "bop": "Bop",
    "bop2": "second-order Bop",
    "sgd": "SGD, latent weights",
    "momentum": "momentum, latent weights",
    "adam": "Adam, latent weights",
    "float": "float network",
}
_SYMBOLS = ("circle-open", "diamond-open", "square-open", "cross-thin-open", "triangle-up-open")


def draw_experiment(result: ExperimentResult) -> Drawing:
    """What an experiment found.

    Args:
        result: the result of any experiment of `bnn_lab.experiments.training`.

    Returns:
        A static figure, and one or two sentences.

    Raises:
        InputError: the settings are of no experiment that has a figure.
    """
    drawn = _DRAWN.get(type(result.config))
    if drawn is None:
        known = ", ".join(kind.__name__ for kind in _DRAWN)
        raise InputError(
            f"draw_experiment: cannot draw {type(result.config).__name__}. Fix: use one of {known}."
        )
    return drawn(result.frame)


def _invariance(frame: pd.DataFrame) -> Drawing:
    """For how many steps each pair of trainings stayed identical, as bars."""
    several = frame.scale.nunique() > 1
    labels = [
        f"{row.case}, C = {row.scale:g}" if several else row.case for row in frame.itertuples()
    ]
    equal = [row.steps if row.identical else row.first_difference - 1 for row in frame.itertuples()]
    figure = go.Figure(
        go.Bar(
            x=equal,
            y=labels,
            orientation="h",
            marker={
                "color": [theme.GREEN if same else theme.VERMILION for same in frame.identical]
            },
            text=[
                "✓ to the last step"
                if row.identical
                else f"✗ from step {row.first_difference} on they differ"
                for row in frame.itertuples()
            ],
            textposition=["inside" if same else "outside" for same in frame.identical],
            insidetextanchor="end",
            insidetextfont={"color": "white"},
            outsidetextfont={"color": theme.TEXT},
            constraintext="none",
            cliponaxis=False,
            hovertemplate="%{y}: %{x} equal steps<extra></extra>",
        )
    )
    title = "For how long is every binary weight the same in both trainings?"
    figure.update_layout(**theme.layout(title), height=140 + 34 * len(labels))
    figure.update_xaxes(theme.axis("training steps", range=[0, 1.02 * frame.steps.max()]))
    figure.update_yaxes(theme.axis("", autorange="reversed", ticks="", ticklabelstandoff=8))
    same = ", ".join(dict.fromkeys(frame[frame.identical].case))
    parted = ", ".join(dict.fromkeys(frame[~frame.identical].case))
    words = (
        f"A bar for each case. Identical after every step: {same or 'none'}. "
        f"Different at some step: {parted or 'none'}."
    )
    return Drawing(figure, words)


def _short(number: float) -> str:
    """A number as it was written: 1/128 rather than 0.0078125."""
    inverse = 1 / number
    return f"1/{inverse:.0f}" if inverse > 10 and inverse.is_integer() else f"{number:.4g}"


def _inertia(frame: pd.DataFrame) -> Drawing:
    """Accuracy over inertia, the ratio of initial latent weights and learning rate."""
    figure = go.Figure()
    line = 100 * frame.groupby("inertia").accuracy.mean()
    figure.add_scatter(
        x=line.index,
        y=line,
        mode="lines",
        line={"color": theme.GRID, "width": 3},
        hoverinfo="skip",
        showlegend=False,
    )
    pairs = frame.groupby(["learning_rate", "initial_scale"], sort=False)
    for number, ((rate, scale), rows) in enumerate(pairs):
        name = f"learning rate {_short(rate)}, latents × {_short(scale)}"
        figure.add_scatter(
            x=rows.inertia,
            y=100 * rows.accuracy,
            mode="markers",
            name=name,
            marker={
                "color": theme.COLOURS[number % len(theme.COLOURS)],
                "symbol": _SYMBOLS[number % len(_SYMBOLS)],
                "size": 11,
                "line": {"width": 2},
            },
            hovertemplate=name + "<br>%{y:.1f} %<extra></extra>",
        )
    title = "Only the ratio of latents and learning rate counts"
    figure.update_layout(**theme.layout(title, showlegend=True), height=380)
    figure.update_xaxes(theme.axis("initial scale / learning rate", type="log", dtick=1))
    figure.update_yaxes(theme.axis("test accuracy, %"))
    means = 100 * frame.groupby("inertia").accuracy.mean()
    words = "; ".join(f"ratio {ratio:.3g}: {accuracy:.1f} %" for ratio, accuracy in means.items())
    return Drawing(
        figure,
        f"Scatter plot of {len(pairs)} pairs of learning rate and initial scale: test accuracy "
        f"over their ratio. On average, {words}.",
    )


def _clip(frame: pd.DataFrame) -> Drawing:
    """pi_t over the epochs under each rule that limits the latent weights."""
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
    figure.update_layout(**theme.layout(title, showlegend=True), height=380)
    figure.update_xaxes(theme.axis("epoch"))
    figure.update_yaxes(theme.axis("flip measure π"))
    last = means[means.epoch == means.epoch.max()]
    words = ", ".join(
        f"{row.rule}{'' if row.rule == 'none' else f' {row.value:g}'} {row.pi:.1f}"
        for row in last.itertuples()
    )
    return Drawing(
        figure, f"Lines of the flip measure π over the epochs. In the last one: {words}."
    )


def _grid(frame: pd.DataFrame) -> Drawing:
    """Two heat maps over gamma and tau: test accuracy and pi of the last epoch."""
    # One above the other, so that they fit a phone.
    figure = make_subplots(
        rows=2,
        cols=1,
        subplot_titles=("test accuracy, %", "π in the last epoch"),
        vertical_spacing=0.3,
    )
    for row, (name, factor, colours) in enumerate(
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
            row=row,
            col=1,
        )
        figure.update_xaxes(theme.axis("threshold τ", type="category"), row=row, col=1)
        figure.update_yaxes(theme.axis("adaptivity rate γ", type="category"), row=row, col=1)
    title = "Noise where γ is large,<br>standstill where τ is"
    figure.update_layout(**theme.layout(title), height=700)
    best = frame.groupby(["gamma", "threshold"]).accuracy.mean()
    gamma, tau = best.idxmax()
    pi = frame.groupby(["gamma", "threshold"]).pi.mean()
    return Drawing(
        figure,
        f"Two heat maps over {frame.gamma.nunique()} values of γ and {frame.threshold.nunique()} "
        f"of τ. Test accuracy goes from {100 * best.min():.1f} to {100 * best.max():.1f} %, the "
        f"latter at γ = {gamma:g} and τ = {tau:g}; π in the last epoch from {pi.min():.1f} to "
        f"{pi.max():.1f}.",
    )


def _comparison(frame: pd.DataFrame) -> Drawing:
    """Test accuracy of each method's final runs, beside how far chance alone may move a mean."""
    final = frame[frame.phase == "final"]
    means = final.groupby("method", sort=False).accuracy.mean()
    best, images = means.max(), int(final.images.iloc[0])
    unsure = 100 * difference_uncertainty(best, best, images)
    figure = go.Figure()
    figure.add_vrect(x0=100 * best - 2 * unsure, x1=100 * best, fillcolor=theme.GRID, line_width=0)
    means.index = [_METHODS.get(method, method) for method in means.index]
    final = final.assign(method=[_METHODS.get(method, method) for method in final.method])
    places = np.arange(len(means))
    for place, method in zip(places, means.index, strict=True):
        values = 100 * final[final.method == method].accuracy.to_numpy()
        colour = theme.COLOURS[place % len(theme.COLOURS)]
        figure.add_scatter(
            x=values,
            y=np.full(len(values), place),
            mode="markers",
            marker={"color": colour, "size": 7, "opacity": 0.6},
            hovertemplate="%{x:.1f} %<extra></extra>",
        )
        figure.add_scatter(
            x=[values.mean()],
            y=[place],
            mode="markers",
            marker={"color": colour, "size": 13, "symbol": "diamond"},
            hovertemplate="mean %{x:.2f} %<extra></extra>",
        )
    figure.update_layout(**theme.layout("After equal tuning"), height=520)
    low = min(100 * final.accuracy.min(), 100 * best - 3 * unsure)
    high = max(100 * final.accuracy.max(), 100 * best)
    grey = "grey: too near the best for these<br>images to tell (2 standard errors)"
    figure.update_xaxes(
        theme.axis(f"test accuracy, %<br>{grey}", range=[low - unsure / 2, high + unsure / 2])
    )
    ticks = [
        f"{method.replace(', ', ',<br>')}<br>{100 * value:.1f} %" for method, value in means.items()
    ]
    rows = [len(means) - 0.5, -0.5]  # the first on top
    figure.update_yaxes(theme.axis("", tickvals=places, ticktext=ticks, range=rows))
    words = ", ".join(f"{method} {100 * value:.1f} %" for method, value in means.items())
    return Drawing(
        figure,
        f"Points of the test accuracy of {final.seed.nunique()} seeds for each method; means: "
        f"{words}. A difference of two means is uncertain by {unsure:.1f} points.",
    )


_DRAWN: dict[type, Callable[[Any], Drawing]] = {
    **LATENT_DRAWN,
    **BOP_DRAWN,
    ShortcutsAndEnds: draw_shortcuts_and_ends,
    SectionShortcuts: draw_section_shortcuts,
    **LOW_BIT_DRAWN,
    **QUANTIZER_DRAWN,
    ScalingInvariance: _invariance,
    LearningRateIsInertia: _inertia,
    ClipAndDecay: _clip,
    BopGrid: _grid,
    BopVsLatent: _comparison,
}
