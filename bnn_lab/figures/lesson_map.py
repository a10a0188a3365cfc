"""The map of the lessons (`bnn_lab.lessons.lesson_map`)."""

from __future__ import annotations

import plotly.graph_objects as go

from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.lessons.lesson_map import LESSONS, Lesson

_HALF_WIDTH, _HALF_HEIGHT = 0.44, 0.27
_ROWS = {1: "how a BNN learns", 0: "how a BNN runs"}


def draw_lesson_map() -> Drawing:
    """The lessons as boxes, with arrows from those that help to those that they help with.

    Returns:
        A static figure, and one line a lesson.
    """
    figure = go.Figure()
    for lesson in LESSONS:
        x, y = lesson.place
        colour = theme.VERMILION if y == 1 else theme.BLUE if y == 0 else theme.GREEN
        figure.add_shape(
            type="rect",
            x0=x - _HALF_WIDTH,
            x1=x + _HALF_WIDTH,
            y0=y - _HALF_HEIGHT,
            y1=y + _HALF_HEIGHT,
            line={"color": colour, "width": 2},
        )
        figure.add_annotation(
            x=x,
            y=y,
            text=f"<b>{_wrapped(f'{lesson.number}. {lesson.title}')}</b><br>"
            f"{_wrapped(lesson.question)}"
            f"<br>{lesson.minutes} minutes",
            showarrow=False,
            font={"size": 12},
        )
        for number in lesson.helped_by:
            _arrow(figure, LESSONS[number], lesson)
    for y, label in _ROWS.items():
        figure.add_annotation(
            x=1 - _HALF_WIDTH,
            y=y + (1 if y else -1) * (_HALF_HEIGHT + 0.08),
            text=label,
            showarrow=False,
            xanchor="left",
            font={"size": 13, "color": theme.VERMILION if y else theme.BLUE},
        )
    figure.update_layout(
        **theme.layout("The lessons: arrows show which one helps with which"),
        height=400,
        margin={"l": 0, "r": 0, "t": 45, "b": 0},
    )
    figure.update_xaxes(visible=False, range=[-0.5, 3.5])
    figure.update_yaxes(visible=False, range=[-0.45, 1.45])
    return Drawing(figure, _words())


def _words() -> str:
    lines = ["Map of the lessons."]
    for lesson in LESSONS:
        after = f" After {_listing(lesson.helped_by)}." if lesson.helped_by else ""
        lines.append(
            f"{lesson.number}. {lesson.title}: {lesson.question} {lesson.minutes} minutes.{after}"
        )
    return "\n".join(lines)


def _arrow(figure: go.Figure, start: Lesson, end: Lesson) -> None:
    (x0, y0), (x1, y1) = start.place, end.place
    upright = x0 == x1 or abs(y0 - y1) == 1
    tail = (x0, y0 - _HALF_HEIGHT * (1 if y0 > y1 else -1)) if upright else (x0 + _HALF_WIDTH, y0)
    head = (x1, y1 + _HALF_HEIGHT * (1 if y0 > y1 else -1)) if upright else (x1 - _HALF_WIDTH, y1)
    figure.add_annotation(
        x=head[0],
        y=head[1],
        ax=tail[0],
        ay=tail[1],
        axref="x",
        ayref="y",
        showarrow=True,
        arrowhead=2,
        arrowwidth=2,
        arrowcolor=theme.TEXT,
        text="",
    )


def _wrapped(text: str, most: int = 21) -> str:
    words, lines = text.split(), [""]
    for word in words:
        if len(lines[-1]) + len(word) > most:
            lines.append("")
        lines[-1] += f"{word} "
    return "<br>".join(line.strip() for line in lines)


def _listing(numbers: tuple[int, ...]) -> str:
    return " and ".join(f"lesson {number}" for number in numbers)
