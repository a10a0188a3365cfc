"""Figures of Bop's constants over time, of the batch size, and of scaling factors."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bnn_lab.experiments.training import BatchAgainstGamma, Figure2, ScalingFactors
from bnn_lab.experiments.training.curves import GAMMA
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing

if TYPE_CHECKING:
    import pandas as pd

_DASHES = ("solid", "dash", "dot", "dashdot")
_SYMBOLS = ("circle", "diamond", "square", "cross")


def _over_time(frame: pd.DataFrame) -> Drawing:
    """Accuracy above, pi below; a column for the family of gammas, one for that of taus.

    Args:
        frame: of `figure2`.

    Returns:
        A static figure, and a sentence for each family.
    """
    families = list(frame.family.unique())
    signs = {family: ("γ", "τ") if family == GAMMA else ("τ", "γ") for family in families}
    columns = {family: ("gamma", "threshold") for family in families}
    columns |= {family: ("threshold", "gamma") for family in families if family != GAMMA}
    titles = []
    for family in families:
        fixed = frame[frame.family == family][columns[family][1]].iloc[0]
        titles.append(f"{signs[family][0]} varies, {signs[family][1]} = {fixed:g}")
    figure = make_subplots(
        rows=2,
        cols=len(families),
        shared_xaxes=True,
        shared_yaxes="rows",
        subplot_titles=titles,
        vertical_spacing=0.06,
        horizontal_spacing=0.05,
    )
    words = []
    for column, family in enumerate(families, start=1):
        varied = columns[family][0]
        rows = frame[frame.family == family]
        means = rows.groupby([varied, "epoch"])[["accuracy", "pi"]].mean().reset_index()
        told = []
        for number, (value, line) in enumerate(means.groupby(varied)):
            name = f"{signs[family][0]} = {value:g}"
            style = {"color": theme.COLOURS[number % 4], "dash": _DASHES[number % 4], "width": 2.5}
            for row, values in enumerate((100 * line.accuracy, line.pi), start=1):
                figure.add_scatter(
                    x=line.epoch,
                    y=values,
                    mode="lines",
                    name=name,
                    legendgroup=name,
                    showlegend=row == 1,
                    line=style,
                    hovertemplate=f"epoch %{{x}}<br>%{{y:.2f}}<extra>{name}</extra>",
                    row=row,
                    col=column,
                )
            told.append(
                f"{value:g} ends at {100 * line.accuracy.iloc[-1]:.1f} % with π "
                f"{line.pi.iloc[-1]:.1f}"
            )
        words.append(f"{titles[column - 1]}: {'; '.join(told)}.")
    figure.update_layout(
        **theme.layout("Accuracy and flips over time", showlegend=True),
        height=560,
        legend={"orientation": "h", "y": -0.2, "yanchor": "top"},
        margin={"l": 10, "r": 10, "t": 80, "b": 100},
    )
    figure.update_xaxes(theme.axis(""))
    figure.update_xaxes(title="epoch", row=2)
    figure.update_yaxes(theme.axis(""))
    figure.update_yaxes(title="test accuracy, %", row=1, col=1)
    figure.update_yaxes(title="flip measure π", row=2, col=1)
    return Drawing(figure, f"Lines over the epochs. {' '.join(words)}")


def _batches(frame: pd.DataFrame) -> Drawing:
    """Accuracy over gamma and over gamma / batch, a line for each batch size.

    Args:
        frame: of `batch_against_gamma`.

    Returns:
        A static figure, and a sentence for each batch size.
    """
    figure = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.05)
    words = []
    means = frame.groupby(["batch", "gamma"])[["accuracy", "pi"]].mean().reset_index()
    for number, (batch, line) in enumerate(means.groupby("batch")):
        name = f"batch {batch}"
        for column, x in enumerate((line.gamma, line.gamma / batch), start=1):
            figure.add_scatter(
                x=x,
                y=100 * line.accuracy,
                mode="lines+markers",
                name=name,
                legendgroup=name,
                showlegend=column == 1,
                line={"color": theme.COLOURS[number % 4], "dash": _DASHES[number % 4], "width": 2},
                marker={"symbol": _SYMBOLS[number % 4], "size": 9},
                hovertemplate=f"%{{x:.3g}}<br>%{{y:.1f}} %<extra>{name}</extra>",
                row=1,
                col=column,
            )
        told = ", ".join(f"γ = {r.gamma:g} {100 * r.accuracy:.1f} %" for r in line.itertuples())
        words.append(f"{name}: {told}.")
    figure.update_layout(
        **theme.layout("Batch size and γ", showlegend=True),
        height=400,
        legend={"orientation": "h", "y": -0.25},
        margin={"l": 10, "r": 10, "t": 60},
    )
    figure.update_xaxes(theme.axis("γ", type="log", dtick=1), row=1, col=1)
    figure.update_xaxes(theme.axis("γ / batch size", type="log", dtick=1), row=1, col=2)
    figure.update_yaxes(theme.axis(""))
    figure.update_yaxes(title="test accuracy, %", row=1, col=1)
    return Drawing(figure, f"Lines of test accuracy over γ. {' '.join(words)}")


def _factors(frame: pd.DataFrame) -> Drawing:
    """Share of binary weights that differ at the end from those without factors, as bars.

    Args:
        frame: of `scaling_factors`.

    Returns:
        A static figure, and a sentence.
    """
    found = frame.groupby("case", sort=False)[["accuracy", "different"]].mean()
    figure = go.Figure(
        go.Bar(
            x=100 * found.different,
            y=found.index,
            orientation="h",
            marker={"color": theme.BLUE},
            text=[f"{100 * row.accuracy:.1f} % right" for row in found.itertuples()],
            textposition="outside",
            outsidetextfont={"color": theme.TEXT},
            cliponaxis=False,
            hovertemplate="%{y}: %{x:.2f} % of the weights differ<extra></extra>",
        )
    )
    figure.update_layout(
        **theme.layout("Batch normalization takes a factor back, but for its ε"),
        height=140 + 44 * len(found),
    )
    reach = max(1.0, 135 * float(found.different.max()))
    title = f"binary weights that differ from {found.index[0]} at the end, %"
    figure.update_xaxes(theme.axis(title, range=[0, reach]))
    figure.update_yaxes(theme.axis("", autorange="reversed", ticklabelstandoff=8))
    told = "; ".join(
        f"{row.Index}: {100 * row.different:.1f} % differ, {100 * row.accuracy:.1f} % right"
        for row in found.itertuples()
    )
    return Drawing(figure, f"Bars of the weights that differ after training. {told}.")


# Type of an experiment's settings to what draws its frame.
DRAWN: dict[type, Callable[[Any], Drawing]] = {
    BatchAgainstGamma: _batches,
    Figure2: _over_time,
    ScalingFactors: _factors,
}
