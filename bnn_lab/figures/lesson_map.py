"""The map of the lessons (`bnn_lab.lessons.lesson_map`)."""

from __future__ import annotations

import plotly.graph_objects as go

from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing
from bnn_lab.lessons.lesson_map import LESSONS, Lesson

_HALF_WIDTH, _HALF_HEIGHT = 0.44, 0.27
_TALL_HALF_WIDTH, _TALL_HALF_HEIGHT = 0.47, 0.33
_ROWS = {1: "how a BNN learns", 0: "how a BNN runs"}


def draw_lesson_map(tall: bool = False) -> Drawing:
    """The lessons as boxes, with arrows from those that help to those that they help with.

    Args:
        tall: from top to bottom, for a phone, instead of from left to right.

    Returns:
        A static figure, and one line a lesson.
    """
    figure = go.Figure()
    half = (_TALL_HALF_WIDTH, _TALL_HALF_HEIGHT) if tall else (_HALF_WIDTH, _HALF_HEIGHT)
    for lesson in LESSONS:
        x, y = _place(lesson, tall)
        row = lesson.place[1]
        colour = theme.VERMILION if row == 1 else theme.BLUE if row == 0 else theme.GREEN
        figure.add_shape(
            type="rect",
            x0=x - half[0],
            x1=x + half[0],
            y0=y - half[1],
            y1=y + half[1],
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
            _arrow(figure, _place(LESSONS[number], tall), (x, y), half, tall)
    for row, label in _ROWS.items():
        at_right = tall and row == 0
        figure.add_annotation(
            x=(1 + half[0]) if at_right else (0 if tall else 1) - half[0],
            y=-half[1] - 0.12 if tall else row + (1 if row else -1) * (half[1] + 0.08),
            text=label,
            showarrow=False,
            xanchor="right" if at_right else "left",
            font={"size": 13, "color": theme.VERMILION if row else theme.BLUE},
        )
    figure.update_layout(
        **theme.layout("The lessons: arrows show which one helps with which"),
        height=620 if tall else 400,
        margin={"l": 0, "r": 0, "t": 45, "b": 0},
    )
    figure.update_xaxes(visible=False, range=[-0.5, 1.5] if tall else [-0.5, 3.5])
    figure.update_yaxes(visible=False, range=[-3.4, 0.4] if tall else [-0.45, 1.45])
    return Drawing(figure, _words())


def _place(lesson: Lesson, tall: bool) -> tuple[float, float]:
    x, y = lesson.place
    return (1 - y, -x) if tall else (x, y)


def _words() -> str:
    lines = ["Map of the lessons."]
    for lesson in LESSONS:
        after = f" After {_listing(lesson.helped_by)}." if lesson.helped_by else ""
        lines.append(
            f"{lesson.number}. {lesson.title}: {lesson.question} {lesson.minutes} minutes.{after}"
        )
    return "\n".join(lines)


def _arrow(
    figure: go.Figure,
    start: tuple[float, float],
    end: tuple[float, float],
    half: tuple[float, float],
    tall: bool,
) -> None:
    (x0, y0), (x1, y1) = start, end
    upright = y0 != y1 if tall else x0 == x1 or abs(y0 - y1) == 1
    down = 1 if y0 > y1 else -1
    right = 1 if x1 > x0 else -1
    tail = (x0, y0 - half[1] * down) if upright else (x0 + half[0] * right, y0)
    head = (x1, y1 + half[1] * down) if upright else (x1 - half[0] * right, y1)
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
