"""Latency explorer: models or layers of several devices as points; a click shows a model's ops.

Layers are those of `bnn-lab bench kernels` and of the site's page "Measure your device". Measured
points are filled and come from reports of `bnn-lab bench`. Cited ones are hollow, and come
with their source from `models/data/cited.json`. Accuracies are always cited.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import log10
from typing import Any

import plotly.graph_objects as go

from bnn_lab.bench import report as bench_report
from bnn_lab.bench.baselines import LCE_DEFAULT, LCE_INDIRECT, UNFUSED, baseline, ours
from bnn_lab.bench.model_bench import profile_of
from bnn_lab.bench.report import Entry, Model, Report
from bnn_lab.controls import check_state, choice, toggle
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.profile_figure import draw_profile
from bnn_lab.kernels import all_backends
from bnn_lab.models.cited import cited_latencies
from bnn_lab.models.registry import NETWORKS
from bnn_lab.tflite.forms import BINARY, FLOAT32, INT8

OURS, OURS_UNFUSED = "bnn_lab, fastest", "bnn_lab, unfused"
NETWORKS_OF, LAYERS_OF = "whole networks", "single layers"
# What the site's page measures beside the layers: `docs/_static/measure/worker.js`.
PAGE_PEERS = ("float32 LiteRT.js", "int8 LiteRT.js")
LATENCY = "latency"
ACCURACY = "top-1 accuracy"
MACS = "MACs"
BINARY_MACS = "binary MACs"
SIZE = "file size"
AXES = (LATENCY, ACCURACY, MACS, BINARY_MACS, SIZE)
RUNTIMES = (
    OURS,
    OURS_UNFUSED,
    *(ours(backend.name) for backend in all_backends()),
    baseline(FLOAT32),
    baseline(INT8),
    LCE_INDIRECT,
    LCE_DEFAULT,
    *PAGE_PEERS,
)
_TITLES = {
    LATENCY: "latency, ms",
    ACCURACY: "ImageNet top-1, % (cited)",
    MACS: "multiply-accumulates, millions",
    BINARY_MACS: "binary multiply-accumulates, millions",
    SIZE: "size of the .tflite file, MB",
}
_FILE_OF = {baseline(kind): kind for kind in (FLOAT32, INT8)}
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star", "hexagon")


@dataclass(frozen=True)
class LatencyState:
    """What is shown.

    Attributes:
        of: whole networks or single layers.
        x: quantity on the horizontal axis.
        y: quantity on the vertical axis.
        runtime: what runs the models; `OURS` is the fused run on each device's fastest backend.
        threads: their number.
        cited: also show cited latencies of other devices.
        devices: names of measured devices; empty means all.
        models: names; empty means all.
        profile_of: (device, model) whose ops are shown; empty strings mean none.
    """

    of: str = choice(NETWORKS_OF, options=(NETWORKS_OF, LAYERS_OF), label="show")
    x: str = choice(LATENCY, options=AXES, label="horizontal axis")
    y: str = choice(ACCURACY, options=AXES, label="vertical axis")
    runtime: str = choice(
        OURS, options=RUNTIMES, label="runs on", help="Runtime and kernel backend."
    )
    threads: str = choice("1", options=("1", "2", "4", "8"), label="threads")
    cited: bool = toggle(
        True, label="cited figures", help="Hollow points: published by others, not measured here."
    )
    devices: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    profile_of: tuple[str, str] = ("", "")

    def __post_init__(self) -> None:
        check_state(self)


@dataclass(frozen=True)
class Point:
    """One model on one device.

    Attributes:
        device: name.
        model: name.
        values: quantity (of `AXES`) to value; absent where unknown.
        source: source of a cited latency, "" if it was measured.
        runtime: what ran it, of a cited latency.
    """

    device: str
    model: str
    values: dict[str, float]
    source: str = ""
    runtime: str = ""


def example_reports() -> list[Report]:
    """The measurements that come with bnn_lab: of one machine, for a first look without a run."""
    return [bench_report.read_report(bench_report.EXAMPLE)]


def devices_of(reports: Sequence[Report]) -> tuple[str, ...]:
    """Names of the measured devices."""
    return tuple(dict.fromkeys(report.device for report in reports))


def models_of(reports: Sequence[Report]) -> tuple[str, ...]:
    """Names of the measured models."""
    return tuple(dict.fromkeys(entry.name for report in reports for entry in report.models))


def measured_points(reports: Sequence[Report], state: LatencyState) -> list[Point]:
    """Points of the chosen devices, models or layers, runtime and threads.

    Args:
        reports: from `read_report` or `merge_reports`.
        state: what is shown.

    Returns:
        In the order of the reports.
    """
    points = []
    for report in reports:
        if state.devices and report.device not in state.devices:
            continue
        if state.of == LAYERS_OF:
            points += _layer_points(report, state)
            continue
        for entry in report.models:
            chosen = not state.models or entry.name in state.models
            if not chosen or entry.num_threads != int(state.threads):
                continue
            times = entry.of(_name_of(state.runtime, entry))
            if times is None:
                continue
            values = {
                LATENCY: times.median_s * 1e3,
                MACS: entry.macs / 1e6,
                BINARY_MACS: entry.binary_macs / 1e6,
            }
            size = entry.file_bytes.get(_FILE_OF.get(state.runtime, BINARY))
            if size:
                values[SIZE] = size / 1e6
            points.append(Point(report.device, entry.name, _with_accuracy(entry, values)))
    return points


def _layer_points(report: Report, state: LatencyState) -> list[Point]:
    """A report's layers, all of whose multiply-accumulates are binary in our runtimes."""
    points = []
    for layer in report.layers:
        times = layer.of(_name_of(state.runtime, layer))
        if times is not None and layer.num_threads == int(state.threads):
            values = {LATENCY: times.median_s * 1e3, MACS: layer.macs / 1e6}
            points.append(Point(report.device, layer.name, values))
    return points


