"""Figures of benchmark reports (`bnn_lab.bench.report`): entry to figure and its words."""

from __future__ import annotations

from collections.abc import Sequence
from math import log10

import plotly.graph_objects as go

from bnn_lab._words import counted
from bnn_lab.bench.report import Layer, Model
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.measure.units import format_factor, format_seconds

_LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.25, "yanchor": "top"}
_OURS = "bnn_lab"
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star", "hexagon")


def draw_speedups(entries: Sequence[Layer]) -> Drawing:
    """How many times faster our kernel is than each baseline, for each layer.

    Args:
        entries: layers of a report with the same number of threads, at least one.

    Returns:
        A static figure, and the same in words.
    """
    names = [entry.name for entry in entries]
    baselines = [
        baseline
        for baseline in dict.fromkeys(p for entry in entries for p in entry.speedup_over)
        if not baseline.startswith(_OURS)
    ]
    figure, words = go.Figure(), []
    most = max(10.0, *(factor for entry in entries for factor in entry.speedup_over.values()))
    for index, baseline in enumerate(baselines):
        values = [entry.speedup_over.get(baseline) for entry in entries]
        known = [value for value in values if value is not None]
        figure.add_trace(
            go.Bar(
                name=f"over {baseline}",
                x=names,
                y=values,
                marker_color=theme.COLOURS[index % len(theme.COLOURS)],
                text=["" if v is None else format_factor(v) for v in values],
                textposition="outside",
                textfont={"size": 10},
                cliponaxis=False,
                hovertemplate=f"%{{x}}<br>%{{y:.3g}} times faster than {baseline}<extra></extra>",
            )
        )
        words.append(f"over {baseline} {format_factor(min(known))} to {format_factor(max(known))}")
    threads = counted(entries[0].num_threads, "thread")
    figure.update_layout(
        **theme.layout(
            f"{entries[0].reference}: how many times faster, {threads}",
            showlegend=True,
        ),
        legend=_LEGEND,
        barmode="group",
        height=440,
        margin={"l": 10, "r": 20, "t": 60, "b": 60},
        xaxis=theme.axis(""),
        # From 1, as fast: so the bars' lengths are the orders of magnitude gained.
        yaxis=theme.axis("times faster", type="log", dtick=1, range=[0, 1.05 * log10(most)]),
    )
    return Drawing(figure, f"Bars for {len(names)} layers: {'; '.join(words)} times faster.")


def draw_models(entries: Sequence[Model]) -> Drawing:
    """Median latency of each model on each runtime, on a logarithmic axis.

    Args:
        entries: models of a report with the same number of threads, at least one.

    Returns:
        A static figure, and the same in words.
    """
    runtimes = list(dict.fromkeys(t.name for entry in entries for t in entry.times))
    figure = go.Figure()
    for entry in entries:
        times = {timed.name: timed.median_s for timed in entry.times}
        index = len(figure.data)
        # Points, not bars: on a logarithmic axis the length of a bar means nothing.
        figure.add_trace(
            go.Scatter(
                name=entry.name,
                y=runtimes,
                x=[times[runtime] * 1e3 if runtime in times else None for runtime in runtimes],
                mode="markers+text",
                marker={
                    "color": theme.COLOURS[index % len(theme.COLOURS)],
                    "symbol": _SYMBOLS[index % len(_SYMBOLS)],
                    "size": 12,
                },
                text=[
                    format_seconds(times[runtime]) if runtime in times else ""
                    for runtime in runtimes
                ],
                textposition="bottom center" if index % 2 else "top center",
                textfont={"size": 11},
                cliponaxis=False,
                hovertemplate=f"{entry.name}<br>%{{y}}<br>%{{x:.3g}} ms<extra></extra>",
            )
        )
    figure.update_layout(
        **theme.layout(
            f"Latency of one image, {counted(entries[0].num_threads, 'thread')}: left is better",
            showlegend=True,
        ),
        legend={**_LEGEND, "y": -0.15},
        height=200 + 52 * len(runtimes),
        margin={"l": 10, "r": 70, "t": 60, "b": 60},
        xaxis=theme.axis("median latency, ms", type="log", dtick=1),
        yaxis=theme.axis("", autorange="reversed", ticksuffix="  ", showgrid=False),
    )
    words = []
    for entry in entries:
        times = {timed.name: timed.median_s for timed in entry.times}
        ratios = ", ".join(
            f"{format_factor(value)} times faster than {runtime}"
            for runtime, value in entry.speedup_over.items()
            if not runtime.startswith(_OURS)
        )
        words.append(f"{entry.name} takes {format_seconds(times[entry.reference])}, {ratios}")
    return Drawing(figure, f"Latencies as points: {'; '.join(words)}.")
