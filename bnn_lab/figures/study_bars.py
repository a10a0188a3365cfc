"""Bars and lines of studies whose controls work without Python, for one device or a class of them.

A frame with a column `device` has the measurements of several. See `controls_in_figure`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from bnn_lab.experiments.latency.breakdown import CATEGORIES
from bnn_lab.figures import theme
from bnn_lab.figures.controls_in_figure import FIRST, LAST, NONE, add_controls, choice
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.study_parts import (
    DEVICE,
    FORM_COLOURS,
    LEGEND,
    MARGIN,
    PATTERNS,
    SYMBOLS,
    devices,
    interval,
    log_axis,
    of_devices,
)
from bnn_lab.measure.units import significant
from bnn_lab.tflite.forms import BINARY, FLOAT32, INT8

if TYPE_CHECKING:
    import pandas as pd

_DASHES = ("solid", "dash", "dot", "dashdot")


def draw_breakdown(frame: pd.DataFrame) -> Drawing:
    """Time of each network by kind of op: shares or milliseconds, fused or not.

    Args:
        frame: of the study `breakdown`.
    """
    frame = of_devices(frame)
    if "fused" not in frame:
        frame = frame.assign(fused=True)
    figure = go.Figure()
    names = list(dict.fromkeys(frame.name))
    ways = list(dict.fromkeys(bool(fused) for fused in frame.fused))
    share, ms = "share of the time", "milliseconds"
    for device in devices(frame):
        for fused in ways:
            found = frame[(frame[DEVICE] == device) & (frame.fused == fused)]
            for index, part in enumerate(CATEGORIES):
                rows = found[found.category == part]
                if not rows.ms.any():
                    continue
                for show, values, form in (
                    (share, 100 * rows.share, "%{x:.0f} %, %{customdata:.3g} ms"),
                    (ms, rows.ms, "%{x:.3g} ms"),
                ):
                    figure.add_bar(
                        name=part,
                        y=rows.name.tolist(),
                        x=[significant(value, 4) for value in values],
                        customdata=[significant(value, 3) for value in rows.ms],
                        orientation="h",
                        marker={
                            "color": theme.COLOURS[index % len(theme.COLOURS)],
                            "pattern": {"shape": PATTERNS[index], "solidity": 0.4},
                        },
                        meta={
                            "of": {DEVICE: device, "fused": fused, "show": show},
                            "counted": False,
                        },
                        hovertemplate=f"%{{y}}<br>{part}<br>{form}<extra></extra>",
                    )
    longest = float(frame.groupby([DEVICE, "fused", "name"]).ms.sum().max())
    figure.update_layout(
        **theme.layout("Where the time goes", showlegend=True),
        legend={**LEGEND, "y": -0.17, "traceorder": "normal"},
        barmode="stack",
        height=230 + 26 * len(names),
        margin=MARGIN,
        xaxis=theme.axis("share of the time, %", range=[0, 100]),
        yaxis=theme.axis(
            "", autorange="reversed", ticksuffix="  ", showgrid=False, dtick=1, type="category"
        ),
    )
    figure.update_layout(title={"xref": "container", "x": 0.02})  # names need the room left of it
    layout = {
        share: {"xaxis.title.text": "share of the time, %", "xaxis.range": [0, 100]},
        ms: {"xaxis.title.text": "milliseconds", "xaxis.range": [0, 1.03 * longest]},
    }
    add_controls(
        figure,
        [
            choice("show", "show", (share, ms), layout=layout, every=NONE),
            choice(
                "fused", "ops", ways, words={True: "fused", False: "each on its own"}, every=NONE
            ),
            choice(DEVICE, DEVICE, devices(frame), every=NONE),
        ],
    )
    fused = frame[frame.fused]
    mean = fused.groupby("category").share.mean().sort_values(ascending=False)
    words = ", ".join(f"{key} {value:.0%}" for key, value in mean.items() if value >= 0.01)
    return Drawing(
        figure, f"Stacked bars of {len(names)} models' time by kind of op. On average: {words}."
    )


def draw_shortcuts(frame: pd.DataFrame) -> Drawing:
    """Latency of networks with and without full-precision shortcuts, fused and not.

    Args:
        frame: of the study `shortcuts`.
    """
    frame = of_devices(frame)
    figure = go.Figure()
    for device in devices(frame):
        for fused in (True, False):
            for index, shortcuts in enumerate((False, True)):
                found = frame[
                    (frame[DEVICE] == device)
                    & (frame.shortcuts == shortcuts)
                    & (frame.fused == fused)
                ]
                figure.add_bar(
                    name="with shortcuts" if shortcuts else "without",
                    x=found.name.tolist(),
                    y=found.ms.tolist(),
                    marker={"color": theme.COLOURS[index]},
                    text=[
                        f"{row.ms:.2f} ms" + (f"<br>×{row.cost:.2f}" if shortcuts else "")
                        for row in found.itertuples()
                    ],
                    textposition="outside",
                    cliponaxis=False,
                    meta={"of": {DEVICE: device, "fused": fused}, "counted": False},
                    hovertemplate="%{x}<br>%{y:.3g} ms<extra></extra>",
                )
    figure.update_layout(
        **theme.layout("Cost of full-precision shortcuts", showlegend=True),
        legend=LEGEND,
        barmode="group",
        height=440,
        margin=MARGIN,
        xaxis=theme.axis("", type="category"),
        yaxis=theme.axis("latency, ms", range=[0, 1.2 * float(frame.ms.max())]),
    )
    add_controls(
        figure,
        [
            choice(
                "fused", "additions", (True, False),
                words={True: "fused", False: "ops of their own"},
                every=NONE,
            ),
            choice(DEVICE, DEVICE, devices(frame), every=NONE),
        ],
    )  # fmt: skip
    words = ", ".join(
        f"{row.name_} {'fused' if row.fused else 'unfused'} {row.cost:.2f}"
        for row in frame[frame.shortcuts].rename(columns={"name": "name_"}).itertuples()
    )
    return Drawing(
        figure,
        "Pairs of bars with and without shortcuts. How many times as long it takes with them: "
        f"{words}.",
    )


def draw_threads(frame: pd.DataFrame) -> Drawing:
    """Latency or speed-up over the number of threads, for each network and kind of file.

    Args:
        frame: of the study `threads`.
    """
    frame = of_devices(frame)
    figure = go.Figure()
    faster, ms = "times faster than one thread", "milliseconds"
    kinds = [kind for kind in (BINARY, FLOAT32, INT8) if kind in set(frame.kind)]
    counts = sorted(set(frame.threads))
    names = list(dict.fromkeys(frame.name))
    for (device, name, kind), found in frame.groupby([DEVICE, "name", "kind"], sort=False):
        rows = found.sort_values("threads")
        for show, column in ((faster, "speedup"), (ms, "ms")):
            figure.add_scatter(
                name=f"{name}, {kind}",
                x=rows.threads.tolist(),
                y=rows[column].tolist(),
                error_y=interval(rows, column),
                mode="lines+markers",
                line={
                    "color": FORM_COLOURS.get(kind, theme.TEXT),
                    "dash": _DASHES[names.index(name) % len(_DASHES)],
                },
                marker={"symbol": SYMBOLS[names.index(name) % len(SYMBOLS)], "size": 9},
                meta={
                    "of": {DEVICE: device, "kind": kind, "model": name, "show": show},
                    "counted": False,
                },
                hovertemplate=f"{name}, {kind}<br>%{{x}} threads: %{{y:.3g}}<extra></extra>",
            )
    figure.add_scatter(
        name="ideal", x=counts, y=counts, mode="lines", hoverinfo="skip",
        line={"color": theme.TEXT, "dash": "dot", "width": 1.5},
        meta={"of": {"show": faster}, "counted": False},
    )  # fmt: skip
    top = frame[frame.threads == counts[-1]]
    most = 1.1 * max(float(counts[-1]), float(top.speedup.max()))
    figure.update_layout(
        **theme.layout("What more threads bring", showlegend=True),
        legend={**LEGEND, "y": -0.3},
        height=470,
        margin=MARGIN,
        xaxis=theme.axis("threads", tickvals=counts),
        yaxis=theme.axis("times faster", range=[0, most]),
    )
    layout = {
        faster: {"yaxis.title.text": "times faster", "yaxis.type": "linear",
                 "yaxis.range": [0, most]},
        ms: {"yaxis.title.text": "latency, ms", "yaxis.type": "log", "yaxis.dtick": "D2",
             "yaxis.minorloglabels": "complete", "yaxis.range": log_axis(frame.ms)["range"]},
    }  # fmt: skip
    add_controls(
        figure,
        [
            choice("show", "show", (faster, ms), layout=layout, every=NONE),
            choice("kind", "files", kinds, every=LAST),
            choice("model", "network", names, every=FIRST),
            choice(DEVICE, DEVICE, devices(frame), every=NONE),
        ],
    )
    words = ", ".join(
        f"{kind} {found.speedup.min():.2f} to {found.speedup.max():.2f}"
        for kind, found in top.groupby("kind", sort=False)
    )
    return Drawing(
        figure,
        f"Lines of how many times faster {len(names)} networks run on up to {counts[-1]} threads. "
        f"On {counts[-1]}: {words}.",
    )
