"""Latency explorer: networks or layers of several devices as points; a click shows a network's ops.

Measured points are filled, cited ones hollow. A latency's bar reaches from the fastest round to the
90th percentile.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log10
from typing import Any

import plotly.graph_objects as go

from bnn_lab._words import counted
from bnn_lab.bench.model_bench import profile_of
from bnn_lab.bench.report import Model, Report
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.latency_points import (
    ACCURACY,
    BINARY_MACS,
    ENERGY,
    EQUIVALENT,
    LATENCY,
    LAYERS_OF,
    MACS,
    OF_LAYERS,
    OVER_FLOAT,
    OVER_INT8,
    SIZE,
    THREADS,
    LatencyState,
    Point,
    cited_devices,
    cited_points,
    devices_of,
    measured_points,
    without_peers,
)
from bnn_lab.figures.point_labels import place_labels
from bnn_lab.figures.profile_figure import draw_profile
from bnn_lab.models.cited import cited_latencies
from bnn_lab.tflite.forms import BINARY, FLOAT32, INT8

TITLES = {
    LATENCY: "latency, ms",
    ACCURACY: "ImageNet top-1, % (cited)",
    MACS: "multiply-accumulates, millions",
    BINARY_MACS: "binary multiply-accumulates, millions",
    EQUIVALENT: "equivalent float MACs, millions",
    SIZE: "size of the .tflite file, MB",
    ENERGY: "energy by a cited table, mJ",
    THREADS: "threads",
    OVER_FLOAT: "times faster than float32",
    OVER_INT8: "times faster than int8",
}
_ALWAYS_CITED, _MODEL = (ACCURACY,), (ENERGY,)
SYMBOLS = (
    "circle", "square", "diamond", "triangle-up", "star", "hexagon", "triangle-down", "cross"
)  # fmt: skip
_LONGEST = 44  # letters of a device in the legend; the hover has all
_MANY = 6  # devices: then the legend scrolls
_NAMED = 4  # of those that are left out


def draw_latencies(reports: Sequence[Report], state: LatencyState, remarks: str = "") -> Drawing:
    """The scatter plot: a trace per measured device, then one per cited device, then the lines.

    Single layers have a row each where the vertical axis is nothing that a layer has.

    Args:
        reports: from `read_report` or `merge_reports`.
        state: what is shown.
        remarks: what else is to be said, such as which files were left out.

    Returns:
        A figure whose traces are the same for all states of the same reports, each point's
        customdata [device, model, text]; and a few sentences.
    """
    figure = go.Figure()
    measured, cited = measured_points(reports, state), cited_points(state)
    x, y = _axes(state)
    cited = _shown(cited, x, y)
    names, labelled = devices_of(reports), _labelled(_shown(measured, x, y), x, y)
    for index, device in enumerate(names):
        points = [point for point in measured if point.device == device]
        figure.add_trace(_trace(points, x, y, device, _marker(index), labelled))
    for index, key in enumerate(cited_devices()):
        points = [point for point in cited if (point.device, point.runtime) == key]
        marker = {"color": theme.TEXT, "symbol": f"{SYMBOLS[index]}-open", "line": {"width": 2}}
        name = f"{key[0]}, {key[1]} (cited)"
        figure.add_trace(_trace(points, x, y, name, marker, _labelled(points, x, y)))
    for index, device in enumerate(names):
        points = [point for point in measured if point.device == device]
        figure.add_trace(_line(points, x, y, device, _marker(index)["color"]))
    shown = [*measured, *cited]
    rows = y is None
    count = len({point.model for point in shown})
    many = len(names) > _MANY
    figure.update_layout(
        **theme.layout(f"{x} of {LAYERS_OF}" if rows else f"{y} over {x}", showlegend=True),
        legend={
            "orientation": "h",
            "x": 0,
            "xanchor": "left",
            "y": -0.28,
            "yanchor": "top",
            "maxheight": 150 if many else 0.5,
            "font": {"size": 12 if many else 14},
        },
        height=(max(500, 200 + 24 * count) if rows else 500) + (110 if many else 0),
        margin={"l": 10, "r": 30, "t": 60, "b": 60},
        xaxis=_axis(x, shown),
        yaxis=theme.axis("", type="category", autorange="reversed", ticksuffix="  ")
        if y is None
        else _axis(y, shown),
        clickmode="event",
    )
    if not rows:
        place_labels(figure)
    if not any(trace.x for trace in figure.data):
        figure.add_annotation(
            text="nothing was measured so: choose<br>another runtime, device or number of threads",
            showarrow=False,
            xref="paper",
            yref="paper",
            x=0.5,
            y=0.5,
        )
    words = [_summary(measured, cited, state), _absent(reports, measured, state), remarks]
    return Drawing(figure, " ".join(filter(None, words)))


def _axes(state: LatencyState) -> tuple[str, str | None]:
    """Both quantities; no vertical one stands for a row of each layer."""
    if state.of != LAYERS_OF:
        return state.x, state.y
    x = state.x if state.x in OF_LAYERS else LATENCY
    return x, state.y if state.y in OF_LAYERS and state.y != x else None


def _summary(measured: Sequence[Point], cited: Sequence[Point], state: LatencyState) -> str:
    layers = state.of == LAYERS_OF
    threads = counted(state.num_threads, "thread") if state.num_threads else "any number of threads"
    if not measured:
        return (
            f"No {'layer' if layers else 'model'} was measured on {state.runtime} with {threads} "
            f"on the chosen devices. {_cited_words(cited)}"
        )
    fastest = min(measured, key=lambda point: point.values[LATENCY])
    slowest = max(measured, key=lambda point: point.values[LATENCY])
    return (
        f"{len(measured)} measured points on {state.runtime} with {threads}, from "
        f"{_called(fastest)} with {fastest.values[LATENCY]:.3g} ms on {fastest.device} to "
        f"{_called(slowest)} with {slowest.values[LATENCY]:.3g} ms on {slowest.device}. "
        + ("" if layers else "Accuracies are cited, not reproduced. ")
        + _cited_words(cited)
    )


def _absent(reports: Sequence[Report], measured: Sequence[Point], state: LatencyState) -> str:
    """Which points an axis leaves out, and which lines are short, in sentences."""
    found = []
    for quantity in filter(None, _axes(state)):
        lacking = [point for point in measured if quantity not in point.values]
        if quantity in (OVER_FLOAT, OVER_INT8):  # a form is not compared with itself
            lacking = [point for point in lacking if point.form == BINARY]
        names = list(dict.fromkeys(point.model for point in lacking))
        why = " (the report has no convolutions beside float32)" if quantity == EQUIVALENT else ""
        if names:
            found.append(f"Without a value of {quantity}{why}, so left out: {_some(names)}.")
    if short := without_peers(reports, state):
        found.append(f"Not measured, so without a whole line: {_some(short)}.")
    if ENERGY in _axes(state):
        found.append(
            "Energy is a model, not a measurement: a published table of a 45 nm process, each byte "
            "read once from memory."
        )
    return " ".join(found)


def _some(names: Sequence[str]) -> str:
    """The first names, and how many more."""
    more = len(names) - _NAMED
    return "; ".join(names[:_NAMED]) + (f"; and {more} more" if more > 0 else "")


def profiled_model(reports: Sequence[Report], state: LatencyState) -> Model | None:
    """The measured model whose ops are to be shown, with its profile; None if there is none."""
    for report in reports:
        for entry in report.models:
            same = (report.device, entry.name) == state.profile_of
            if same and entry.num_threads == int(state.threads) and entry.profile is not None:
                return entry
    return None


def draw_ops(reports: Sequence[Report], state: LatencyState) -> Drawing:
    """The ops of the chosen point; empty bars if there are none.

    Args:
        reports: from `read_report` or `merge_reports`.
        state: its `profile_of` chooses; ops are those of our fused run.

    Returns:
        A figure of two bar traces, and a sentence.
    """
    entry = profiled_model(reports, state)
    profile = None if entry is None else profile_of(entry)
    if entry is not None and profile is not None:
        return draw_profile(profile, entry.name)
    device, model = state.profile_of
    if not model:
        words = "Click a filled point, or choose a model in the list, to see where its time goes."
    elif device in {entry["name"] for entry in cited_latencies()["devices"]}:
        words = f"{model} on {device} is a cited figure: only its latency was published."
    else:
        threads = counted(int(state.threads), "thread")
        words = f"{model} on {device} was not profiled with {threads}."
    figure = go.Figure([go.Bar(orientation="h"), go.Bar(orientation="h")])
    figure.update_layout(
        **theme.layout(words),
        height=120,
        xaxis={"visible": False},
        yaxis={"visible": False},
    )
    return Drawing(figure, words)


def _marker(index: int) -> dict[str, Any]:
    """Of a device: 32 have another colour or symbol each."""
    colours, symbols = theme.COLOURS, SYMBOLS
    return {
        "color": colours[index % len(colours)],
        "symbol": symbols[(index + index // len(colours)) % len(symbols)],
    }


def _called(point: Point) -> str:
    return point.model if point.form == BINARY else f"{point.model} in {point.form}"


def _shown(points: Sequence[Point], x: str, y: str | None) -> list[Point]:
    return [p for p in points if x in p.values and (y is None or y in p.values)]


def _labelled(points: Sequence[Point], x: str, y: str | None) -> set[int]:
    """Ids of the points that get a name: of many that have the same one, the first in its place.

    With few devices each network has its name on each device. An axis of threads has many points of
    one network, and a line three forms of it.
    """
    many = len({point.device for point in points}) > _MANY
    rank = THREADS if THREADS in (x, y) else LATENCY
    found: dict[tuple[str, ...], Point] = {}
    for point in sorted(points, key=lambda p: p.values.get(rank, 0.0), reverse=rank == THREADS):
        binary = (point.model, "" if many else point.device)
        found.setdefault(binary if point.form == BINARY else (point.form, ""), point)
    return {id(point) for point in found.values()}


def _trace(
    points: Sequence[Point],
    x: str,
    y: str | None,
    name: str,
    marker: dict[str, Any],
    labelled: set[int],
) -> go.Scatter:
    shown = _shown(points, x, y)
    forms = {FLOAT32: 9, INT8: 9, BINARY: 12}
    bars = {
        f"error_{letter}": _bars(shown, quantity, marker["color"])
        for letter, quantity in (("x", x), ("y", y))
        if quantity is not None
    }
    return go.Scatter(
        name=name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}…",
        x=[point.values[x] for point in shown],
        y=[point.model if y is None else point.values[y] for point in shown],
        text=[
            "" if id(p) not in labelled else p.model if p.form == BINARY else p.form for p in shown
        ],
        mode="markers" if y is None else "markers+text",
        textfont={"size": 10},
        cliponaxis=False,
        marker={**marker, "size": [forms[point.form] for point in shown] or 12},
        customdata=[[point.device, point.model, _words(point)] for point in shown],
        hovertemplate="%{customdata[2]}<extra></extra>",
        **bars,
    )


def _bars(points: Sequence[Point], quantity: str, colour: str) -> dict[str, Any]:
    """Error bars of a quantity; none where nothing is known."""
    ends = [point.spread.get(quantity) or (point.values[quantity],) * 2 for point in points]
    at = [point.values[quantity] for point in points]
    return {
        "type": "data",
        "visible": any(quantity in point.spread for point in points),
        "symmetric": False,
        "array": [high - value for (_, high), value in zip(ends, at, strict=True)],
        "arrayminus": [value - low for (low, _), value in zip(ends, at, strict=True)],
        "color": colour,
        "thickness": 1.2,
        "width": 3,
    }


def _line(points: Sequence[Point], x: str, y: str | None, device: str, colour: str) -> go.Scatter:
    """From form to form of one network, and from one number of threads to the next."""
    chains: dict[tuple[Any, ...], list[Point]] = {}
    threads = THREADS in (x, y)
    for point in _shown(points, x, y):
        key = (point.model, point.form if threads else point.values[THREADS])
        chains.setdefault(key, []).append(point)
    at_x: list[float | None] = []
    at_y: list[float | str | None] = []
    for chain in chains.values():
        if threads:
            chain.sort(key=lambda point: point.values[THREADS])
        if len(chain) > 1:
            at_x += [*(point.values[x] for point in chain), None]
            at_y += [*(p.model if y is None else p.values[y] for p in chain), None]
    return go.Scatter(
        name=device,
        x=at_x,
        y=at_y,
        mode="lines",
        line={"color": colour, "width": 1.2, "dash": "dot"},
        opacity=0.8,
        showlegend=False,
        hoverinfo="skip",
    )


def _words(point: Point) -> str:
    on = f"{point.device}, {point.runtime}" if point.runtime else point.device
    lines = [f"<b>{_called(point)}</b> on {on}"]
    for quantity, value in point.values.items():
        cited = bool(point.source) or quantity in _ALWAYS_CITED
        note = " (model)" if quantity in _MODEL else " (cited)" if cited else " (measured)"
        if quantity not in (LATENCY, ENERGY, OVER_FLOAT, OVER_INT8):
            note = ""
        ends = point.spread.get(quantity)
        between = f" ({ends[0]:.4g} to {ends[1]:.4g})" if ends else ""
        lines.append(f"{TITLES[quantity]}: {value:.4g}{between}{note}")
    if point.source:
        lines.append(point.source.replace(": ", ":<br>", 1).replace(", https", ",<br>https"))
    return "<br>".join(lines)


def _axis(quantity: str, points: Sequence[Point]) -> dict[str, Any]:
    if quantity == ACCURACY:
        return theme.axis(TITLES[quantity])
    known = [point for point in points if quantity in point.values]
    values = [
        end for p in known for end in (p.values[quantity], *p.spread.get(quantity, ())) if end > 0
    ]
    if quantity == THREADS:
        ticks = sorted(set(values)) or [1.0]
        axis = theme.axis(
            TITLES[quantity], type="log", tickvals=ticks, ticktext=[f"{t:.0f}" for t in ticks]
        )
    else:
        axis = theme.axis(TITLES[quantity], type="log", dtick="D2")
    if values:
        axis["range"] = [log10(min(values) / 1.5), log10(max(values) * 1.7)]
    return axis


def _cited_words(points: Sequence[Point]) -> str:
    if not points:
        return "No cited figures are shown."
    devices = ", ".join(dict.fromkeys(point.device for point in points))
    sources = "; ".join(dict.fromkeys(point.source for point in points))
    return f"Hollow points are cited: {devices}. Source: {sources}."
