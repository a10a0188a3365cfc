"""Figures of ternary weights in training, and of the memory's bound on writing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bnn_lab.experiments.latency.ternary import READING, SAMPLES
from bnn_lab.experiments.training.low_bit_text import FORMS, LowBitText
from bnn_lab.experiments.training.ternary_bop import METHODS, TernaryBop
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing

if TYPE_CHECKING:
    import pandas as pd

_FORM_COLOURS = dict(zip(FORMS, (theme.TEXT, theme.VERMILION, theme.BLUE), strict=True))
_METHOD_COLOURS = dict(zip(METHODS, (theme.VERMILION, theme.BLUE, theme.TEXT), strict=True))
_MOVES = (("into the zone", theme.BLUE), ("out of it", theme.GREEN), ("across it", theme.VERMILION))


def _curves(frame: pd.DataFrame) -> Drawing:
    """Test loss by step, a line for each form.

    Args:
        frame: of `low_bit_text`.

    Returns:
        A static figure, and one sentence.
    """
    figure = go.Figure()
    last = {}
    for form, rows in frame.groupby("form", sort=False):
        figure.add_scatter(
            name=str(form),
            x=rows.step.tolist(),
            y=rows.test_loss.tolist(),
            mode="lines",
            line={"color": _FORM_COLOURS[form], "width": 2},
            hovertemplate=f"{form}, step %{{x}}: %{{y:.3f}}<extra></extra>",
        )
        last[form] = float(rows.test_loss.iloc[-1])
    figure.update_layout(
        **theme.layout("Loss on sentences that training has not seen", showlegend=True),
        height=340,
        margin={"l": 10, "r": 20, "t": 60, "b": 45},
    )
    figure.update_xaxes(**theme.axis("training step"))
    figure.update_yaxes(**theme.axis("nats a character"))
    words = ", ".join(f"{form} {loss:.2f}" for form, loss in last.items())
    return Drawing(figure, f"Test loss falls with the steps. At the end: {words} nats a character.")


def draw_loss_against_bytes(frame: Any) -> Drawing:
    """The loss after training against the bytes of the packed weights, a line for each form.

    Args:
        frame: `pandas.DataFrame` of `recorded_low_bit_text`, or any that has its columns.

    Returns:
        A static figure with a logarithmic axis of bytes, and a sentence or two.
    """
    last = frame.groupby(["form", "width", "depth"], sort=False).tail(1)
    figure = go.Figure()
    words = []
    for form, rows in last.groupby("form", sort=False):
        sizes = [
            f"{width} channels, {depth} blocks"
            for width, depth in rows[["width", "depth"]].to_numpy()
        ]
        figure.add_scatter(
            name=str(form),
            x=rows.weight_bytes.tolist(),
            y=rows.test_loss.tolist(),
            customdata=sizes,
            mode="lines+markers",
            line={"color": _FORM_COLOURS[form], "width": 2},
            marker={"size": 10, "color": _FORM_COLOURS[form]},
            hovertemplate=f"{form}, %{{customdata}}<br>%{{x:,}} bytes, %{{y:.3f}} nats"
            "<extra></extra>",
        )
        pairs = zip(rows.weight_bytes, rows.test_loss, strict=True)
        words.append(f"{form}: " + ", ".join(f"{b:,} bytes {loss:.2f}" for b, loss in pairs))
    figure.update_layout(
        **theme.layout("Loss against bytes", showlegend=True),
        height=360,
        margin={"l": 10, "r": 20, "t": 60, "b": 45},
    )
    figure.update_xaxes(
        **theme.axis("bytes of all packed matrices", type="log", dtick=1, exponentformat="power")
    )
    figure.update_yaxes(**theme.axis("nats a character"))
    return Drawing(figure, f"Test loss after training, in nats a character. {'; '.join(words)}.")


def draw_ternary_moves(moves: Any, every: int = 10) -> Drawing:
    """What ternary weights did in training: moves by kind, zeros, and the inertia that is left.

    Args:
        moves: a `bnn_lab.training.ternary_flips.LayerMoves` of ternary weights.
        every: steps that are averaged.

    Returns:
        A static figure, and a sentence or two.
    """
    steps = len(moves.moves) // every
    rates = moves.moves[: steps * every].reshape(steps, every, 3).mean(axis=1) / moves.weights
    at = ((np.arange(steps) + 0.5) * every).tolist()
    titles = ("weights that move in a step", "share that is 0", "distance to the nearest border")
    figure = make_subplots(rows=1, cols=3, subplot_titles=titles, horizontal_spacing=0.09)
    for kind, (name, colour) in enumerate(_MOVES):
        figure.add_bar(
            name=name,
            x=at,
            y=(100 * rates[:, kind]).tolist(),
            width=0.86 * every,
            marker={"color": colour},
            hovertemplate=f"{name}: %{{y:.2f}} %<extra></extra>",
            row=1,
            col=1,
        )
    zeros = moves.zeros[every - 1 :: every] / moves.weights
    figure.add_scatter(
        x=at,
        y=(100 * zeros).tolist(),
        mode="lines",
        showlegend=False,
        line={"color": theme.TEXT, "width": 2},
        hovertemplate="%{y:.1f} %<extra></extra>",
        row=1,
        col=2,
    )
    counts, edges = np.histogram(moves.border, bins=40, range=(0, 2))
    figure.add_bar(
        x=(edges[:-1] + 0.025).tolist(),
        y=(100 * counts / moves.weights).tolist(),
        width=0.044,
        showlegend=False,
        marker={"color": theme.GREEN},
        hovertemplate="%{x:.2f}: %{y:.1f} %<extra></extra>",
        row=1,
        col=3,
    )
    figure.update_layout(
        **theme.layout("", showlegend=True),
        barmode="stack",
        bargap=0.05,
        height=330,
    )
    figure.update_layout(
        margin={"l": 10, "r": 20, "t": 40, "b": 80},
        legend={"orientation": "h", "x": 0, "y": -0.32, "yanchor": "top"},
    )
    figure.update_yaxes(**theme.axis("", ticksuffix=" %"))
    tops = (rates.sum(axis=1).max(), zeros.max(), (counts / moves.weights).max())
    for column, top in enumerate(tops, start=1):
        figure.update_yaxes(range=[0, 115 * float(top)], row=1, col=column)
    for column, title in enumerate(("training step", "training step", "mean magnitudes"), start=1):
        figure.update_xaxes(**theme.axis(title), row=1, col=column)
    totals = moves.moves.sum(axis=0)
    share = totals / max(1, totals.sum())
    return Drawing(
        figure,
        f"Of all moves {share[0]:.0%} go into the dead zone, {share[1]:.0%} out of it and "
        f"{share[2]:.1%} across. At the end {zeros[-1]:.0%} of the weights are 0; "
        f"{moves.never_moved / moves.weights:.0%} have never moved.",
    )


def _bop(frame: pd.DataFrame) -> Drawing:
    """Accuracy, moves and zeros at the end of each run, by method and threshold.

    Args:
        frame: of `ternary_bop`.

    Returns:
        A static figure, and one sentence.
    """
    last = frame[frame.epoch == frame.epoch.max()]
    means = last.groupby(["method", "threshold"], sort=False, dropna=False).mean(numeric_only=True)
    labels, colours = [], []
    for method, threshold in means.index:
        labels.append(method if np.isnan(threshold) else f"{method}, τ = {threshold:g}")
        colours.append(_METHOD_COLOURS[method])
    panels = (
        ("test accuracy", means.accuracy, "{:.1f} %"),
        ("moves a weight and step", means.move_rate, "{:.3f} %"),
        ("share that is 0", means.zero_share, "{:.0f} %"),
    )
    titles = [title for title, _, _ in panels]
    figure = make_subplots(
        rows=1, cols=3, subplot_titles=titles, shared_yaxes=True, horizontal_spacing=0.04
    )
    for column, (title, values, form) in enumerate(panels, start=1):
        figure.add_bar(
            x=(100 * values).tolist(),
            y=labels,
            orientation="h",
            marker={"color": colours},
            text=[form.format(100 * value) for value in values],
            textposition="outside",
            hovertemplate=f"%{{y}}<br>{title}: %{{text}}<extra></extra>",
            row=1,
            col=column,
        )
        # Room for the numbers beside the bars.
        most = 145 * float(values.max())
        figure.update_xaxes(**theme.axis("", range=[0, most], nticks=4), row=1, col=column)
    figure.update_layout(
        **theme.layout(""),
        height=110 + 34 * len(labels),
        margin={"l": 10, "r": 20, "t": 50, "b": 30},
    )
    figure.update_yaxes(autorange="reversed", automargin=True, ticksuffix="  ")
    words = "; ".join(
        f"{label} {value:.1%}" for label, value in zip(labels, means.accuracy, strict=True)
    )
    return Drawing(figure, f"Test accuracy: {words}.")


def draw_token_roofline(frame: Any) -> Drawing:
    """A dense layer on one token and on many, below the memory's roof.

    Args:
        frame: `pandas.DataFrame` of the study `ternary`.

    Returns:
        A static figure with logarithmic axes, and a sentence or two.
    """
    rows = frame[frame.name != READING].copy()
    # MAC a byte of weights.
    rows["intensity"] = rows.gmacs_per_s / rows.gb_per_s
    bandwidth = float(frame[frame.name == READING].gb_per_s.max())
    figure = go.Figure()
    # The roof within the picture.
    lowest, highest = rows.gmacs_per_s.min() / 2, rows.gmacs_per_s.max() * 2
    ends = [max(float(lowest) / bandwidth, float(rows.intensity.min()) / 2)]
    ends.append(float(highest) / bandwidth)
    figure.add_scatter(
        x=ends,
        y=[end * bandwidth for end in ends],
        mode="lines",
        name="memory's roof",
        line={"color": theme.TEXT, "dash": "dash"},
        hoverinfo="skip",
    )
    colours = (*theme.COLOURS, theme.TEXT, theme.GOLD, theme.VIOLET)
    for number, (name, found) in enumerate(rows.groupby("name", sort=False)):
        colour = colours[number % len(colours)]
        for symbol, (samples, one) in zip(
            ("circle", "square"), found.groupby("samples"), strict=False
        ):
            figure.add_scatter(
                name=str(name),
                showlegend=samples == SAMPLES[0],
                x=one.intensity.tolist(),
                y=one.gmacs_per_s.tolist(),
                mode="markers",
                marker={"color": colour, "size": 12, "symbol": symbol},
                hovertemplate=f"{name}, {samples} at once<br>%{{x:.3g}} MAC a byte<br>"
                "%{y:.3g} GMAC/s<extra></extra>",
            )
        figure.add_scatter(
            x=found.intensity.tolist(),
            y=found.gmacs_per_s.tolist(),
            mode="lines",
            showlegend=False,
            line={"color": colour, "width": 1, "dash": "dot"},
            hoverinfo="skip",
        )
    figure.update_layout(
        **theme.layout(f"Circles: 1 token at once; squares: {SAMPLES[1]}", showlegend=True),
        height=420,
        margin={"l": 10, "r": 20, "t": 60, "b": 45},
    )
    figure.update_xaxes(
        **theme.axis("multiply-accumulates for each byte of weights", type="log", dtick=1)
    )
    figure.update_yaxes(
        **theme.axis("10⁹ multiply-accumulates a second", type="log", dtick=1),
        range=[np.log10(lowest), np.log10(highest)],
    )
    said = [
        f"{row.who}: {float(f'{row.gmacs_per_s:.3g}'):,g} with {row.samples} at once"
        for row in rows.rename(columns={"name": "who"}).itertuples()
    ]
    return Drawing(
        figure,
        f"Memory delivers {bandwidth:.1f} GB/s. 10⁹ multiply-accumulates a second: "
        f"{'; '.join(said)}.",
    )


DRAWN = {LowBitText: _curves, TernaryBop: _bop}
