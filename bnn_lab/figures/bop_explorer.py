"""Bop on binary weights under a noisy gradient, with what the closed forms say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from bnn_lab.controls import check_state, choice, slider
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.inertia_explorer import STEADY, TURNS, mark_turn
from bnn_lab.training.closed_forms import bop_flip_rate, bop_flip_step, ema_spread
from bnn_lab.training.simulate import Bop, simulate_weights

Floats = NDArray[np.float64]

STEPS, WEIGHTS, BIN = 600, 300, 20


@dataclass(frozen=True)
class BopState:
    """What the Bop explorer shows: weights at +1 with m = 0 under Bop."""

    gamma: float = slider(
        0.05,
        low=0.005,
        high=0.2,
        log=True,
        label="adaptivity rate γ",
        help="How fast the average m forgets old gradients.",
    )
    threshold: float = slider(
        0.2,
        low=0.0,
        high=1.0,
        step=0.01,
        label="threshold τ",
        help="How strong the average must be before the weight flips.",
    )
    drift: float = slider(
        0.0,
        low=0.0,
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

    def __post_init__(self) -> None:
        check_state(self)


@dataclass(frozen=True)
class BopArrays:
    """What `compute_bop` found.

    Attributes:
        average: m of one weight, float64 (STEPS + 1,).
        flips: steps at which it flipped, int64.
        mean: expected m, float64 (STEPS + 1,).
        spread: standard deviation of m, float64 (STEPS + 1,).
        bins: centres of the bins of `rate`, in steps.
        rate: weights that flip in a step, in percent, averaged over each bin and all weights.
        predicted_rate: the same in the long run from the closed form; None if there is a drift,
            for which it does not hold.
        flip_steps: steps at which a weight flips if there were no noise, as far as it does.
        median: half of the weights have flipped by this step; NaN if fewer ever did.
    """

    average: Floats
    flips: NDArray[np.int64]
    mean: Floats
    spread: Floats
    bins: Floats
    rate: Floats
    predicted_rate: float | None
    flip_steps: tuple[int, ...]
    median: float

    @property
    def long_rate(self) -> float:
        """Mean of the rate's second half, when the start is forgotten; in percent."""
        return float(self.rate[len(self.rate) // 2 :].mean())


@lru_cache(maxsize=4)  # the figure and its description ask for the same
def compute_bop(state: BopState) -> BopArrays:
    """Simulate the weights, and evaluate the closed forms.

    Args:
        state: state of the controls.

    Returns:
        The arrays to draw.
    """
    drift = np.full((STEPS, 1), state.drift)
    if state.push == TURNS:
        drift[STEPS // 2 :] *= -1
    rule = Bop(state.gamma, state.threshold)
    run = simulate_weights(rule, steps=STEPS, weights=WEIGHTS, drift=drift, noise=state.noise)

    steps = np.arange(STEPS + 1)
    kept = (1.0 - state.gamma) ** steps
    mean = state.drift * (1.0 - kept)
    if state.push == TURNS:
        half = STEPS // 2
        turned = -state.drift + (mean[half] + state.drift) * kept[: STEPS + 1 - half]
        mean = np.concatenate([mean[:half], turned])
    spread = ema_spread(state.gamma, state.noise)
    first = np.sort(np.nan_to_num(run.first_flips, nan=np.inf))[WEIGHTS // 2]
    return BopArrays(
        average=run.watched[:, 0],
        flips=np.flatnonzero(run.flips[:, 0]) + 1,
        mean=mean,
        spread=spread * np.sqrt(1.0 - kept**2),
        bins=np.arange(STEPS // BIN) * BIN + (BIN + 1) / 2,
        rate=100 * run.flips.reshape(-1, BIN * WEIGHTS).mean(axis=1),
        predicted_rate=None if state.drift else 100 * _noise_rate(state, spread),
        flip_steps=_flip_steps(state, mean),
        median=float(first) if math.isfinite(first) else math.nan,
    )


def draw_bop(state: BopState) -> Drawing:
    """One weight's average of gradients between -tau and tau; below, how many weights flip.

    Args:
        state: state of the controls.

    Returns:
        A static figure, and two to four sentences.
    """
    arrays = compute_bop(state)
    steps = np.arange(STEPS + 1, dtype=np.float32)
    figure = make_subplots(
        rows=2, cols=1, shared_xaxes=True, row_heights=[0.62, 0.38], vertical_spacing=0.06
    )
    band = np.concatenate([arrays.mean + arrays.spread, (arrays.mean - arrays.spread)[::-1]])
    figure.add_scatter(
        x=np.concatenate([steps, steps[::-1]]),
        y=band.astype(np.float32),
        fill="toself",
        fillcolor="rgba(0, 158, 115, 0.25)",
        line={"width": 0},
        mode="lines",
        name="m ± s, formula",
        hoverinfo="skip",
        row=1,
        col=1,
    )
    figure.add_scatter(
        x=steps,
        y=arrays.average.astype(np.float32),
        mode="lines",
        line={"color": theme.BLUE, "width": 2},
        name="m of one weight",
        hovertemplate="step %{x}<br>m %{y:.3g}<extra></extra>",
        row=1,
        col=1,
    )
    figure.add_scatter(
        x=arrays.flips,
        y=arrays.average[arrays.flips].astype(np.float32),
        mode="markers",
        marker={"color": theme.VERMILION, "size": 9, "symbol": "diamond"},
        name="its flips",
        hovertemplate="flip at step %{x}<extra></extra>",
        row=1,
        col=1,
    )
    figure.add_bar(
        x=arrays.bins,
        y=arrays.rate,
        width=BIN,
        marker={"color": theme.BLUE, "opacity": 0.6},
        name="flips, simulated",
        hovertemplate="about step %{x:.0f}<br>%{y:.2f} % flip in a step<extra></extra>",
        row=2,
        col=1,
    )
    rate = arrays.predicted_rate
    figure.add_scatter(
        x=[] if rate is None else [0, STEPS],
        y=[] if rate is None else [rate, rate],
        mode="lines",
        line={"color": theme.GREEN, "width": 3},
        name="flips, formula",
        hovertemplate="formula: %{y:.2f} %<extra></extra>",
        row=2,
        col=1,
    )
    figure.update_layout(
        **theme.layout(_title(state, arrays)),
        height=520,
        margin={"l": 60, "r": 20, "t": 50, "b": 110},
        bargap=0,
    )
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "x": 0, "y": -0.17, "yanchor": "top"}
    )
    for level in {state.threshold, -state.threshold}:
        line = {"color": theme.PINK, "dash": "dash", "width": 2}
        figure.add_hline(y=level, line=line, row=1, col=1)
    for step in arrays.flip_steps:
        figure.add_vline(
            x=step, line={"color": theme.GREEN, "dash": "dot", "width": 2}, row=1, col=1
        )
    mark_turn(figure, state.push, STEPS)
    figure.update_yaxes(theme.axis("average gradient m"), row=1, col=1)
    top = 1.05 * float(max(0.1, arrays.rate.max(), rate or 0.0))
    figure.update_yaxes(theme.axis("% flip in a step", range=[0, top]), row=2, col=1)
    figure.update_xaxes(theme.axis("", range=[0, STEPS]), row=1, col=1)
    figure.update_xaxes(theme.axis("step", range=[0, STEPS]), row=2, col=1)
    return Drawing(figure, _words(state))


def _words(state: BopState) -> str:
    arrays = compute_bop(state)
    spread = ema_spread(state.gamma, state.noise)
    text = f"Noise makes m waver by s = {spread:.3g}"
    text += f"; τ is {state.threshold / spread:.2g} times that. " if spread else ". "
    text += f"In the second half {_percent(arrays.long_rate)} of the weights flip in a step"
    if arrays.predicted_rate is not None:
        text += f"; the formula says {_percent(arrays.predicted_rate)}."
        return text
    if arrays.flip_steps:
        where = " and ".join(str(step) for step in arrays.flip_steps)
        text += f". Without noise a weight would flip at step {where} (dotted)."
    else:
        text += ". The drift does not exceed τ: without noise no weight would flip."
    if not math.isnan(arrays.median):
        text += f" Half of the weights have flipped by step {arrays.median:.0f}."
    return text


def _noise_rate(state: BopState, spread: float) -> float:
    """Flips a step of a weight without drift, in 0..0.5."""
    return bop_flip_rate(state.gamma, state.threshold / spread) if spread else 0.0


def _flip_steps(state: BopState, mean: Floats) -> tuple[int, ...]:
    first = bop_flip_step(state.gamma, state.threshold, state.drift)
    half = STEPS // 2
    turns = state.push == TURNS
    if first is None or first > (half if turns else STEPS):
        return ()
    if not turns:
        return (first,)
    # From mean[half] to -drift by an equal share each step: when does it pass -tau?
    left = (state.drift - state.threshold) / (mean[half] + state.drift)
    after = math.floor(math.log(left) / math.log1p(-state.gamma)) + 1
    return (first, half + after) if after <= STEPS - half else (first,)


def _title(state: BopState, arrays: BopArrays) -> str:
    if arrays.predicted_rate is not None:
        return (
            f"{_percent(arrays.long_rate)} of the weights flip in a step, "
            f"formula {_percent(arrays.predicted_rate)}"
        )
    if not arrays.flip_steps:
        return "The drift is too weak, or comes too late, to flip a weight by itself"
    when = "never" if math.isnan(arrays.median) else f"by step {arrays.median:.0f}"
    return f"Half of the weights flip {when}; without noise at step {arrays.flip_steps[0]}"


def _percent(rate: float) -> str:
    return "less than 0.01 %" if 0 < rate < 0.01 else f"{rate:.2g} %"
