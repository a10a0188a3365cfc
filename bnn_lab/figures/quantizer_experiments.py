"""Figures of experiments on quantizers of kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from plotly.subplots import make_subplots

from bnn_lab.experiments.training.dead_weights import DeadWeights
from bnn_lab.experiments.training.mlp_run import LAST_EPOCHS
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.training.uncertainty import difference_uncertainty

if TYPE_CHECKING:
    import pandas as pd

_DASHES = ("solid", "dash", "dot")


def _dead_weights(frame: pd.DataFrame) -> Drawing:
    """Weights that never flipped and accuracy over the epochs, a line for each quantizer.

    Args:
        frame: of `bnn_lab.experiments.training.dead_weights`.

    Returns:
        A static figure of means over the seeds, and both at the end in words.
    """
    titles = ("never flipped, %", "accuracy, %")  # short, for a phone
    figure = make_subplots(rows=1, cols=2, subplot_titles=titles, horizontal_spacing=0.1)
    means = frame.groupby(["quantizer", "epoch"], sort=False).mean(numeric_only=True).reset_index()
    told = []
    for number, (name, rows) in enumerate(means.groupby("quantizer", sort=False)):
        for column, values in enumerate((rows.never_flipped, rows.accuracy), start=1):
            figure.add_scatter(
                x=rows.epoch,
                y=100 * values,
                mode="lines+markers",
                name=str(name),
                legendgroup=str(name),
                showlegend=column == 1,
                line={"color": theme.COLOURS[number], "dash": _DASHES[number], "width": 2.5},
                marker={"size": 5},
                hovertemplate=f"epoch %{{x}}<br>%{{y:.1f}} %<extra>{name}</extra>",
                row=1,
                col=column,
            )
        told.append(
            f"{name}: {100 * rows.never_flipped.iloc[-1]:.1f} % of the weights never flipped, "
            f"{100 * rows.accuracy.tail(LAST_EPOCHS).mean():.1f} % right"
        )
    figure.update_layout(
        **theme.layout("", showlegend=True),
        height=380,
        legend={"orientation": "h", "x": 0, "y": -0.22},
        margin={"l": 10, "r": 10, "t": 40},
    )
    figure.update_xaxes(theme.axis("epoch"))
    figure.update_yaxes(theme.axis(""))
    accuracy = float(means.accuracy.iloc[-1])
    apart = difference_uncertainty(accuracy, accuracy, int(frame.images.iloc[0]))
    return Drawing(
        figure,
        f"Lines over {means.epoch.max()} epochs. At the end, {'; '.join(told)} in the last "
        f"{LAST_EPOCHS} epochs. A difference of two accuracies of one run each is uncertain by "
        f"{100 * apart:.1f} points.",
    )


# Type of an experiment's settings to what draws its frame.
DRAWN: dict[type, Callable[[Any], Drawing]] = {DeadWeights: _dead_weights}
