"""Figures of the latency studies (`bnn_lab.experiments.latency`): measurements to figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log10
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bnn_lab.errors import InputError
from bnn_lab.experiments.latency.base import Study
from bnn_lab.experiments.latency.breakdown import CATEGORIES
from bnn_lab.experiments.latency.stem import PARTS
from bnn_lab.figures import theme
from bnn_lab.figures.convolution_studies import draw_padding, draw_ways
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.ternary_study import draw_generation, draw_ternary
from bnn_lab.tflite.forms import BINARY

if TYPE_CHECKING:
    import pandas as pd


_SYMBOLS = ("circle", "square", "diamond", "triangle-up")
# Four colours, then the same with a pattern: more colours would not stay apart for everyone.
_PATTERNS = ("", "", "", "", "/", "x", ".", "\\")
_LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top"}


def draw_study(study: Study) -> Drawing:
    """What a study measured.

    Args:
        study: from `run_study`.

    Returns:
        A static figure, and one or two sentences.

    Raises:
        InputError: there is no such study.
    """
    if study.name not in _DRAWN:
        raise InputError(f"draw_study: no study {study.name!r}; known are {', '.join(_DRAWN)}.")
    return _DRAWN[study.name](study.frame)


def draw_finding(study: Study) -> Drawing:
    """`draw_study` with the study's finding for its words.

    Args:
        study: from `run_study`.

    Returns:
        A static figure, and the finding of these measurements.

    Raises:
        InputError: there is no such study.
    """
    return Drawing(draw_study(study).figure, study.finding)


def _speedup(frame: pd.DataFrame) -> Drawing:
    panels = {"over_float": "over float32", "over_int8": "over int8"}
    figure = make_subplots(rows=1, cols=2, subplot_titles=list(panels.values()))
    for column, key in enumerate(panels, start=1):
        for index, (kernel, found) in enumerate(frame[~frame.paper].groupby("kernel")):
            figure.add_trace(
                _points(
                    found.channels,
                    found[key],
                    f"{kernel}x{kernel}",
                    index,
                    showlegend=column == 1,
                    text=[f"{size}x{size} pixels" for size in found["size"]],
                    error_y=_interval(found, key),
                ),
                row=1,
                col=column,
            )
        paper = frame[frame.paper]
        trace = _points(
            paper.channels,
            paper[key],
            "the paper's",
            3,
            showlegend=column == 1,
            text=[f"{size}x{size} pixels" for size in paper["size"]],
            error_y=_interval(paper, key),
        )
        trace.marker.update(symbol="star", size=14)
        figure.add_trace(trace, row=1, col=column)
    figure.update_layout(
        **theme.layout("Binary convolution: how many times faster", showlegend=True),
        legend=_LEGEND,
        height=440,
        margin={"l": 10, "r": 20, "t": 80, "b": 60},
    )
    ticks = sorted(set(frame.channels))
    figure.update_xaxes(
        **theme.axis(
            "channels in and out", type="log", tickvals=ticks, ticktext=list(map(str, ticks))
        )
    )
    figure.update_yaxes(**theme.axis("times faster", rangemode="tozero"))
    alt = (
        f"Two scatter plots over the number of channels. Over float32 the speed-up of "
        f"{len(frame)} binary convolutions lies between {frame.over_float.min():.1f} and "
        f"{frame.over_float.max():.1f}, over int8 between {frame.over_int8.min():.1f} and "
        f"{frame.over_int8.max():.1f}."
    )
    return Drawing(figure, alt)


def _macs(frame: pd.DataFrame) -> Drawing:
    kinds = {"macs": "MACs", "equivalent_macs": "equivalent MACs"}
    figure = make_subplots(rows=1, cols=2, subplot_titles=list(kinds.values()), shared_yaxes=True)
    for column, key in enumerate(kinds, start=1):
        trace = _points(frame[key] / 1e6, frame.ms, kinds[key], column - 1, text=frame.name)
        trace.update(mode="markers+text", textfont={"size": 10}, cliponaxis=False)
        trace.textposition = _sides(frame[key], frame.ms)
        figure.add_trace(trace, row=1, col=column)
    figure.update_layout(
        **theme.layout("Latency over multiply-accumulates, one thread"),
        height=520,
        margin={"l": 10, "r": 30, "t": 80, "b": 50},
    )
    figure.update_xaxes(**theme.axis("millions, of one image", type="log", dtick=1))
    figure.update_yaxes(**theme.axis("", type="log", dtick=1))
    figure.update_yaxes(title_text="latency, ms", col=1)
    slowest, quickest = frame.loc[frame.ms.idxmax()], frame.loc[frame.ms.idxmin()]
    alt = (
        f"Two scatter plots on logarithmic axes of {len(frame)} models' latency, over MACs and "
        f"over equivalent MACs. The quickest is {quickest['name']} with {quickest.ms:.3g} ms, the "
        f"slowest {slowest['name']} with {slowest.ms:.3g} ms."
    )
    return Drawing(figure, alt)


def _breakdown(frame: pd.DataFrame) -> Drawing:
    count = frame.name.nunique()
    figure = _stacked(frame, "category", CATEGORIES, "Where the time goes")
    mean = frame.groupby("category").share.mean().sort_values(ascending=False)
    words = ", ".join(f"{key} {share:.0%}" for key, share in mean.items() if share >= 0.01)
    return Drawing(
        figure,
        f"Stacked bars of {count} models' time by kind of op. On average: {words}.",
    )


def _stem(frame: pd.DataFrame) -> Drawing:
    figure = _stacked(frame, "part", PARTS, "Time of the parts of each network")
    mean = frame.groupby("part").share.mean()
    words = ", ".join(f"{key} {mean[key]:.0%}" for key in PARTS if key in mean)
    return Drawing(
        figure,
        f"Stacked bars of {frame.name.nunique()} networks' time by part. On average: {words}.",
    )


def _shortcuts(frame: pd.DataFrame) -> Drawing:
    figure = go.Figure()
    words = []
    for index, shortcuts in enumerate((False, True)):
        found = frame[frame.shortcuts == shortcuts]
        label = "with shortcuts" if shortcuts else "without"
        figure.add_trace(
            go.Bar(
                name=label,
                x=[found.name.tolist(), ["fused" if f else "unfused" for f in found.fused]],
                y=found.ms.tolist(),
                marker_color=theme.COLOURS[index],
                text=[f"{ms:.2f}" for ms in found.ms],
                textposition="outside",
                cliponaxis=False,
                hovertemplate="%{x}<br>%{y:.3g} ms<extra></extra>",
            )
        )
    for row in frame[frame.shortcuts].rename(columns={"name": "model"}).itertuples():
        words.append(f"{row.model} {'fused' if row.fused else 'unfused'} {row.cost:.2f}")
    figure.update_layout(
        **theme.layout("Cost of full-precision shortcuts", showlegend=True),
        legend={**_LEGEND, "y": -0.28},
        barmode="group",
        height=440,
        margin={"l": 10, "r": 20, "t": 60, "b": 60},
        xaxis=theme.axis(""),
        yaxis=theme.axis("latency, ms", rangemode="tozero"),
    )
    return Drawing(
        figure,
        "Pairs of bars with and without shortcuts. How many times as long it takes with them: "
        f"{', '.join(words)}.",
    )


def _overhead(frame: pd.DataFrame) -> Drawing:
    figure = go.Figure()
    parts = {
        "float ops": (frame.float_floor_ms, theme.BLUE),
        "binary convolutions alone": (frame.kernel_ms, theme.VERMILION),
        "the rest": ((frame.beyond_floor_ms - frame.kernel_ms).clip(lower=0), theme.GREEN),
    }
    for label, (ms, colour) in parts.items():
        figure.add_trace(
            go.Bar(
                name=label,
                x=frame.name.tolist(),
                y=ms.tolist(),
                marker_color=colour,
                text=[f"{value:.2f}" for value in ms],
                hovertemplate=f"%{{x}}<br>{label}: %{{y:.3g}} ms<extra></extra>",
            )
        )
    figure.update_layout(
        **theme.layout("Where the time of a fused network goes, one thread", showlegend=True),
        legend=_LEGEND,
        barmode="stack",
        height=420,
        margin={"l": 10, "r": 20, "t": 60, "b": 60},
        xaxis=theme.axis(""),
        yaxis=theme.axis("latency, ms"),
    )
    words = ", ".join(
        f"{row.model} {row.ms:.2f} ms, {row.float_floor_ms:.2f} of it float ops and "
        f"{row.kernel_ms:.2f} binary convolutions"
        for row in frame.rename(columns={"name": "model"}).itertuples()
    )
    return Drawing(figure, f"Stacked bars of latency: {words}.")


def _threads(frame: pd.DataFrame) -> Drawing:
    figure = go.Figure()
    most = frame.threads.max()
    top = frame[frame.threads == most]
    for index, (kind, found) in enumerate(top.groupby("kind", sort=False)):
        figure.add_trace(
            go.Bar(
                name=str(kind),
                x=found.name.tolist(),
                y=found.speedup.tolist(),
                error_y=_interval(found, "speedup"),
                marker_color=theme.VERMILION
                if kind == BINARY
                else (theme.BLUE, theme.BLUE, theme.GREEN)[index],
                text=[f"{s:.2f}" for s in found.speedup],
                textposition="inside",
                customdata=found.ms.tolist(),
                hovertemplate="%{x}<br>%{y:.2f} times, %{customdata:.3g} ms<extra></extra>",
            )
        )
    figure.add_hline(y=float(most), line={"dash": "dot", "color": theme.TEXT})
    figure.update_layout(
        **theme.layout(f"{most} threads over one (dotted: ideal)", showlegend=True),
        legend=_LEGEND,
        barmode="group",
        height=420,
        margin={"l": 10, "r": 20, "t": 60, "b": 60},
        xaxis=theme.axis(""),
        yaxis=theme.axis("times faster", range=[0, 1.15 * max(float(most), top.speedup.max())]),
    )
    words = ", ".join(
        f"{row.model} {row.kind} {row.speedup:.2f}"
        for row in top.rename(columns={"name": "model"}).itertuples()
    )
    return Drawing(figure, f"Bars of the speed-up of {most} threads over one: {words}.")


def _accuracy(frame: pd.DataFrame) -> Drawing:
    figure = go.Figure()
    for label, best, colour, symbol in (
        ("beaten by no other", True, theme.VERMILION, "star"),
        ("others", False, theme.BLUE, "circle-open"),
    ):
        found = frame[frame.best == best]
        figure.add_trace(
            go.Scatter(
                name=label,
                x=found.ms.tolist(),
                y=found.top1.tolist(),
                mode="markers+text",
                text=found.name.tolist(),
                textposition=["top left" if b else "bottom right" for b in found.best],
                textfont={"size": 11},
                cliponaxis=False,
                marker={"color": colour, "symbol": symbol, "size": 13},
                customdata=found.source.tolist(),
                hovertemplate=(
                    "%{text}<br>%{x:.3g} ms, measured here<br>%{y:.1f} % top-1, cited:"
                    "<br>%{customdata}<extra></extra>"
                ),
            )
        )
    low, high = float(frame.ms.min()), float(frame.ms.max())
    figure.update_layout(
        **theme.layout("Published accuracy over latency measured here", showlegend=True),
        legend=_LEGEND,
        height=480,
        margin={"l": 10, "r": 30, "t": 60, "b": 60},
        xaxis=theme.axis("latency, ms (measured, one thread)", type="log", dtick="D2"),
        yaxis=theme.axis("ImageNet top-1, % (cited)"),
    )
    figure.update_xaxes(range=[log10(low / 1.8), log10(high * 2.2)])
    front = ", ".join(frame[frame.best].sort_values("ms").name)
    return Drawing(
        figure,
        f"Scatter plot of {len(frame)} networks' cited accuracy over latency measured from "
        f"{low:.3g} to {high:.3g} ms. Beaten by no other: {front}.",
    )


def _stacked(frame: pd.DataFrame, key: str, order: Sequence[str], title: str) -> go.Figure:
    figure = go.Figure()
    totals = frame.groupby("name").ms.sum()
    names = [f"{name}  ({totals[name]:.3g} ms)" for name in frame.name.unique()]
    for index, part in enumerate(order):
        found = frame[frame[key] == part]
        if not found.ms.any():
            continue
        figure.add_trace(
            go.Bar(
                name=part,
                y=names,
                x=(100 * found.share).tolist(),
                orientation="h",
                marker={
                    "color": theme.COLOURS[index % len(theme.COLOURS)],
                    "pattern": {"shape": _PATTERNS[index], "solidity": 0.4},
                },
                customdata=found.ms.tolist(),
                hovertemplate=f"%{{y}}<br>{part}<br>%{{customdata:.3g}} ms, %{{x:.0f}} %"
                "<extra></extra>",
            )
        )
    figure.update_layout(
        **theme.layout(title, showlegend=True),
        legend={**_LEGEND, "y": -0.12, "traceorder": "normal"},
        barmode="stack",
        height=190 + 26 * len(names),
        margin={"l": 10, "r": 20, "t": 60, "b": 60},
        xaxis=theme.axis("share of the time, %", range=[0, 100]),
        yaxis=theme.axis("", autorange="reversed", ticksuffix="  ", showgrid=False, dtick=1),
    )
    return figure


def _points(x: Any, y: Any, name: str, index: int, **more: Any) -> go.Scatter:
    return go.Scatter(
        x=list(x),
        y=list(y),
        name=name,
        mode="markers",
        marker={"color": theme.COLOURS[index], "symbol": _SYMBOLS[index], "size": 9},
        hovertemplate="%{text}<br>%{x:.4g}: %{y:.3g}<extra></extra>",
        **more,
    )


def _interval(frame: pd.DataFrame, column: str) -> dict[str, Any]:
    """Error bars of a column's 95 % interval."""
    return {
        "type": "data",
        "symmetric": False,
        "array": (frame[f"{column}_high"] - frame[column]).tolist(),
        "arrayminus": (frame[column] - frame[f"{column}_low"]).tolist(),
        "thickness": 1,
        "width": 3,
    }


def _sides(x: Any, y: Any) -> list[str]:
    """Sides of the labels, alternating from left to right so that neighbours' stay apart."""
    order = sorted(range(len(x)), key=lambda i: (list(x)[i], list(y)[i]))
    sides = ("top center", "bottom center", "middle right", "middle left")
    found = [""] * len(order)
    for place, index in enumerate(order):
        found[index] = sides[place % len(sides)]
    return found


_DRAWN: dict[str, Callable[[Any], Drawing]] = {
    "speedup": _speedup,
    "macs": _macs,
    "breakdown": _breakdown,
    "shortcuts": _shortcuts,
    "stem": _stem,
    "overhead": _overhead,
    "threads": _threads,
    "accuracy": _accuracy,
    "ternary": draw_ternary,
    "ways": draw_ways,
    "padding": draw_padding,
    "generation": draw_generation,
}
