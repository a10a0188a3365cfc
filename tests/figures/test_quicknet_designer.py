from __future__ import annotations

from bnn_lab.controls import controls
from bnn_lab.figures.quicknet_designer import draw_design
from bnn_lab.lessons.designer import Design, Measured, steps


def test_the_figure_has_as_many_traces_at_every_extreme() -> None:
    for field, control in controls(Design).items():
        for value in control.extremes():
            drawn = draw_design(Design(**{field: value})).figure
            assert [trace.type for trace in drawn.data] == ["bar"] * 8
            count = sum(len(trace.x) for trace in drawn.data[:4])
            assert count == len(steps(Design(**{field: value})))


def test_the_words_say_the_cost() -> None:
    text = draw_design(Design()).words
    assert "4-4-4-4 × 64-128-256-512" in text and "million MACs" in text
    assert "Measured" not in text


def test_figure_and_words_compare_with_what_was_measured() -> None:
    drawing = draw_design(Design(), Measured(2.5, 10**6))
    assert "measured <b>2.50 ms" in drawing.figure.layout.title.text
    assert "Measured: 2.50 ms" in drawing.words