def cited_points(state: LatencyState) -> list[Point]:
    """Points that others have published; none if they are switched off or not for these threads.

    Nobody has published single layers.
    """
    if not state.cited or state.of == LAYERS_OF:
        return []
    points = []
    for device in cited_latencies()["devices"]:
        for name, ms in device["latency_ms"].get(state.threads, {}).items():
            if state.models and name not in state.models:
                continue
            published = NETWORKS[name].published
            assert published is not None  # a test looks at the file
            binary, macs = published.macs
            values = {LATENCY: ms, MACS: macs / 1e6, BINARY_MACS: binary / 1e6}
            if published.top1 is not None:
                values[ACCURACY] = published.top1
            found = Point(
                device["name"], name, values, cited_latencies()["source"], device["runtime"]
            )
            points.append(found)
    return points


def draw_latencies(reports: Sequence[Report], state: LatencyState) -> Drawing:
    """The scatter plot: a trace per measured device, then one per cited device.

    Single layers have a row each in place of a vertical axis.

    Args:
        reports: from `read_report` or `merge_reports`.
        state: what is shown.

    Returns:
        A figure whose traces are the same for all states of the same reports, each point's
        customdata [device, model, text]; and a few sentences.
    """
    figure = go.Figure()
    measured, cited = measured_points(reports, state), cited_points(state)
    for index, device in enumerate(devices_of(reports)):
        points = [point for point in measured if point.device == device]
        colour = theme.COLOURS[index % len(theme.COLOURS)]
        symbol = _SYMBOLS[index % len(_SYMBOLS)]
        figure.add_trace(_trace(points, state, device, {"color": colour, "symbol": symbol}))
    for index, entry in enumerate(cited_latencies()["devices"]):
        key = (entry["name"], entry["runtime"])
        points = [point for point in cited if (point.device, point.runtime) == key]
        marker = {"color": theme.TEXT, "symbol": f"{_SYMBOLS[index]}-open", "line": {"width": 2}}
        figure.add_trace(_trace(points, state, f"{key[0]}, {key[1]} (cited)", marker))
    shown = [*measured, *cited]
    rows = state.of == LAYERS_OF
    x = _horizontal(state)
    figure.update_layout(
        **theme.layout(f"{x} of {LAYERS_OF}" if rows else f"{state.y} over {x}", showlegend=True),
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top"},
        height=max(500, 200 + 24 * len({point.model for point in shown})) if rows else 500,
        margin={"l": 10, "r": 30, "t": 60, "b": 60},
        xaxis=_axis(x, shown),
        yaxis=theme.axis("", type="category", autorange="reversed", ticksuffix="  ")
        if rows
        else _axis(state.y, shown),
        clickmode="event",
    )
    if not rows:
        place_labels(figure)
    if not any(trace.x for trace in figure.data):
        figure.add_annotation(
            text="nothing was measured so: choose another runtime, device or number of threads",
            showarrow=False,
            xref="paper",
            yref="paper",
            x=0.5,
            y=0.5,
        )
    return Drawing(figure, _summary(measured, cited, state))


def _summary(measured: Sequence[Point], cited: Sequence[Point], state: LatencyState) -> str:
    kind = "layer" if state.of == LAYERS_OF else "model"
    if not measured:
        return (
            f"No {kind} was measured on {state.runtime} with {state.threads} thread(s) on the "
            f"chosen devices. {_cited_words(cited)}"
        )
    fastest = min(measured, key=lambda point: point.values[LATENCY])
    slowest = max(measured, key=lambda point: point.values[LATENCY])
    return (
        f"{len(measured)} measured points on {state.runtime} with {state.threads} thread(s), from "
        f"{fastest.model} with {fastest.values[LATENCY]:.3g} ms on {fastest.device} to "
        f"{slowest.model} with {slowest.values[LATENCY]:.3g} ms on {slowest.device}."
        + (
            ""
            if kind == "layer"
            else f" Accuracies are cited, not reproduced. {_cited_words(cited)}"
        )
    )


