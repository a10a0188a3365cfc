"""Scatter plots of studies whose controls work without Python, for one device or a class of them.

A frame with a column `device` has the measurements of several. See `controls_in_figure`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from bnn_lab.experiments.latency.accuracy import rivals_of
from bnn_lab.figures import theme
from bnn_lab.figures.controls_in_figure import LAST, NONE, add_controls, choice, ratio
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.point_labels import place_labels
from bnn_lab.figures.study_parts import (
    DEVICE,
    FORM_COLOURS,
    LEGEND,
    MARGIN,
    SYMBOLS,
    devices,
    interval,
    log_axis,
    of_devices,
)
from bnn_lab.models.cited import cited_speedups
from bnn_lab.tflite.forms import BINARY, FLOAT32, INT8

if TYPE_CHECKING:
    import pandas as pd

LATENCY, OVER_FLOAT, OVER_INT8 = "latency", "over float32", "over int8"
_MOST_RATIO = 100.0
_PAPER_MACS = 56**2 * 9 * 64**2 / 1e6  # of each of the paper's four convolutions


def draw_grid(frame: pd.DataFrame) -> Drawing:
    """Latency of convolutions over their MACs, and how many times faster the binary ones are.

    Args:
        frame: of the study `speedup`.

    Returns:
        A figure with controls for what is shown, kernel, size, channels and device; and the ranges
        in words.
    """
    frame = of_devices(frame)
    figure = go.Figure()
    kernels = sorted(set(frame.kernel))
    symbols = {kernel: SYMBOLS[i % len(SYMBOLS)] for i, kernel in enumerate(kernels)}
    shared: dict[str, Any] = {
        name: frame[name].tolist() for name in ("kernel", "size", "channels", DEVICE)
    }
    common: dict[str, Any] = {
        "x": (frame.macs / 1e6).tolist(),
        "mode": "markers",
        "text": [
            f"{r.kernel}x{r.kernel}, {r.size_} pixels, {r.channels} channels<br>{r.device}"
            for r in frame.rename(columns={"size": "size_"}).itertuples()
        ],
    }
    looks = [symbols[kernel] for kernel in frame.kernel]
    sizes = [12 if paper else 8 for paper in frame.paper]
    for form, colour in FORM_COLOURS.items():
        column = {FLOAT32: "float_ms", INT8: "int8_ms", BINARY: "binary_ms"}[form]
        figure.add_scatter(
            **common,
            name=form,
            y=frame[column].tolist(),
            marker={"color": colour, "symbol": looks, "size": sizes},
            meta={"of": {**shared, "show": LATENCY}},
            hovertemplate=f"{form}: %{{y:.3g}} ms<br>%{{text}}<br>%{{x:.4g}} million MACs"
            "<extra></extra>",
        )
    for show, column, form in ((OVER_FLOAT, "over_float", FLOAT32), (OVER_INT8, "over_int8", INT8)):
        figure.add_scatter(
            **common,
            name=f"binary {show}",
            y=frame[column].tolist(),
            error_y=interval(frame, column),
            marker={"color": theme.BLUE, "symbol": looks, "size": sizes},
            meta={"of": {**shared, "show": show}},
            hovertemplate="%{y:.3g} times faster<br>%{text}<br>%{x:.4g} million MACs"
            "<extra></extra>",
        )
        _add_cited(figure, show, form)
    times = [*frame.float_ms, *frame.int8_ms, *frame.binary_ms]
    figure.update_layout(
        **theme.layout("Convolutions: latency over MACs", showlegend=True),
        legend=LEGEND,
        height=480,
        margin=MARGIN,
        xaxis=theme.axis("multiply-accumulates, millions", **log_axis(frame.macs / 1e6)),
        yaxis=theme.axis("latency, ms", **log_axis(times)),
    )
    over = {OVER_FLOAT: ("over_float", 17.0), OVER_INT8: ("over_int8", 12.0)}
    patches = {LATENCY: _titled("Convolutions: latency over MACs", "latency, ms")}
    patches[LATENCY] |= _axis_patch(times)
    for show, (column, cited) in over.items():
        title = f"Times faster {show.replace('over', 'than')}"
        patches[show] = _titled(title, "times faster")
        patches[show] |= _axis_patch([*frame[column], cited])
    add_controls(
        figure,
        [
            choice("show", "show", (LATENCY, OVER_FLOAT, OVER_INT8), layout=patches, every=NONE),
            choice("kernel", "kernel", kernels, words={k: f"{k}x{k}" for k in kernels}),
            choice("size", "pixels", sorted(set(frame["size"]))),
            choice("channels", "channels", sorted(set(frame.channels))),
            choice(DEVICE, DEVICE, devices(frame)),
        ],
    )
    named = ", ".join(f"{symbols[k]} {k}x{k}" for k in kernels)
    return Drawing(
        figure,
        f"Scatter plot on logarithmic axes of the latency of {len(frame)} convolutions in float32, "
        f"int8 and binary over their multiply-accumulates. Shapes stand for kernels: {named}; "
        f"large ones are the paper's convolutions. Binary ones are {frame.over_float.min():.1f} to "
        f"{frame.over_float.max():.1f} times faster than float32 and {frame.over_int8.min():.1f} "
        f"to {frame.over_int8.max():.1f} times faster than int8.",
    )


def draw_macs(frame: pd.DataFrame) -> Drawing:
    """Latency of networks over equivalent MACs, with a slider of what a binary MAC counts.

    Args:
        frame: of the study `macs`.

    Returns:
        A figure, in which the page computes how well the two correlate; and its words.
    """
    frame = of_devices(frame)
    figure = go.Figure()
    measured = float(frame.macs_ratio.iloc[0])
    start = min(max(measured, 1.0), _MOST_RATIO)
    for index, device in enumerate(devices(frame)):
        of = frame[frame[DEVICE] == device]
        binary = of.binary_macs / 1e6
        plain = of.macs / 1e6 - binary
        figure.add_scatter(
            name=device,
            x=(plain + binary / start).tolist(),
            y=of.ms.tolist(),
            text=of.name.tolist(),
            mode="markers+text",
            textfont={"size": 10},
            cliponaxis=False,
            marker={
                "color": theme.COLOURS[index % len(theme.COLOURS)],
                "symbol": SYMBOLS[index % len(SYMBOLS)],
                "size": 10,
            },
            meta={
                "of": {DEVICE: device},
                "macs": {"float": plain.tolist(), "binary": binary.tolist()},
            },
            hovertemplate="%{text}<br>%{y:.3g} ms<br>%{x:.4g} million equivalent MACs"
            "<extra></extra>",
        )
    least = float((frame.macs - frame.binary_macs * (1 - 1 / _MOST_RATIO)).min()) / 1e6
    most = float(frame.macs.max()) / 1e6
    figure.update_layout(
        **theme.layout("Latency over equivalent MACs", showlegend=len(figure.data) > 1),
        legend=LEGEND,
        height=500,
        margin=MARGIN,
        xaxis=theme.axis("equivalent float MACs, millions", **log_axis([least, most])),
        yaxis=theme.axis("latency, ms, one thread", **log_axis(frame.ms)),
    )
    place_labels(figure)
    add_controls(
        figure,
        [
            ratio("ratio", "binary MACs per float MAC", 1.0, _MOST_RATIO, start),
            choice(DEVICE, DEVICE, devices(frame), every=LAST),
        ],
    )
    slowest, quickest = frame.loc[frame.ms.idxmax()], frame.loc[frame.ms.idxmin()]
    return Drawing(
        figure,
        f"Scatter plot on logarithmic axes of {len(frame)} latencies over equivalent MACs: float "
        f"ones, and binary ones divided by {measured:.1f}, as measured; divided by 1, they are "
        f"plain MACs. The quickest is {quickest['name']} with {quickest.ms:.3g} ms, the slowest "
        f"{slowest['name']} with {slowest.ms:.3g} ms.",
    )


def draw_pareto(frame: pd.DataFrame) -> Drawing:
    """Cited accuracy over measured latency, with the front that nothing beats.

    Args:
        frame: of the study `accuracy`.
    """
    frame = of_devices(frame)
    figure = go.Figure()
    fronts = {}
    for device in devices(frame):
        of = frame[frame[DEVICE] == device]
        best = of[[rival == name for name, rival in rivals_of(of).items()]].sort_values("ms")
        fronts[device] = ", ".join(best.name)
        figure.add_scatter(
            name=f"front, {device}" if len(devices(frame)) > 1 else "front",
            x=[*best.ms, float(frame.ms.max()) * 1.6],
            y=[*best.top1, best.top1.iloc[-1]],
            mode="lines",
            line={"shape": "hv", "color": theme.VERMILION, "width": 1.5, "dash": "dot"},
            meta={"of": {DEVICE: device}, "counted": False},
            hoverinfo="skip",
        )
        for label, chosen, colour, symbol in (
            ("on the front", of.name.isin(best.name), theme.VERMILION, "star"),
            ("others", ~of.name.isin(best.name), theme.BLUE, "circle-open"),
        ):
            points = of[chosen]
            figure.add_scatter(
                name=label,
                x=points.ms.tolist(),
                y=points.top1.tolist(),
                text=points.name.tolist(),
                mode="markers+text",
                textfont={"size": 11},
                cliponaxis=False,
                marker={"color": colour, "symbol": symbol, "size": 13},
                customdata=points.source.tolist(),
                meta={"of": {DEVICE: device}},
                hovertemplate="%{text}<br>%{x:.3g} ms, measured<br>%{y:.1f} % top-1, cited:"
                "<br>%{customdata}<extra></extra>",
            )
    figure.update_layout(
        **theme.layout("Accuracy over latency", showlegend=True),
        legend=LEGEND,
        height=480,
        margin=MARGIN,
        xaxis=theme.axis("latency, ms, one thread", **log_axis(frame.ms)),
        yaxis=theme.axis("ImageNet top-1, % (cited)"),
    )
    place_labels(figure)
    add_controls(figure, [choice(DEVICE, DEVICE, devices(frame), every=NONE)])
    first = devices(frame)[0]
    low, high = float(frame.ms.min()), float(frame.ms.max())
    return Drawing(
        figure,
        f"Scatter plot of {frame.name.nunique()} networks' cited accuracy over latency measured "
        f"from {low:.3g} to {high:.3g} ms. On the front of {first}: {fronts[first]}.",
    )


def _add_cited(figure: go.Figure, show: str, form: str) -> None:
    """What the paper reports of its convolutions, hollow and grey."""
    (cited,) = (entry for entry in cited_speedups() if entry.over == form)
    low = cited.high if cited.low is None else cited.low
    up_to = "up to " if cited.low is None else f"{cited.low:.0f} to "
    figure.add_scatter(
        name=f"{cited.name}, {cited.runtime} (cited)",
        x=[_PAPER_MACS],
        y=[cited.high],
        error_y={
            "type": "data", "symmetric": False, "array": [0.0], "arrayminus": [cited.high - low],
            "color": theme.TEXT, "thickness": 2, "width": 6, "visible": True,
        },
        mode="markers",
        marker={"color": theme.TEXT, "symbol": "star-open", "size": 14, "line": {"width": 2}},
        meta={"of": {"show": show}, "counted": False},
        hovertemplate=f"{up_to}{cited.high:.0f} times<br>{cited.source}<extra></extra>",
    )  # fmt: skip


def _titled(title: str, y: str) -> dict[str, Any]:
    return {"title.text": title, "yaxis.title.text": y}


def _axis_patch(values: Sequence[float]) -> dict[str, Any]:
    axis = log_axis(values)
    return {"yaxis.range": axis["range"], "yaxis.dtick": axis["dtick"]}
