"""Training curves: accuracy above, the flip measure pi_t below."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bnn_lab.errors import InputError
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.training.history import TrainingHistory


def draw_training(history: TrainingHistory) -> Drawing:
    """Two rows over the same epochs: accuracy in percent, and pi_t of every training step.

    pi_t = log(flips / weights + e^-9) is -9 when nothing flips any more (arXiv:1906.02107,
    section 5).

    Args:
        history: from `bnn_lab.training.train`, at least one epoch.

    Returns:
        A static figure, and three sentences, on lines of their own.

    Raises:
        InputError: the history is empty.
    """
    _require_epochs(history)
    epochs = np.array(history.column("epoch"))
    step_pi = history.step_pi
    # Single precision: stored notebooks keep these numbers.
    step_epochs = ((np.arange(len(step_pi)) + 1) * len(epochs) / len(step_pi)).astype(np.float32)

    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.09)
    for name, column, colour in (
        ("training", "train_accuracy", theme.BLUE),
        ("test", "test_accuracy", theme.VERMILION),
    ):
        figure.add_scatter(
            x=epochs,
            y=100 * np.array(history.column(column)),
            name=name,
            mode="lines+markers",
            line={"color": colour, "width": 2},
            marker={"symbol": "circle" if name == "training" else "diamond", "size": 7},
            hovertemplate=f"epoch %{{x}}<br>{name} accuracy %{{y:.1f}} %<extra></extra>",
            row=1,
            col=1,
        )
    figure.add_scatter(
        x=step_epochs,
        y=np.asarray(step_pi, np.float32),
        name="flips",
        mode="lines",
        line={"color": theme.GREEN, "width": 2},
        hovertemplate="epoch %{x:.2f}<br>π<sub>t</sub> %{y:.2f}<extra></extra>",
        row=2,
        col=1,
    )
    figure.update_layout(
        **theme.layout("Accuracy and flips, epoch by epoch"),
        height=460,
        margin={"l": 10, "r": 80, "t": 50, "b": 50},
    )
    figure.update_yaxes(theme.axis("accuracy, %"), row=1, col=1)
    figure.update_yaxes(theme.axis("flip measure π<sub>t</sub>"), row=2, col=1)
    figure.update_xaxes(theme.axis(""), row=1, col=1)
    figure.update_xaxes(theme.axis("epoch"), row=2, col=1)
    _label_lines(figure, history)
    return Drawing(figure, _words(history))


def _words(history: TrainingHistory) -> str:
    first, last = history.epochs[0], history.epochs[-1]
    return (
        f"Line charts over {last.epoch} epochs.\n"
        f"Test accuracy goes from {100 * first.test_accuracy:.1f} % to "
        f"{100 * last.test_accuracy:.1f} %.\n"
        f"The flip measure goes from {first.pi:.1f} to {last.pi:.1f}: {first.flips:,} weights "
        f"flipped in the first epoch, {last.flips:,} in the last."
    )


def _label_lines(figure: go.Figure, history: TrainingHistory) -> None:
    """Names at the lines' ends, so that no legend has to be decoded."""
    last = history.epochs[-1]
    ends = [
        ("training", 100 * last.train_accuracy, theme.BLUE),
        ("test", 100 * last.test_accuracy, theme.VERMILION),
    ]
    upper, lower = sorted(ends, key=lambda end: -end[1])
    # The two lines end close together; their names are pushed apart.
    for (text, value, colour), shift in ((upper, 8), (lower, -10)):
        figure.add_annotation(
            x=last.epoch,
            y=value,
            text=f"<b>{text}</b>",
            font={"color": colour},
            showarrow=False,
            xanchor="left",
            xshift=10,
            yshift=shift,
            row=1,
            col=1,
        )
    figure.add_annotation(
        x=last.epoch,
        y=float(history.step_pi[-1]),
        text="<b>flips</b>",
        font={"color": theme.GREEN},
        showarrow=False,
        xanchor="left",
        xshift=10,
        row=2,
        col=1,
    )


def _require_epochs(history: TrainingHistory) -> None:
    if not history.epochs:
        raise InputError("this history is empty: train for at least one epoch before plotting.")
