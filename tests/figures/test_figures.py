from __future__ import annotations

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from bnn_lab.errors import InputError
from bnn_lab.figures import (
    draw_latency,
    draw_training,
    theme,
)
from bnn_lab.measure.timing import Timing, TimingTable
from bnn_lab.training import EpochResult, TrainingHistory


def table(**medians: float) -> TimingTable:
    spread = np.array([0.9, 1.0, 1.0, 1.0, 1.2])
    return TimingTable(tuple(Timing(name, spread * s, 1) for name, s in medians.items()))


def history(epochs: int = 3, steps: int = 4) -> TrainingHistory:
    flips = np.arange(epochs * steps)[::-1].copy()
    results = [
        EpochResult(e + 1, 1.0, 0.5 + e / 10, 0.4 + e / 10, int(flips[e * steps]), -2.0 - e, e + 1)
        for e in range(epochs)
    ]
    return TrainingHistory(results, 100, {"a": flips, "b": np.zeros_like(flips)})


def texts(figure: go.Figure) -> list[str]:
    return [annotation.text for annotation in figure.layout.annotations]


def test_bars_show_medians_and_labels_show_ratios() -> None:
    figure = draw_latency(table(binary=2e-5, float=4e-4, int8=1e-5)).figure
    (bar,) = figure.data
    np.testing.assert_allclose(bar.x, [20, 400, 10])
    assert list(bar.y) == ["binary", "float", "int8"]
    assert texts(figure) == [
        "<b>20.0 µs</b>",
        "<b>400 µs</b>  20× slower",
        "<b>10.0 µs</b>  2.0× faster",
    ]
    assert bar.marker.color == (theme.VERMILION, theme.BLUE, theme.BLUE)
    assert figure.layout.xaxis.range[0] == 0
    assert "µs" in figure.layout.xaxis.title.text


def test_lines_reach_back_to_the_fastest_round_and_slow_rounds_push_nothing_out() -> None:
    seconds = np.array([1, 2, 3, 4, 500]) * 1e-5
    figure = draw_latency(TimingTable((Timing("a", seconds, 1),))).figure
    (bar,) = figure.data
    np.testing.assert_allclose(bar.x[0] - bar.error_x.arrayminus[0], 10)
    assert bar.error_x.array == (0,)
    assert figure.layout.annotations[0].x == pytest.approx(30)
    assert figure.layout.xaxis.range[1] == pytest.approx(1.45 * 30)


def test_slow_peers_are_shown_in_milliseconds() -> None:
    figure = draw_latency(table(a=2e-3, b=4e-3)).figure
    np.testing.assert_allclose(figure.data[0].x, [2, 4])
    assert "ms" in figure.layout.xaxis.title.text


def test_any_peer_can_be_the_reference() -> None:
    figure = draw_latency(table(a=1e-5, b=4e-5), highlight="b").figure
    assert texts(figure)[0].endswith("4.0× faster")
    with pytest.raises(InputError, match="nothing named 'c' was timed"):
        draw_latency(table(a=1.0), highlight="c")


def test_latency_in_words() -> None:
    words = draw_latency(table(binary=2e-5, float=4e-4)).words
    assert "\nbinary: 20.0 µs.\n" in words
    assert "float: 400 µs, 20× slower than binary." in words


def test_training_curves_show_the_history() -> None:
    training, test, flips = draw_training(history()).figure.data
    np.testing.assert_allclose(training.y, [50, 60, 70])
    np.testing.assert_allclose(test.y, [40, 50, 60])
    np.testing.assert_allclose(flips.y, history().step_pi)
    np.testing.assert_allclose(flips.x, np.arange(1, 13) / 4)
    assert flips.y[-1] == pytest.approx(-9)
    assert sorted(texts(draw_training(history()).figure)) == [
        "<b>flips</b>",
        "<b>test</b>",
        "<b>training</b>",
    ]


def test_training_in_words() -> None:
    words = draw_training(history()).words
    assert "40.0 % to 60.0 %" in words
    assert "-2.0 to -4.0" in words
    assert "11 weights flipped in the first epoch, 3 in the last" in words


def test_empty_histories_are_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        draw_training(TrainingHistory())


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("background", ["#FFFFFF", "#111111"])  # JupyterLab's two themes
@pytest.mark.parametrize("colour", [*theme.COLOURS, theme.GOLD, theme.VIOLET, theme.TEXT])
def test_colours_read_in_light_and_dark_themes(colour: str, background: str) -> None:
    assert contrast(colour, background) >= 3


@pytest.mark.parametrize(
    "figure", [draw_latency(table(a=1.0, b=2.0)).figure, draw_training(history()).figure]
)
def test_figures_are_static_transparent_and_small(figure: go.Figure) -> None:
    assert type(figure) is go.Figure
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == theme.CLEAR
    assert len(json.dumps(figure.to_plotly_json(), default=list)) < 20_000


def test_bars_that_do_not_fit_the_ratios_are_explained() -> None:
    quiet, seconds = np.full(9, 1e-3), np.array([1, 1, 1, 1, 1, 10, 10, 10, 10]) * 1e-3
    steady = TimingTable((Timing("a", quiet, 1), Timing("b", 2 * quiet, 1)))
    assert "Trust the ratios" not in draw_latency(steady).words
    # In seven rounds of nine b takes twice a's time, but the machine was slow in most of b's.
    slow = np.array([2, 2, 2, 20, 20, 20, 20, 20, 20]) * 1e-3
    disturbed = TimingTable((Timing("a", seconds, 1), Timing("b", slow, 1)))
    assert disturbed.speedup("a", over="b") == pytest.approx(2)
    assert "2.0× slower" in draw_latency(disturbed).words
    assert "Trust the ratios" in draw_latency(disturbed).words
