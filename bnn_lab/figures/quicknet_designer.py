"""A QuickNet of one's own (`bnn_lab.lessons.designer`): where its time, MACs and bytes go."""

from __future__ import annotations

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.lessons.designer import PARTS, Design, Estimate, Measured, estimate
from bnn_lab.measure.units import format_seconds

_COLOURS = dict(zip(PARTS, theme.COLOURS, strict=True))


def draw_design(state: Design, measured: Measured | None = None) -> Drawing:
    """Time of each layer along the network, and each part's share of MACs, bytes and time.

    Args:
        state: the design.
        measured: of the same design, shown in the title.

    Returns:
        A static figure with eight bar traces, and words.
    """
    found = estimate(state)
    return Drawing(_figure(found, measured), _words(state, found, measured))


def _figure(found: Estimate, measured: Measured | None) -> go.Figure:
    shown = make_subplots(
        rows=2,
        cols=1,
        row_heights=[0.6, 0.4],
        vertical_spacing=0.26,
        subplot_titles=("estimated time of each layer, ms", "share of each part, %"),
    )
    for part in PARTS:
        chosen = [i for i, step in enumerate(found.steps) if step.part == part]
        style = {
            "marker": {"color": _COLOURS[part]},
            "name": part,
            "legendgroup": part,
        }
        shown.add_bar(
            x=[i + 1 for i in chosen],
            y=[float(found.ms[i]) for i in chosen],
            customdata=[[found.steps[i].layer.name, f"{found.macs[i] / 1e6:.1f}"] for i in chosen],
            hovertemplate="layer %{x}<br>%{customdata[0]}<br>%{y:.3g} ms, "
            "%{customdata[1]} million MACs<extra></extra>",
            row=1,
            col=1,
            **style,
        )
    for part in PARTS:
        shares = [
            100 * found.of_part(v, part) / v.sum() for v in (found.macs, found.bytes, found.ms)
        ]
        shown.add_bar(
            y=["MACs", "file", "time"],
            x=shares,
            orientation="h",
            text=[f"{share:.0f} %" if share >= 7 else "" for share in shares],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            textfont={"color": "white"},
            hovertemplate=part + ": %{x:.1f} % of %{y}<extra></extra>",
            showlegend=False,
            row=2,
            col=1,
            name=part,
            marker={"color": _COLOURS[part]},
        )
    time = f"estimated <b>{format_seconds(found.total_ms / 1e3)}</b>"
    if measured is not None:
        time += f", measured <b>{format_seconds(measured.ms / 1e3)}</b>"
    title = f"{time} · {found.total_macs / 1e6:,.0f} million MACs · {found.file_bytes / 1e6:.2f} MB"
    shown.update_layout(
        **theme.layout(title, showlegend=True),
        barmode="stack",
        height=500,
        margin={"l": 10, "r": 20, "t": 80, "b": 40},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.1, "yanchor": "top"},
    )
    shown.update_xaxes(theme.axis("layer, from input to output"), row=1, col=1)
    shown.update_yaxes(theme.axis("", rangemode="tozero"), row=1, col=1)
    shown.update_xaxes(theme.axis("", range=[0, 100]), row=2, col=1)
    shown.update_yaxes(
        theme.axis("", autorange="reversed", showgrid=False, ticksuffix="  "), row=2, col=1
    )
    for annotation in shown.layout.annotations:
        annotation.update(x=0, xanchor="left", font={"size": 14, "color": theme.TEXT})
    return shown


def _words(state: Design, found: Estimate, measured: Measured | None) -> str:
    parts = ", ".join(
        f"{part} {found.of_part(found.ms, part) / found.total_ms:.0%}" for part in PARTS
    )
    real = ""
    if measured is not None:
        off = found.total_ms / measured.ms - 1
        real = f" Measured: {measured.ms:.2f} ms; the estimate is {off:+.0%} off."
    return (
        f"{state.title}, image {state.image}, shortcuts: {state.shortcuts}. Estimated "
        f"{found.total_ms:.2f} ms ({parts}); {found.total_macs / 1e6:,.0f} million MACs, "
        f"{found.binary_macs / found.total_macs:.0%} of them binary; "
        f"{found.file_bytes / 1e6:.2f} MB.{real} {found.origin}"
    )
