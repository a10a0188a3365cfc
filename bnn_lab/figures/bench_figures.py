"""Figures of benchmark reports (`bnn_lab.bench.report`): entry to figure and its words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

import plotly.graph_objects as go

from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.measure.units import format_factor, format_seconds

Entry = Mapping[str, Any]

_LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.25, "yanchor": "top"}
_OURS = "bnn_lab"
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star", "hexagon")


def draw_speedups(entries: Sequence[Entry]) -> Drawing:
    """How many times faster our kernel is than each peer, for each layer, on a logarithmic axis.

    Args:
        entries: layers of a report with the same number of threads, at least one.

    Returns:
        A static figure, and the same in words.
    """
    names = [entry["name"] for entry in entries]
    peers = [
        peer
        for peer in dict.fromkeys(p for entry in entries for p in entry["speedup_over"])
        if not peer.startswith(_OURS)
    ]
    figure, words = go.Figure(), []
    most = max(10.0, *(factor for entry in entries for factor in entry["speedup_over"].values()))
    for index, peer in enumerate(peers):
        values = [entry["speedup_over"].get(peer) for entry in entries]
        known = [value for value in values if value is not None]
        figure.add_trace(
            go.Bar(
                name=f"over {peer}",
                x=names,
                y=values,
                marker_color=theme.COLOURS[index % len(theme.COLOURS)],
                text=["" if v is None else format_factor(v) for v in values],
                textposition="outside",
                textfont={"size": 10},
                cliponaxis=False,
                hovertemplate=f"%{{x}}<br>%{{y:.3g}} times faster than {peer}<extra></extra>",
            )
        )
        words.append(f"over {peer} {format_factor(min(known))} to {format_factor(max(known))}")
    figure.update_layout(
        **theme.layout(
            f"{entries[0]['reference']}: how many times faster, {entries[0]['num_threads']} "
            "thread(s)",
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


def draw_models(entries: Sequence[Entry]) -> Drawing:
    """Median latency of each model on each peer, on a logarithmic axis.

    Args:
        entries: models of a report with the same number of threads, at least one.

    Returns:
        A static figure, and the same in words.
    """
    peers = list(dict.fromkeys(p["name"] for entry in entries for p in entry["peers"]))
    figure = go.Figure()
    for entry in entries:
        times = {peer["name"]: peer["median_s"] for peer in entry["peers"]}
        index = len(figure.data)
        # Points, not bars: on a logarithmic axis the length of a bar means nothing.
        figure.add_trace(
            go.Scatter(
                name=entry["name"],
                y=peers,
                x=[times[peer] * 1e3 if peer in times else None for peer in peers],
                mode="markers+text",
                marker={
                    "color": theme.COLOURS[index % len(theme.COLOURS)],
                    "symbol": _SYMBOLS[index % len(_SYMBOLS)],
                    "size": 12,
                },
                text=[format_seconds(times[peer]) if peer in times else "" for peer in peers],
                textposition="bottom center" if index % 2 else "top center",
                textfont={"size": 11},
                cliponaxis=False,
                hovertemplate=f"{entry['name']}<br>%{{y}}<br>%{{x:.3g}} ms<extra></extra>",
            )
        )
    figure.update_layout(
        **theme.layout(
            f"Latency of one image, {entries[0]['num_threads']} thread(s): left is better",
            showlegend=True,
        ),
        legend={**_LEGEND, "y": -0.15},
        height=200 + 52 * len(peers),
        margin={"l": 10, "r": 70, "t": 60, "b": 60},
        xaxis=theme.axis("median latency, ms", type="log", dtick=1),
        yaxis=theme.axis("", autorange="reversed", ticksuffix="  ", showgrid=False),
    )
    words = []
    for entry in entries:
        times = {peer["name"]: peer["median_s"] for peer in entry["peers"]}
        ratios = ", ".join(
            f"{format_factor(value)} times faster than {peer}"
            for peer, value in entry["speedup_over"].items()
            if not peer.startswith(_OURS)
        )
        words.append(f"{entry['name']} takes {format_seconds(times[entry['reference']])}, {ratios}")
    return Drawing(figure, f"Latencies as points: {'; '.join(words)}.")