def _horizontal(state: LatencyState) -> str:
    """The horizontal quantity: of layers only two are known."""
    known = state.of == NETWORKS_OF or state.x in (LATENCY, MACS)
    return state.x if known else LATENCY


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
        words = f"{model} on {device} was not profiled with {state.threads} thread(s)."
    figure = go.Figure([go.Bar(orientation="h"), go.Bar(orientation="h")])
    figure.update_layout(
        **theme.layout(words),
        height=120,
        xaxis={"visible": False},
        yaxis={"visible": False},
    )
    return Drawing(figure, words)


def _trace(
    points: Sequence[Point], state: LatencyState, name: str, marker: dict[str, Any]
) -> go.Scatter:
    x, rows = _horizontal(state), state.of == LAYERS_OF
    shown = [p for p in points if x in p.values and (rows or state.y in p.values)]
    return go.Scatter(
        name=name,
        x=[point.values[x] for point in shown],
        y=[point.model if rows else point.values[state.y] for point in shown],
        text=[point.model for point in shown],
        mode="markers" if rows else "markers+text",
        textfont={"size": 10},
        cliponaxis=False,
        marker={"size": 12, **marker},
        customdata=[[point.device, point.model, _words(point)] for point in shown],
        hovertemplate="%{customdata[2]}<extra></extra>",
    )


# Pixels of the plot, and of a letter and a marker in it; a wider window only leaves more room.
_PLOT, _LETTER, _LINE, _MARKER = (560.0, 330.0), 5.6, 12.0, 8.0


def place_labels(figure: go.Figure) -> None:
    """Put each point's text where it covers no marker and no other text, or leave it to the hover.

    Args:
        figure: scatter traces with texts and axes that may be logarithmic; changed in place.
    """
    spans = [_to_pixels(figure, axis, size) for axis, size in zip("xy", _PLOT, strict=True)]
    points = [
        (trace, number, *(to_pixels(value) for to_pixels, value in zip(spans, both, strict=True)))
        for trace in figure.data
        for number, both in enumerate(zip(trace.x, trace.y, strict=True))
    ]
    taken = [(x, y, _MARKER, _MARKER) for _, _, x, y in points]
    places = {id(trace): ["top center"] * len(trace.x) for trace in figure.data}
    texts = {id(trace): list(trace.text or ()) for trace in figure.data}
    for trace, number, x, y in points:
        half = (len(trace.text[number]) * _LETTER / 2, _LINE / 2)
        away_x, away_y = _MARKER + half[0] + 1, _MARKER + half[1] + 1
        tries = {
            "top center": (x, y + away_y),
            "bottom center": (x, y - away_y),
            "middle right": (x + away_x, y),
            "middle left": (x - away_x, y),
        }
        free = [
            (place, (*middle, *half))
            for place, middle in tries.items()
            if all(
                abs(middle[0] - u) >= half[0] + a or abs(middle[1] - v) >= half[1] + b
                for u, v, a, b in taken
            )
        ]
        if free:
            places[id(trace)][number], box = free[0]
            taken.append(box)
        else:
            texts[id(trace)][number] = ""
    for trace in figure.data:
        trace.text, trace.textposition = texts[id(trace)], places[id(trace)]


def _to_pixels(figure: go.Figure, axis: str, size: float) -> Callable[[float], float]:
    layout = figure.layout[f"{axis}axis"]
    scale = log10 if layout.type == "log" else float
    values = [scale(value) for trace in figure.data for value in trace[axis]]
    low, high = layout.range or (min(values, default=0.0), max(values, default=1.0))
    return lambda value: (scale(value) - low) / ((high - low) or 1.0) * size


def _words(point: Point) -> str:
    on = f"{point.device}, {point.runtime}" if point.runtime else point.device
    lines = [f"<b>{point.model}</b> on {on}"]
    kind = "cited" if point.source else "measured"
    for quantity, value in point.values.items():
        note = f" ({kind})" if quantity == LATENCY else ""
        lines.append(f"{_TITLES[quantity]}: {value:.4g}{note}")
    if point.source:
        lines.append(point.source.replace(": ", ":<br>", 1).replace(", https", ",<br>https"))
    return "<br>".join(lines)


def _axis(quantity: str, points: Sequence[Point]) -> dict[str, Any]:
    if quantity == ACCURACY:
        return theme.axis(_TITLES[quantity])
    axis = theme.axis(_TITLES[quantity], type="log", dtick="D2")
    values = [point.values[quantity] for point in points if quantity in point.values]
    if values:
        axis["range"] = [log10(min(values) / 1.5), log10(max(values) * 1.7)]
    return axis


def _name_of(runtime: str, entry: Entry) -> str:
    """What the times of a runtime are called in an entry."""
    if runtime == OURS:
        return entry.reference
    return f"{entry.reference} {UNFUSED}" if runtime == OURS_UNFUSED else runtime


def _with_accuracy(entry: Model, values: dict[str, float]) -> dict[str, float]:
    known = NETWORKS.get(entry.name)
    if known is not None and known.published is not None and known.published.top1 is not None:
        values[ACCURACY] = known.published.top1
    return values


def _cited_words(points: Sequence[Point]) -> str:
    if not points:
        return "No cited figures are shown."
    devices = ", ".join(dict.fromkeys(point.device for point in points))
    return f"Hollow points are cited: {devices}. Source: {points[0].source}."
