"""Several training runs as they go: test accuracy above, the flip measure pi_t below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from plotly.subplots import make_subplots

from bnn_lab.errors import InputError
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.training.pi import flip_measure

MOST_RUNS = len(theme.COLOURS)
_SYMBOLS = ("circle", "diamond", "square", "triangle-up")
_DASHES = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True)
class MonitoredRun:
    """One training as far as it has gone; E epochs, T steps.

    Attributes:
        label: short name.
        flips: binary weights that flipped at each step, int64 (T,).
        weights: binary weights in all, at least 1.
        accuracy: after each epoch, in 0..1, float64 (E,).
    """

    label: str
    flips: NDArray[np.int64]
    weights: int
    accuracy: NDArray[np.float64]

    @property
    def epoch_pi(self) -> NDArray[np.float64]:
        """Flip measure of each epoch's mean step, float64 (E,)."""
        epochs = len(self.accuracy)
        if not epochs:
            return np.zeros(0)
        means = [part.mean() for part in np.array_split(self.flips, epochs)]
        return np.atleast_1d(flip_measure(means, self.weights))


def draw_flip_monitor(runs: Sequence[MonitoredRun], epochs: int = 10) -> Drawing:
    """Accuracy and pi of each run; steps as a thin line, the epochs' mean steps as a thick one.

    Args:
        runs: at most `MOST_RUNS`.
        epochs: the axis reaches at least so far, so that it does not jump while training goes on.

    Returns:
        A static figure, whose traces have the same number and types for any number of runs; a
        sentence for each run that has ended an epoch.

    Raises:
        InputError: too many runs.
    """
    if len(runs) > MOST_RUNS:
        raise InputError(f"flip_monitor_figure: {len(runs)} runs; at most {MOST_RUNS} can be told.")
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    for number in range(MOST_RUNS):
        run = runs[number] if number < len(runs) else _EMPTY
        colour = theme.COLOURS[number]
        done = np.arange(1, len(run.accuracy) + 1)
        steps = len(run.flips)
        at = np.arange(1, steps + 1) * len(run.accuracy) / max(1, steps)
        marked = {
            "mode": "lines+markers",
            "line": {"color": colour, "width": 2, "dash": _DASHES[number]},
            "marker": {"color": colour, "size": 6, "symbol": _SYMBOLS[number]},
            "name": run.label,
            "legendgroup": str(number),
        }
        figure.add_scatter(
            x=done,
            y=100 * run.accuracy,
            showlegend=number < len(runs),
            hovertemplate=run.label + "<br>epoch %{x}<br>accuracy %{y:.1f} %<extra></extra>",
            row=1,
            col=1,
            **marked,
        )
        figure.add_scatter(
            x=at.astype(np.float32),
            y=np.atleast_1d(flip_measure(run.flips, run.weights)).astype(np.float32),
            mode="lines",
            line={"color": colour, "width": 1},
            opacity=0.35,
            legendgroup=str(number),
            showlegend=False,
            hoverinfo="skip",
            row=2,
            col=1,
        )
        figure.add_scatter(
            x=done,
            y=run.epoch_pi,
            showlegend=False,
            hovertemplate=run.label + "<br>epoch %{x}<br>π %{y:.2f}<extra></extra>",
            row=2,
            col=1,
            **marked,
        )
    last = max([epochs, *(len(run.accuracy) for run in runs)])
    figure.update_layout(
        **theme.layout("Flips while the network learns"),
        height=480,
        margin={"l": 60, "r": 20, "t": 50, "b": 100},
    )
    figure.update_layout(
        showlegend=True, legend={"orientation": "h", "x": 0, "y": -0.16, "yanchor": "top"}
    )
    figure.update_xaxes(theme.axis("", range=[0, last + 0.5]), row=1, col=1)
    figure.update_xaxes(theme.axis("epoch", range=[0, last + 0.5]), row=2, col=1)
    figure.update_yaxes(theme.axis("test accuracy, %"), row=1, col=1)
    figure.update_yaxes(theme.axis("flip measure π<sub>t</sub>", range=[-9.4, 0]), row=2, col=1)
    return Drawing(figure, _words(runs))


def _words(runs: Sequence[MonitoredRun]) -> str:
    told = [
        f"{run.label}: after {len(run.accuracy)} epochs {100 * run.accuracy[-1]:.1f} % of the test "
        f"images are right, and π went from {run.epoch_pi[0]:.1f} to {run.epoch_pi[-1]:.1f}."
        for run in runs
        if len(run.accuracy)
    ]
    return " ".join(told) or "No epoch has ended yet."


_EMPTY = MonitoredRun("", np.zeros(0, np.int64), 1, np.zeros(0))
