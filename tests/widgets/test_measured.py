from __future__ import annotations

import itertools

import plotly.graph_objects as go
import pytest

from bnn_lab.figures.drawing import Drawing
from bnn_lab.widgets import Measured


def draw(value: int) -> Drawing:
    return Drawing(go.Figure(go.Bar(y=[value])), f"it was {value}")


def counted(**options) -> Measured:
    numbers = itertools.count(1)
    return Measured(lambda: next(numbers), draw, **options)


def test_it_measures_at_once_and_at_each_press() -> None:
    shown = counted(name="mine")
    assert shown.result == 1 and "it was 1" in shown.words.value
    shown.again.click()
    assert shown.result == 2 and "it was 2" in shown.words.value
    assert shown.plot.figure.data[0].y == (2,)
    assert not shown.again.disabled and shown.again.description == "Measure again"
    assert "bnn-lab-mine" in shown._dom_classes


def test_a_busy_machine_shows_a_badge_with_the_recorded_run() -> None:
    busy = counted(recorded="Best rounds elsewhere: 3 < 4.", force_busy=True)
    assert "was busy" in busy.badge.value and "elsewhere: 3 &lt; 4." in busy.badge.value
    quiet = counted(recorded="Best rounds elsewhere: 3.")
    assert bool(quiet.badge.value) is bool(quiet.noise.problems)


def test_a_measurement_that_fails_is_shown_and_the_last_one_stays() -> None:
    answers = iter([7])
    shown = Measured(lambda: next(answers), draw)
    shown.again.click()
    assert "StopIteration" in str(shown.errors.outputs) and shown.result == 7
    assert not shown.again.disabled
    with pytest.raises(StopIteration):
        shown.measure_again()


def test_a_stored_notebook_gets_the_figure_and_the_words(monkeypatch) -> None:
    shown = counted()
    assert "application/vnd.jupyter.widget-view+json" in shown._repr_mimebundle_()[0]
    monkeypatch.setenv("BNN_LAB_STATIC", "1")
    bundle = shown._repr_mimebundle_()
    assert bundle["text/plain"] == "it was 1" and bundle["image/svg+xml"].startswith("<svg")
