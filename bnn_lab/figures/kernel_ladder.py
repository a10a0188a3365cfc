"""The kernel ladder: one convolution, from NumPy floats to the widest instructions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from bnn_lab.bench.kernels import KernelResult
from bnn_lab.controls import check_state, choice
from bnn_lab.errors import InputError
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.measure.units import format_factor, format_seconds

SPEED, TIME = "speed, GMAC/s", "time"
LOG, LINEAR = "logarithmic", "linear"

_OURS = "bnn_lab "


@dataclass(frozen=True)
class LadderState:
    """What of the ladder is shown.

    Attributes:
        case: name of a measured convolution.
    """

    case: str
    quantity: str = choice(SPEED, options=(SPEED, TIME), label="show")
    scale: str = choice(
        LOG, options=(LOG, LINEAR), label="scale", help="Linear shows how far the rungs are apart."
    )

    def __post_init__(self) -> None:
        check_state(self)


def draw_ladder(results: Sequence[KernelResult], state: LadderState) -> Drawing:
    """A dot for each rung; a dot, unlike a bar, has an honest place on a logarithmic scale.

    The dot is the best round, which other programs disturb least, so that noise cannot turn the
    ladder upside down; a thin line leads to the median. A bar across a row is the ceiling of that
    backend's instructions.

    Args:
        results: the results of `bnn_lab.bench.backend_comparison.measure_backends`.
        state: what to show.

    Returns:
        A figure, and a sentence for each rung.

    Raises:
        InputError: there is no such convolution among the results.
    """
    result = _chosen(results, state)
    speed = state.quantity == SPEED
    size = 1.0 if speed else _unit(result)[1]

    def value(seconds: float) -> float:
        return result.case.macs / seconds / 1e9 if speed else seconds / size

    figure = go.Figure()
    names = list(result.table.names)
    medians = [value(timing.median) for timing in result.table.timings]
    bests = [value(timing.minimum) for timing in result.table.timings]
    for label, ours, colour, symbol in (
        ("binary", True, theme.VERMILION, "circle"),
        ("floats or int8", False, theme.BLUE, "square"),
    ):
        rows = [i for i, name in enumerate(names) if _is_binary(name) is ours]
        figure.add_scatter(
            name=label,
            mode="markers",
            x=[bests[i] for i in rows],
            y=[names[i] for i in rows],
            marker={"color": colour, "size": 14, "symbol": symbol},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [max(0.0, medians[i] - bests[i]) for i in rows],
                "arrayminus": [max(0.0, bests[i] - medians[i]) for i in rows],
                "color": theme.TEXT,
                "thickness": 1.5,
                "width": 0,
            },
            customdata=[
                [
                    format_seconds(result.table[names[i]].minimum),
                    f"{result.best_gmacs(names[i]):,.1f}",
                ]
                for i in rows
            ],
            hovertemplate="%{y}<br>best round %{customdata[0]}, %{customdata[1]} GMAC/s"
            "<extra></extra>",
        )
    limits = {
        name: value(result.case.macs / result.ceilings[name.removeprefix(_OURS)] / 1e9)
        for name in names
        if name.removeprefix(_OURS) in result.ceilings
    }
    figure.add_scatter(
        name="ceiling of the instructions",
        mode="markers",
        x=list(limits.values()),
        y=list(limits),
        marker={"color": theme.GREEN, "size": 22, "symbol": "line-ns", "line": {"width": 3}},
        marker_line_color=theme.GREEN,
        hovertemplate="%{y}<br>ceiling %{x:,.3g}<extra></extra>",
    )
    _place_labels(figure, result, names, state)
    unit = "GMAC/s" if speed else _unit(result)[0]
    title = f"{result.case.name}: {result.case.macs / 1e6:.1f} million MACs, one thread"
    figure.update_layout(
        **theme.layout(title, showlegend=True),
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.22, "yanchor": "top"},
        height=190 + 44 * len(names),
        margin={"l": 10, "r": 150, "t": 50, "b": 90},
    )
    _set_axes(figure, names, unit, [*medians, *bests, *limits.values()], state)
    return Drawing(figure, _words(result))


def _words(result: KernelResult) -> str:
    first = result.table.names[0]
    sentences = [f"Speed of the convolution {result.case.name} on one thread."]
    for name in result.table.names:
        text = (
            f"{name}: {format_seconds(result.table[name].minimum)}, "
            f"{result.best_gmacs(name):,.1f} GMAC/s"
        )
        if name != first:
            text += f", {_times(result, name, first)} {first}"
        sentences.append(text + ".")
    return " ".join(sentences)


def _chosen(results: Sequence[KernelResult], state: LadderState) -> KernelResult:
    for result in results:
        if result.case.name == state.case:
            return result
    known = ", ".join(result.case.name for result in results)
    raise InputError(f"the ladder of {state.case!r} was not measured; there are: {known}.")


def _is_binary(name: str) -> bool:
    return name.startswith(_OURS) or "bits" in name


def _unit(result: KernelResult) -> tuple[str, float]:
    slowest = max(timing.median for timing in result.table.timings)
    return ("ms", 1e-3) if slowest >= 1e-3 else ("µs", 1e-6)


def _times(result: KernelResult, name: str, other: str) -> str:
    factor = _factor(result, name, other)
    if factor >= 1:
        return f"{format_factor(factor)} times as fast as"
    return f"{format_factor(1 / factor)} times slower than"


def _factor(result: KernelResult, name: str, other: str) -> float:
    return result.table[other].minimum / result.table[name].minimum


def _place_labels(
    figure: go.Figure,
    result: KernelResult,
    names: list[str],
    state: LadderState,
) -> None:
    """Value and step from the rung above, in the right margin, where nothing can hide them."""
    for i, name in enumerate(names):
        speed = result.best_gmacs(name)
        text = f"<b>{speed:,.0f}</b>" if speed >= 10 else f"<b>{speed:.1f}</b>"
        if state.quantity == TIME:
            text = f"<b>{format_seconds(result.table[name].minimum)}</b>"
        if i and _is_binary(name):
            factor = _factor(result, name, names[i - 1])
            text += f"   × {format_factor(factor)}" if factor >= 1 else f"   × 1/{1 / factor:.1f}"
        figure.add_annotation(
            x=1, xref="paper", y=name, text=text, showarrow=False, xanchor="left", xshift=8,
        )  # fmt: skip


def _set_axes(
    figure: go.Figure, names: list[str], unit: str, ends: list[float], state: LadderState
) -> None:
    if state.scale == LOG:
        low, high = math.log10(min(ends) / 1.6), math.log10(max(ends))
        span = [low, high + 0.05 * (high - low)]
        more = {"type": "log", "dtick": 1, "exponentformat": "none", "separatethousands": True}
    else:
        span, more = [0.0, 1.05 * max(ends)], {"type": "linear"}
    figure.update_xaxes(theme.axis(unit, range=span, **more))
    figure.update_yaxes(
        theme.axis(
            "",
            autorange="reversed",
            categoryorder="array",
            categoryarray=names,
            ticksuffix="  ",
        )
    )
