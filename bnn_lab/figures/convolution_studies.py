"""Figures of the studies on one convolution: copied windows, and padding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bnn_lab.experiments.latency.padding import NONE, ONES, ZEROS
from bnn_lab.experiments.latency.ways import DIRECT, IM2COL, INDIRECT, bytes_of
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing

if TYPE_CHECKING:
    import pandas as pd

_WAY = {IM2COL: theme.VERMILION, INDIRECT: theme.PINK, DIRECT: theme.BLUE}
_PART = {
    "image": theme.BLUE,
    "copy": theme.VERMILION,
    "addresses": theme.PINK,
    "filters": theme.GREEN,
    "output": theme.TEXT,
}
_LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "y": -0.25, "yanchor": "top"}


def draw_ways(frame: pd.DataFrame) -> Drawing:
    """Time of a convolution in each engine and way, beside the bytes that the way moves.

    Args:
        frame: of `bnn_lab.experiments.latency.ways.measure`.

    Returns:
        A figure, and a sentence about the bytes and one about the time.
    """
    figure = make_subplots(
        rows=1, cols=2, subplot_titles=("ms, best round", "kB moved"), horizontal_spacing=0.1
    )
    for engine in dict.fromkeys(frame.engine):
        found = frame[frame.engine == engine]
        for way in dict.fromkeys(found.way):
            rows = found[found.way == way]
            figure.add_bar(
                name=f"{engine}, {way}",
                x=rows.case,
                y=rows.ms,
                marker={
                    "color": _WAY[way],
                    "pattern": {"shape": "" if engine == frame.engine.iloc[0] else "/"},
                },
                hovertemplate=f"{engine}, {way}<br>%{{x}}: %{{y:.3f}} ms<extra></extra>",
                row=1,
                col=1,
            )
    for way in _WAY:
        rows = frame[frame.way == way].drop_duplicates("case")
        if rows.empty:
            continue
        figure.add_bar(
            name=way,
            x=rows.case,
            y=rows.kilobytes,
            marker={"color": _WAY[way]},
            showlegend=False,
            hovertemplate=f"{way}<br>%{{x}}: %{{y:,.0f}} kB<extra></extra>",
            row=1,
            col=2,
        )
    figure.update_layout(
        **theme.layout("", showlegend=True),
        legend=_LEGEND,
        height=400,
        margin={"l": 10, "r": 10, "t": 40, "b": 90},
    )
    figure.update_yaxes(theme.axis("", type="log", dtick=1, exponentformat="none"), col=1)
    figure.update_yaxes(theme.axis(""), col=2)
    figure.update_xaxes(theme.axis("layer: size, channels"))
    ours = frame[frame.engine == frame.engine.iloc[0]].set_index(["case", "way"])
    first = frame.case.iloc[0]
    growth = ours.kilobytes[first, IM2COL] / ours.kilobytes[first, DIRECT]
    time = ours.ms[first, IM2COL] / ours.ms[first, DIRECT]
    words = (
        f"For {first}, im2col moves {growth:.1f} times the bytes of the direct way and takes "
        f"{time:.2f} times its time, with the same inner loops."
    )
    return Drawing(figure, words)


def draw_bytes(case: object) -> Drawing:
    """What each way of one convolution moves, part by part.

    Args:
        case: a `bnn_lab.bench.kernels.ConvCase`.

    Returns:
        A figure, and the sums in a sentence.
    """
    parts = {way: bytes_of(case, way) for way in _WAY}  # type: ignore[arg-type]
    figure = go.Figure()
    for part, color in _PART.items():
        figure.add_bar(
            name={"copy": "copied windows or image"}.get(part, part),
            orientation="h",
            y=list(parts),
            x=[found[part] / 1e3 for found in parts.values()],
            marker={"color": color},
            hovertemplate=f"{part}: %{{x:,.0f}} kB<extra></extra>",
        )
    figure.update_layout(
        **theme.layout("", showlegend=True),
        barmode="stack",
        legend={**_LEGEND, "y": -0.4},
        height=260,
        margin={"l": 80, "r": 10, "t": 10, "b": 100},
    )
    most = max(sum(found.values()) for found in parts.values()) / 1e3
    title = "kB, each buffer once for each time it is written or read"
    figure.update_xaxes(theme.axis(title, range=[0, 1.03 * most]))
    figure.update_yaxes(theme.axis("", autorange="reversed", ticksuffix="  "))
    sums = ", ".join(f"{way} {sum(found.values()) / 1e3:,.0f} kB" for way, found in parts.items())
    return Drawing(figure, f"Bytes moved: {sums}.")


def draw_padding(frame: pd.DataFrame) -> Drawing:
    """Time of each convolution with either padding and without any.

    Args:
        frame: of `bnn_lab.experiments.latency.padding.measure`.

    Returns:
        A figure, and the range of the costs in a sentence.
    """
    figure = go.Figure()
    base = frame[frame.padding == ONES].set_index("case").ms
    for padding, label, color in (
        (ONES, "ones", theme.BLUE),
        (ZEROS, "zeros, corrected", theme.VERMILION),
        (NONE, "none: fewer pixels come out", theme.TEXT),
    ):
        rows = frame[frame.padding == padding]
        figure.add_bar(
            name=label,
            x=rows.case,
            y=rows.ms.to_numpy() / base[rows.case].to_numpy(),
            marker={"color": color},
            customdata=1e3 * rows.ms,
            hovertemplate=f"{label}<br>%{{x}}: %{{customdata:.1f}} µs<extra></extra>",
        )
    figure.update_layout(
        **theme.layout("", showlegend=True),
        legend=_LEGEND,
        height=340,
        margin={"l": 10, "r": 10, "t": 10, "b": 90},
    )
    figure.update_xaxes(theme.axis("layer: size, channels"))
    figure.update_yaxes(theme.axis("time, ones = 1"))
    costs = frame[frame.padding == ZEROS].cost
    words = f"Zeros take {costs.min():.2f} to {costs.max():.2f} times as long as ones."
    return Drawing(figure, words)


# Cycles of llvm-mca's models: docs/kernels-arm.md, GCC's table, whose command stands there.
_LOOPS = {
    "deep window, 4 pixels × 4 channels": (85.3, 85.3, 170.5),
    "shallow window, 2 pixels × 32 channels": (80.2, 81.9, 163.7),
    "shallow window, 1 pixel × 16 channels": (56.8, 71.3, 127.6),
}
_CORES = {"Cortex-A72 (Pi 4)": 2, "Neoverse N1": 2, "Neoverse V1": 4}  # pipes of 128 bits


def draw_inner_loops() -> Drawing:
    """Products a cycle of three NEON loops on models of three cores, below their bound.

    Returns:
        A figure, and its largest and smallest share of the bound in a sentence.
    """
    figure = go.Figure()
    cores, bounds = list(_CORES), [128 * pipes / 3 for pipes in _CORES.values()]
    for (name, values), color in zip(_LOOPS.items(), theme.COLOURS, strict=False):
        figure.add_bar(
            name=name,
            x=cores,
            y=values,
            marker={"color": color},
            text=[f"{value:.0f}" for value in values],
            textposition="inside",
            hovertemplate=f"{name}<br>%{{x}}: %{{y:.1f}} products a cycle<extra></extra>",
        )
    for number, bound in enumerate(bounds):
        figure.add_shape(
            type="line",
            x0=number - 0.45,
            x1=number + 0.45,
            y0=bound,
            y1=bound,
            line={"color": theme.TEXT, "width": 2},
        )
    figure.update_layout(
        **theme.layout("", showlegend=True),
        legend=_LEGEND,
        height=360,
        margin={"l": 10, "r": 10, "t": 10, "b": 90},
    )
    figure.update_xaxes(theme.axis(""))
    figure.update_yaxes(theme.axis("products a cycle", range=[0, 185]))
    shares = [v / b for values in _LOOPS.values() for v, b in zip(values, bounds, strict=True)]
    words = (
        f"By a model of each core, the loops reach {min(shares):.0%} to {max(shares):.0%} of what "
        "their counting instructions alone allow: 128 products in three instructions, on each pipe."
    )
    return Drawing(figure, words)
