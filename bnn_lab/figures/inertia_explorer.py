"""Latent weights under a noisy gradient: how far from 0 they start decides when they flip."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from bnn_lab.controls import check_state, choice, slider, toggle
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.training.closed_forms import inverse_gaussian_density, latent_first_flip
from bnn_lab.training.simulate import LatentSGD, simulate_weights

Floats = NDArray[np.float64]

STEPS, WEIGHTS, SHOWN, BIN = 400, 400, 7, 10
STEADY, TURNS = "stays the same", "turns round halfway"


@dataclass(frozen=True)
class InertiaState:
    """What the inertia explorer shows: latent weights under SGD, all starting at `initial`."""

    learning_rate: float = slider(
        0.05,
        low=0.005,
        high=0.5,
        log=True,
        label="learning rate α",
        help="How far a gradient of 1 moves the latent weight.",
    )
    initial: float = slider(
        1.0,
        low=0.1,
        high=4.0,
        step=0.1,
        label="initial magnitude",
        help="Where all latent weights start.",
    )
    drift: float = slider(
        0.2,
        low=0.05,
        high=1.0,
        step=0.05,
        label="drift μ",
        help="Mean of the gradient: how strongly it asks for a flip.",
    )
    noise: float = slider(
        1.0,
        low=0.0,
        high=3.0,
        step=0.1,
        label="noise σ",
        help="Standard deviation of the gradient.",
    )
    push: str = choice(
        STEADY,
        options=(STEADY, TURNS),
        label="the drift",
        help="Whether the gradient's mean changes its sign in the middle.",
    )
    clip: bool = toggle(
        False, label="clip the weights", help="Keep latent weights within the bound below."
    )
    clip_at: float = slider(
        1.0,
        low=0.1,
        high=4.0,
        step=0.1,
        label="clip at",
        help="Bound of the latent weights, if they are clipped.",
    )

    def __post_init__(self) -> None:
        check_state(self)

    @property
    def inertia(self) -> float:
        """Starting magnitude over learning rate: the sum of gradients that a flip takes."""
        start = min(self.initial, self.clip_at) if self.clip else self.initial
        return start / self.learning_rate


@dataclass(frozen=True)
class InertiaArrays:
    """What `compute_inertia` found, in percent of the weights where it says share.

    Attributes:
        latents: the latent weights shown, float64 (STEPS + 1, SHOWN).
        flips: the steps at which the first weight flipped, int64.
        first_flips: step of each weight's first flip, float64 (WEIGHTS,); NaN if one never flipped.
        flipped: share of the weights that flipped at least once, in 0..100.
        bins: centres of the histogram's bins, in steps.
        simulated: share of the weights that first flip in each bin.
        predicted: the same from the closed form, which ends where the drift turns round.
        predicted_flipped: sum of `predicted`.
        mean: mean first flip from the closed form, in steps.
    """

    latents: Floats
    flips: NDArray[np.int64]
    first_flips: Floats
    flipped: float
    bins: Floats
    simulated: Floats
    predicted: Floats
    predicted_flipped: float
    mean: float


@lru_cache(maxsize=4)  # the figure and its description ask for the same
def compute_inertia(state: InertiaState) -> InertiaArrays:
    """Simulate the weights, and evaluate the closed form for SGD without clipping.

    Args:
        state: state of the controls.

    Returns:
        The arrays to draw.
    """
    drift = np.full((STEPS, 1), state.drift)
    end = STEPS
    if state.push == TURNS:
        end = STEPS // 2
        drift[end:] *= -1
    rule = LatentSGD(
        state.learning_rate,
        clip=state.clip_at if state.clip else None,
        initial=state.initial,
    )
    run = simulate_weights(rule, steps=STEPS, weights=WEIGHTS, drift=drift, noise=state.noise)
    first = run.first_flips
    # Round steps lie in the middle of a bin: without noise a flip falls there, and whether one
    # step sooner or later is a matter of rounding.
    edges = np.arange(0.5 - BIN // 2, STEPS + BIN, BIN)
    simulated = 100 * np.histogram(first, edges)[0] / WEIGHTS

    start = state.inertia * state.learning_rate
    mean, _ = latent_first_flip(start, state.learning_rate, state.drift, state.noise)
    steps = np.arange(1.0, STEPS + 1)
    if state.noise:
        density = inverse_gaussian_density(
            steps, start, state.learning_rate, state.drift, state.noise
        )
    else:
        density = (steps == np.floor(mean) + 1).astype(np.float64)
    density = np.where(steps <= end, density, 0.0)
    return InertiaArrays(
        latents=run.watched[:, :SHOWN],
        flips=np.flatnonzero(run.flips[:, 0]) + 1,
        first_flips=first,
        flipped=100 * float(np.mean(~np.isnan(first))),
        bins=(edges[:-1] + edges[1:]) / 2,
        simulated=simulated,
        predicted=100.0 * np.histogram(steps, edges, weights=density)[0].astype(np.float64),
        predicted_flipped=100 * float(density.sum()),
        mean=mean,
    )


def draw_inertia(state: InertiaState) -> Drawing:
    """Latent weights over the steps; below, when they first flip and when the closed form says so.

    Args:
        state: state of the controls.

    Returns:
        A static figure, and a few sentences.
    """
    arrays = compute_inertia(state)
    steps = np.arange(STEPS + 1, dtype=np.float32)
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.62, 0.38], vertical_spacing=0.06
    )
    gap = np.full((1, SHOWN - 1), np.nan)
    others = np.concatenate([arrays.latents[:, 1:], gap]).T.ravel().astype(np.float32)
    figure.add_scatter(
        x=np.tile(np.append(steps, np.nan), SHOWN - 1),
        y=others,
        mode="lines",
        line={"color": theme.TEXT, "width": 1},
        opacity=0.5,
        name="other weights",
        hoverinfo="skip",
        row=1,
        col=1,
    )
    figure.add_scatter(
        x=steps,
        y=arrays.latents[:, 0].astype(np.float32),
        mode="lines",
        line={"color": theme.BLUE, "width": 2},
        name="one latent weight",
        hovertemplate="step %{x}<br>latent weight %{y:.3g}<extra></extra>",
        row=1,
        col=1,
    )
    figure.add_scatter(
        x=arrays.flips,
        y=arrays.latents[arrays.flips, 0].astype(np.float32),
        mode="markers",
        marker={"color": theme.VERMILION, "size": 9, "symbol": "diamond"},
        name="its flips",
        hovertemplate="flip at step %{x}<extra></extra>",
        row=1,
        col=1,
    )
    figure.add_bar(
        x=arrays.bins,
        y=arrays.simulated,
        width=BIN,
        marker={"color": theme.BLUE, "opacity": 0.6},
        name="first flips, simulated",
        hovertemplate="about step %{x:.0f}<br>%{y:.1f} % of the weights<extra></extra>",
        row=2,
        col=1,
    )
    figure.add_scatter(
        x=arrays.bins,
        y=arrays.predicted,
        mode="lines",
        line={"color": theme.GREEN, "width": 3},
        name="first flips, formula",
        hovertemplate="about step %{x:.0f}<br>formula: %{y:.1f} %<extra></extra>",
        row=2,
        col=1,
    )
    figure.update_layout(
        **theme.layout(_title(arrays)),
        height=520,
        margin={"l": 60, "r": 20, "t": 50, "b": 110},
        bargap=0,
    )
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "x": 0, "y": -0.17, "yanchor": "top"}
    )
    figure.add_hline(y=0, line={"color": theme.TEXT, "dash": "dash", "width": 1}, row=1, col=1)
    for bound in (state.clip_at, -state.clip_at):  # faint where nothing is clipped
        line = {"color": theme.PINK, "dash": "dot", "width": 2 if state.clip else 1}
        figure.add_hline(y=bound, line=line, opacity=1 if state.clip else 0.4, row=1, col=1)
    mark_turn(figure, state.push, STEPS)
    figure.update_yaxes(theme.axis("latent weight"), row=1, col=1)
    top = 1.05 * float(max(1.0, arrays.simulated.max(), arrays.predicted.max()))
    figure.update_yaxes(theme.axis("% of weights", range=[0, top]), row=2, col=1)
    figure.update_xaxes(theme.axis("", range=[0, STEPS]), row=1, col=1)
    figure.update_xaxes(theme.axis("step", range=[0, STEPS]), row=2, col=1)
    return Drawing(figure, _words(state))


def _words(state: InertiaState) -> str:
    arrays = compute_inertia(state)
    text = (
        f"Inertia: magnitude / learning rate = {state.inertia:.3g}, the sum of gradients that a "
        f"flip takes. {arrays.flipped:.0f} % of {WEIGHTS} weights flip within {STEPS} steps"
    )
    if arrays.flipped:
        text += f", first at step {np.nanmean(arrays.first_flips):.0f} on average"
    size = np.abs(arrays.latents[-1]).mean()
    text += f". After the last step the magnitude is {size:.3g} on average."
    if state.clip:
        text += " The formula knows nothing of the clip."
    return text


def mark_turn(figure: go.Figure, push: str, steps: int) -> None:
    """A vertical line in the middle of both rows if the drift turns round there."""
    if push == TURNS:
        for row in (1, 2):
            line = {"color": theme.TEXT, "width": 1}
            figure.add_vline(x=steps / 2, line=line, row=row, col=1)


def _title(arrays: InertiaArrays) -> str:
    if arrays.flipped >= 99.5 and arrays.predicted_flipped >= 99.5:
        mean = np.nanmean(arrays.first_flips)
        return f"First flip: step {mean:.0f} on average, formula {arrays.mean:.0f}"
    return (
        f"Flipped within {STEPS} steps: {arrays.flipped:.0f} % of the weights, "
        f"formula {arrays.predicted_flipped:.0f} %"
    )
