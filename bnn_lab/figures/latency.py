"""Latency bars: how long each takes, and how much faster one of them is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go

from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.measure.timing import Timing, TimingTable
from bnn_lab.measure.units import format_factor, format_seconds

_APART = 1.25  # times; farther apart, bars and ratios need a word of explanation


def draw_latency(
    table: TimingTable, highlight: str | None = None, recorded: Mapping[str, float] | None = None
) -> Drawing:
    """Horizontal bars of median latencies, labelled with times and ratios.

    The line inside a bar reaches back to the fastest round. Slow rounds tell more about the
    machine's other work than about what runs; the hover text has them. The scale is linear and
    starts at 0, so the bars' lengths compare honestly.

    Args:
        table: from `bnn_lab.measure.timing.measure`.
        highlight: the one that the others are compared with, default the first.
        recorded: name to best seconds of a run elsewhere, drawn as hollow diamonds.

    Returns:
        A static figure, and a sentence for each, on lines of their own.

    Raises:
        InputError: there is none named `highlight`.
    """
    reference = table[highlight or table.names[0]]
    unit, size = ("µs", 1e-6) if reference.median < 1e-3 else ("ms", 1e-3)
    labels = []
    for timing in table.timings:
        label = f"<b>{format_seconds(timing.median)}</b>"
        if timing is not reference:
            label += f"  {_comparison(table, timing.name, reference.name)}"
        labels.append(label)
    medians = np.array([timing.median for timing in table.timings]) / size
    fastest = np.array([timing.minimum for timing in table.timings]) / size
    figure = go.Figure(
        go.Bar(
            x=medians.tolist(),
            y=list(table.names),
            orientation="h",
            marker_color=[
                theme.VERMILION if timing is reference else theme.BLUE for timing in table.timings
            ],
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [0.0] * len(medians),
                "arrayminus": (medians - fastest).tolist(),
                "color": theme.TEXT,
                "thickness": 1,
            },
            customdata=[[t.minimum / size, t.p90 / size, len(t.seconds)] for t in table.timings],
            hovertemplate=(
                f"%{{y}}<br>median %{{x:.3g}} {unit}<br>minimum %{{customdata[0]:.3g}} {unit}"
                f"<br>90 %% of rounds under %{{customdata[1]:.3g}} {unit}"
                "<br>%{customdata[2]} rounds<extra></extra>"
            ).replace("%%", "%"),
        )
    )
    ghosts = {name: s / size for name, s in (recorded or {}).items() if name in table.names}
    if ghosts:
        figure.add_scatter(
            name="a recorded run",
            mode="markers",
            x=list(ghosts.values()),
            y=list(ghosts),
            marker={
                "symbol": "diamond-open",
                "size": 11,
                "color": theme.TEXT,
                "line": {"width": 2},
            },
            hovertemplate=f"%{{y}}<br>a recorded run: %{{x:.3g}} {unit}<extra></extra>",
        )
    longest = float(max(medians.max(), *ghosts.values(), 0.0))
    figure.update_layout(
        **theme.layout("Time for one image: shorter is better"),
        xaxis=theme.axis(f"median latency, {unit}", range=[0, 1.45 * longest]),
        yaxis=theme.axis("", autorange="reversed", ticksuffix="  ", showgrid=False),
        height=110 + 58 * len(medians),
        margin={"l": 10, "r": 20, "t": 50, "b": 50},
    )
    # Annotations rather than bar text: they stand beside short bars too.
    for name, label, end in zip(table.names, labels, medians, strict=True):
        figure.add_annotation(
            x=float(max(end, ghosts.get(name, 0.0))),
            y=name,
            text=label,
            showarrow=False,
            xanchor="left",
            xshift=12 if ghosts else 8,
        )
    words = _words(table, reference)
    quotients = [table.speedup(reference.name, over=name) for name in table.names]
    if np.any(abs(np.log(medians / (reference.median / size) / quotients)) > np.log(_APART)):
        words += (
            "\nThe bars do not fit the ratios, as the machine was disturbed. Trust the ratios, "
            "which are taken within each round."
        )
    if ghosts:
        words += "\nThe hollow diamonds are the best rounds of a recorded run."
    return Drawing(figure, words)


def _words(table: TimingTable, reference: Timing) -> str:
    sentences = [
        "Bar chart of the median time for one image.",
        f"{reference.name}: {format_seconds(reference.median)}.",
    ]
    for timing in table.timings:
        if timing is not reference:
            compared = _comparison(table, timing.name, reference.name)
            link = "as" if compared == _NO_DIFFERENCE else "than"
            sentences.append(
                f"{timing.name}: {format_seconds(timing.median)}, {compared} {link} "
                f"{reference.name}."
            )
    return "\n".join(sentences)


# Quotients this near to 1 change sides from run to run.
_SAME = 1.1
_NO_DIFFERENCE = "about as fast"


def _comparison(table: TimingTable, name: str, reference: str) -> str:
    factor = table.speedup(reference, over=name)
    if 1 / _SAME < factor < _SAME:
        return _NO_DIFFERENCE
    if factor >= 1:
        return f"{format_factor(factor)}× slower"
    return f"{format_factor(1 / factor)}× faster"
