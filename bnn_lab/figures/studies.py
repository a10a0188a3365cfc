"""Figures of the latency studies (`bnn_lab.experiments.latency`): measurements to figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from bnn_lab.errors import InputError
from bnn_lab.experiments.latency import floor
from bnn_lab.experiments.latency.base import Study
from bnn_lab.experiments.latency.stem import PARTS
from bnn_lab.figures import theme
from bnn_lab.figures.convolution_studies import draw_padding, draw_ways
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.study_bars import draw_breakdown, draw_shortcuts, draw_threads
from bnn_lab.figures.study_parts import DEVICE, LEGEND, PATTERNS
from bnn_lab.figures.study_scatter import draw_grid, draw_macs, draw_pareto
from bnn_lab.figures.ternary_study import draw_generation, draw_ternary

if TYPE_CHECKING:
    import pandas as pd


def draw_study(study: Study) -> Drawing:
    """What a study measured.

    Args:
        study: from `run_study`.

    Returns:
        A figure, and one or two sentences; controls that it has work in a `StudyFigure` and on a
        page of `bnn-lab bench study --html`.

    Raises:
        InputError: there is no such study.
    """
    return draw_frame(study.name, study.frame)


def draw_frame(name: str, frame: Any) -> Drawing:
    """What a study would draw of these measurements, such as `study_frame` finds in reports.

    Args:
        name: of the study.
        frame: `pandas.DataFrame` of its measurements.

    Raises:
        InputError: there is no such study.
    """
    if name not in _DRAWN:
        raise InputError(
            f"draw_study: there is no study {name!r}. Fix: use one of {', '.join(_DRAWN)}."
        )
    return _DRAWN[name](frame)


def draw_devices(study: Study) -> list[Drawing]:
    """One figure of all devices, or one of each where the figure is made for one.

    Args:
        study: from `run_study` or `merge_studies`.
    """
    if study.name in _OF_A_CLASS or DEVICE not in study.frame:
        return [draw_study(study)]
    drawings = []
    for device, frame in study.frame.groupby(DEVICE, sort=False):
        drawing = draw_frame(study.name, frame.drop(columns=DEVICE).reset_index(drop=True))
        title = drawing.figure.layout.title.text
        drawing.figure.update_layout(title_text=f"{title}, {device}" if title else str(device))
        margin = drawing.figure.layout.margin
        margin.t = max(margin.t or 0, 50)
        drawings.append(Drawing(drawing.figure, f"{device}: {drawing.words}"))
    return drawings


def draw_finding(study: Study) -> Drawing:
    """`draw_study` with the study's finding for its words.

    Args:
        study: from `run_study`.

    Returns:
        A static figure, and the finding of these measurements.

    Raises:
        InputError: there is no such study.
    """
    return Drawing(draw_study(study).figure, study.finding)


def _stem(frame: pd.DataFrame) -> Drawing:
    figure = _stacked(frame, "part", PARTS, "Time of the parts of each network")
    mean = frame.groupby("part").share.mean()
    words = ", ".join(f"{key} {mean[key]:.0%}" for key in PARTS if key in mean)
    return Drawing(
        figure,
        f"Stacked bars of {frame.name.nunique()} networks' time by part. On average: {words}.",
    )


def _floor(frame: pd.DataFrame) -> Drawing:
    figure = _stacked(frame, "part", floor.PARTS, "What binary ops leave over, one thread")
    left = frame[frame.part != floor.BINARY].groupby("name").ms.sum()
    words = ", ".join(f"{name} {ms:.2f} ms" for name, ms in left.items())
    return Drawing(figure, f"Stacked bars of networks' time by part. Of float ops: {words}.")


def _overhead(frame: pd.DataFrame) -> Drawing:
    figure = go.Figure()
    parts = {
        "float ops": (frame.float_floor_ms, theme.BLUE),
        "binary convolutions alone": (frame.kernel_ms, theme.VERMILION),
        "the rest": ((frame.beyond_floor_ms - frame.kernel_ms).clip(lower=0), theme.GREEN),
    }
    for label, (ms, colour) in parts.items():
        figure.add_trace(
            go.Bar(
                name=label,
                x=frame.name.tolist(),
                y=ms.tolist(),
                marker_color=colour,
                text=[f"{value:.2f}" for value in ms],
                hovertemplate=f"%{{x}}<br>{label}: %{{y:.3g}} ms<extra></extra>",
            )
        )
    figure.update_layout(
        **theme.layout("Where the time of a fused network goes, one thread", showlegend=True),
        legend=LEGEND,
        barmode="stack",
        height=420,
        margin={"l": 10, "r": 20, "t": 60, "b": 60},
        xaxis=theme.axis(""),
        yaxis=theme.axis("latency, ms"),
    )
    words = ", ".join(
        f"{row.model} {row.ms:.2f} ms, {row.float_floor_ms:.2f} of it float ops and "
        f"{row.kernel_ms:.2f} binary convolutions"
        for row in frame.rename(columns={"name": "model"}).itertuples()
    )
    return Drawing(figure, f"Stacked bars of latency: {words}.")


def _stacked(frame: pd.DataFrame, key: str, order: Sequence[str], title: str) -> go.Figure:
    figure = go.Figure()
    totals = frame.groupby("name").ms.sum()
    names = [f"{name}  ({totals[name]:.3g} ms)" for name in frame.name.unique()]
    for index, part in enumerate(order):
        found = frame[frame[key] == part]
        if not found.ms.any():
            continue
        figure.add_trace(
            go.Bar(
                name=part,
                y=names,
                x=(100 * found.share).tolist(),
                orientation="h",
                marker={
                    "color": theme.COLOURS[index % len(theme.COLOURS)],
                    "pattern": {"shape": PATTERNS[index], "solidity": 0.4},
                },
                customdata=found.ms.tolist(),
                hovertemplate=f"%{{y}}<br>{part}<br>%{{customdata:.3g}} ms, %{{x:.0f}} %"
                "<extra></extra>",
            )
        )
    figure.update_layout(
        **theme.layout(title, showlegend=True),
        legend={**LEGEND, "y": -0.12, "traceorder": "normal"},
        barmode="stack",
        height=190 + 26 * len(names),
        margin={"l": 10, "r": 20, "t": 60, "b": 60},
        xaxis=theme.axis("share of the time, %", range=[0, 100]),
        yaxis=theme.axis("", autorange="reversed", ticksuffix="  ", showgrid=False, dtick=1),
    )
    return figure


_DRAWN: dict[str, Callable[[Any], Drawing]] = {
    "speedup": draw_grid,
    "macs": draw_macs,
    "breakdown": draw_breakdown,
    "shortcuts": draw_shortcuts,
    "stem": _stem,
    "floor": _floor,
    "overhead": _overhead,
    "threads": draw_threads,
    "accuracy": draw_pareto,
    "ternary": draw_ternary,
    "ways": draw_ways,
    "padding": draw_padding,
    "generation": draw_generation,
}
_OF_A_CLASS = ("speedup", "macs", "breakdown", "shortcuts", "threads", "accuracy")
