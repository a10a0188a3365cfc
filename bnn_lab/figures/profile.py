"""Where a model's time goes: one bar per op, in the order in which they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go

from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.measure.units import format_seconds

if TYPE_CHECKING:
    from bnn_lab.profiling.profile import Profile

_LABELLED = 0.05  # rows with at least this share get a label; more would not fit


def draw_profile(profile: Profile) -> Drawing:
    """Horizontal bars of each op's time, binary ops in one colour and float ops in the other.

    Args:
        profile: from `bnn_lab.profile`.

    Returns:
        A static figure; the whole time, then a sentence for each kind of op with at least 1 % of
        it.
    """
    figure = go.Figure()
    names = [f"{index + 1}. {row.kind}" for index, row in enumerate(profile.rows)]
    for label, binary, colour in (
        ("binary, on bnn_lab's kernels", True, theme.VERMILION),
        ("float", False, theme.BLUE),
    ):
        chosen = [(n, r) for n, r in zip(names, profile.rows, strict=True) if r.binary is binary]
        figure.add_trace(
            go.Bar(
                name=label,
                x=[row.ms for _, row in chosen],
                y=[name for name, _ in chosen],
                orientation="h",
                marker_color=colour,
                customdata=[
                    [
                        row.name,
                        "x".join(map(str, row.output_shape)),
                        f"{row.share:.1%}",
                        "" if row.gmacs_per_s is None else f"<br>{row.gmacs_per_s:.1f} GMAC/s",
                    ]
                    for _, row in chosen
                ],
                hovertemplate=(
                    "%{y}<br>%{customdata[0]} (%{customdata[1]})<br>%{x:.3g} ms, "
                    "%{customdata[2]}%{customdata[3]}<extra></extra>"
                ),
            )
        )
    longest = max((row.ms for row in profile.rows), default=0.0)
    figure.update_layout(
        **theme.layout(
            f"Time of each op: {format_seconds(profile.sum_ms / 1e3)} of "
            f"{format_seconds(profile.end_to_end_ms / 1e3)} for one inference",
            showlegend=True,
        ),
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.08, "yanchor": "top"},
        barmode="overlay",  # each op has a bar in one of the two traces only
        xaxis=theme.axis("time, ms", range=[0, 1.2 * longest or 1.0]),
        yaxis=theme.axis(
            "",
            autorange="reversed",
            categoryorder="array",
            categoryarray=names,
            ticksuffix="  ",
            showgrid=False,
            tickfont={"size": 11},
            dtick=1,
        ),
        height=160 + 20 * len(names),
        margin={"l": 10, "r": 20, "t": 50, "b": 60},
    )
    for name, row in zip(names, profile.rows, strict=True):
        if row.share >= _LABELLED:
            figure.add_annotation(
                x=row.ms,
                y=name,
                text=f"{row.share:.0%}",
                showarrow=False,
                xanchor="left",
                xshift=6,
                font={"size": 12},
            )
    return Drawing(figure, _words(profile))


def _words(profile: Profile) -> str:
    binary = sum(row.ms for row in profile.rows if row.binary)
    total = profile.sum_ms or 1.0
    sentences = [
        f"Bar chart of the time of {len(profile.rows)} ops, together "
        f"{format_seconds(profile.sum_ms / 1e3)}.",
        f"Binary ops: {binary / total:.0%}.",
    ]
    sentences += [
        f"{kind}: {ms / total:.0%}." for kind, ms in profile.by_kind().items() if ms / total >= 0.01
    ]
    return "\n".join(sentences)
