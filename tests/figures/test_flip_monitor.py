from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.errors import InputError
from bnn_lab.figures.answers import draw_answer
from bnn_lab.figures.flip_monitor import (
    MOST_RUNS,
    MonitoredRun,
    draw_flip_monitor,
)


def run(label: str = "a", epochs: int = 3) -> MonitoredRun:
    flips = np.repeat(np.arange(epochs)[::-1] * 50, 4)
    return MonitoredRun(label, flips, 1000, np.linspace(0.5, 0.9, epochs))


def test_pi_of_an_epoch_is_that_of_its_mean_step() -> None:
    flips = np.array([0, 100, 50, 50])
    pi = MonitoredRun("a", flips, 1000, np.array([0.5, 0.6])).epoch_pi
    assert pi == pytest.approx([np.log(0.05 + np.exp(-9))] * 2)


def test_the_figure_shows_every_run_and_keeps_its_traces() -> None:
    none, two = draw_flip_monitor([], 5).figure, draw_flip_monitor([run("a"), run("b")], 5).figure
    assert [trace.type for trace in none.data] == [trace.type for trace in two.data]
    shown = [trace.name for trace in two.data if trace.showlegend]
    assert shown == ["a", "b"]
    assert not any(trace.showlegend for trace in none.data)
    assert two.layout.xaxis2.range == (0, 5.5)
    assert draw_flip_monitor([run("a", 9)], 5).figure.layout.xaxis2.range == (0, 9.5)
    assert two.data[0].y[-1] == pytest.approx(90)


def test_the_words_follow() -> None:
    assert draw_flip_monitor([]).words == "No epoch has ended yet."
    words = draw_flip_monitor([run("mine")]).words
    assert words.startswith("mine: after 3 epochs 90.0 %") and words.endswith("-9.0.")


def test_too_many_runs_are_refused() -> None:
    with pytest.raises(InputError, match="at most 4"):
        draw_flip_monitor([run()] * (MOST_RUNS + 1))


def test_an_answer_is_drawn_beside_the_expected_line() -> None:
    line = np.arange(4.0)
    right = draw_answer({"expected": line, "yours": line}, "m").figure
    assert "✓" in right.layout.title.text and len(right.data) == 2
    wrong = draw_answer({"expected": line, "yours": -line}, "m").figure
    assert "leaves" in wrong.layout.title.text
    none = draw_answer({"expected": line, "yours": None}, "m").figure
    assert "Nothing of yours" in none.layout.title.text and len(none.data) == 1
