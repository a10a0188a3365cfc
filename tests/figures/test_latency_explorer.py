"""The latency explorer's pure part: states to points, figures and words."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

import plotly.graph_objects as go
import pytest

from bnn_lab.errors import InputError
from bnn_lab.figures.bench_figures import draw_models, draw_speedups
from bnn_lab.figures.latency_explorer import (
    ACCURACY,
    AXES,
    BINARY_MACS,
    LATENCY,
    LAYERS_OF,
    MACS,
    OURS,
    PAGE_PEERS,
    RUNTIMES,
    SIZE,
    LatencyState,
    cited_points,
    devices_of,
    draw_latencies,
    draw_ops,
    example_reports,
    measured_points,
    models_of,
    place_labels,
    profiled_model,
)

_path = Path(__file__).parents[1] / "bench" / "reports.py"
_spec = importlib.util.spec_from_file_location("reports", _path)
assert _spec and _spec.loader
made_up = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(made_up)

REPORTS = [
    made_up.report("A", models=[made_up.model("quicknet"), made_up.model("mine", times=2.0)]),
    made_up.report("B", models=[made_up.model("quicknet", 2, times=3.0)]),
]


def test_values_of_a_point() -> None:
    points = measured_points(REPORTS, LatencyState())
    assert [(p.device, p.model) for p in points] == [("A", "quicknet"), ("A", "mine")]
    known, own = points
    assert known.values == {
        LATENCY: pytest.approx(1.0),
        MACS: 2.0,
        BINARY_MACS: 1.9995,
        SIZE: 4.0,
        ACCURACY: 63.3,
    }
    assert ACCURACY not in own.values  # nobody published one
    assert known.source == ""


def test_choices_choose() -> None:
    def found(**changes: object) -> list[tuple[str, str, float]]:
        points = measured_points(REPORTS, LatencyState(**changes))  # type: ignore[arg-type]
        return [(p.device, p.model, round(p.values[LATENCY], 6)) for p in points]

    assert found(threads="2") == [("B", "quicknet", 3.0)]
    assert found(threads="4") == []
    assert found(runtime="bnn_lab scalar", models=("mine",)) == [("A", "mine", 8.0)]
    assert found(runtime="bnn_lab, unfused", models=("mine",)) == [("A", "mine", 3.0)]
    assert found(runtime="float32 TFLite")[0] == ("A", "quicknet", 20.0)
    assert found(runtime="LCE default") == []
    assert found(devices=("B",)) == []
    float_size = measured_points(REPORTS, LatencyState(runtime="float32 TFLite"))[0].values[SIZE]
    assert float_size == 50.0


def test_cited_points_have_a_source_and_are_of_one_number_of_threads() -> None:
    points = cited_points(LatencyState())
    assert {p.device for p in points} == {"Pixel 1", "Raspberry Pi 4B", "Mac mini M1"}
    assert len(points) == 11 and all(
        "README of the Larq Compute Engine" in p.source for p in points
    )
    latency = {(p.device, p.runtime, p.model): p.values[LATENCY] for p in points}
    assert latency["Pixel 1", "LCE", "quicknet_small"] == 16.8
    assert latency["Raspberry Pi 4B", "LCE", "quicknet"] == 45.0
    assert latency["Mac mini M1", "LCE", "quicknet_large"] == 9.9
    assert latency["Pixel 1", "LCE", "birealnet"] < latency["Pixel 1", "dabnn", "birealnet"] == 61.3
    four = cited_points(LatencyState(threads="4"))
    assert [p.values[LATENCY] for p in four if p.device == "Raspberry Pi 4B"] == [12.1, 20.8, 31.7]
    assert not any(SIZE in p.values for p in points)
    assert cited_points(LatencyState(cited=False)) == cited_points(LatencyState(threads="2")) == []
    assert {p.model for p in cited_points(LatencyState(models=("quicknet",)))} == {"quicknet"}


def test_layers_have_rows_and_come_from_pages_too() -> None:
    (example,) = example_reports()
    state = LatencyState(of=LAYERS_OF, x=SIZE)  # layers have no files: latency is shown
    points = measured_points([example, *REPORTS], state)
    single = [layer for layer in example.layers if layer.num_threads == 1]
    assert [p.model for p in points][: len(single)] == [layer.name for layer in single]
    for point, layer in zip(points, single, strict=False):
        fastest = layer.of(layer.reference)
        assert fastest is not None
        assert point.values == {LATENCY: fastest.median_s * 1e3, MACS: layer.macs / 1e6}
    drawing = draw_latencies([example], state)
    assert drawing.figure.layout.title.text == "latency of single layers"
    assert list(drawing.figure.data[0].y) == [layer.name for layer in single]
    assert cited_points(state) == [] and "cited" not in drawing.words
    for peer in PAGE_PEERS:  # no native report has them
        assert measured_points([example], LatencyState(of=LAYERS_OF, runtime=peer)) == []
    nothing = draw_latencies([example], LatencyState(of=LAYERS_OF, threads="8"))
    assert nothing.words.startswith("No layer was measured")


def test_measured_and_cited_look_different() -> None:
    figure = draw_latencies(REPORTS, LatencyState()).figure
    assert [trace.name for trace in figure.data] == [
        "A",
        "B",
        "Pixel 1, LCE (cited)",
        "Raspberry Pi 4B, LCE (cited)",
        "Mac mini M1, LCE (cited)",
        "Pixel 1, dabnn (cited)",
    ]
    measured, cited = figure.data[0], figure.data[2]
    assert not measured.marker.symbol.endswith("-open")
    assert cited.marker.symbol.endswith("-open")
    assert measured.marker.color != cited.marker.color
    assert "(measured)" in measured.customdata[0][2]
    assert "(cited)" in cited.customdata[0][2] and "https://" in cited.customdata[0][2]


def test_any_axes_any_state_same_traces() -> None:
    shapes = set()
    for x, y in itertools.product(AXES, AXES):
        figure = draw_latencies(REPORTS, LatencyState(x=x, y=y)).figure
        shapes.add(tuple(trace.type for trace in figure.data))
        kind = "log" if x != ACCURACY else None
        assert figure.layout.xaxis.type == kind
    for runtime, threads in itertools.product(RUNTIMES, ("1", "8")):
        state = LatencyState(runtime=runtime, threads=threads, cited=False)
        figure = draw_latencies(REPORTS, state).figure
        shapes.add(tuple(trace.type for trace in figure.data))
        empty = not measured_points(REPORTS, state)
        assert ("nothing was measured" in str(figure.layout.annotations)) is empty
        assert draw_latencies(REPORTS, state).words.startswith("No model was measured") is empty
    assert len(shapes) == 1


def test_no_name_lies_over_another_or_over_a_point() -> None:
    """Two names at one place: one of them is left to the hover text, the other is moved."""
    figure = go.Figure()
    for name in ("first", "second"):
        figure.add_scatter(x=[1.0, 100.0], y=[1.0, 50.0], text=[name, "far " + name])
    figure.add_scatter(x=[1.0], y=[20.0], text=["alone"])
    figure.update_xaxes(type="log", range=[-1, 3])
    figure.update_yaxes(range=[0, 100])
    place_labels(figure)
    one, two, alone = figure.data
    assert one.text == ("first", "far first") and alone.text == ("alone",)
    assert one.textposition[0] == alone.textposition[0] == "top center"
    assert two.text[0] in ("", "second")
    assert not two.text[0] or two.textposition[0] != "top center"
    crowd = go.Figure(go.Scatter(x=[1.0] * 9, y=[1.0] * 9, text=["name"] * 9))
    place_labels(crowd)
    assert 1 <= sum(map(bool, crowd.data[0].text)) <= 4
    place_labels(go.Figure(go.Scatter(x=[], y=[], text=[])))


def test_words() -> None:
    text = draw_latencies(REPORTS, LatencyState()).words
    assert "2 measured points on bnn_lab, fastest with 1 thread(s), from quicknet with 1 ms" in text
    assert "Hollow points are cited: Pixel 1, Raspberry Pi 4B, Mac mini M1. Source: README" in text


def test_ops_of_a_point() -> None:
    state = LatencyState(profile_of=("A", "mine"))
    entry = profiled_model(REPORTS, state)
    assert entry is not None and entry.name == "mine"
    drawing = draw_ops(REPORTS, state)
    figure, words = drawing.figure, drawing.words
    float_ops, binary_ops = sorted(figure.data, key=lambda trace: trace.name.startswith("binary"))
    assert list(binary_ops.y) == ["2. binary convolution + addition"] and list(binary_ops.x) == [
        1.2
    ]
    assert list(float_ops.y) == ["1. convolution"]
    assert "mine: 2.00 ms for one inference, in 2 ops. Binary ops take 60%" in words


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (LatencyState(), "Click a filled point"),
        (LatencyState(profile_of=("Pixel 1", "quicknet")), "is a cited figure"),
        (LatencyState(profile_of=("A", "mine"), threads="2"), "was not profiled with 2 thread"),
    ],
)
def test_no_ops_to_show(state: LatencyState, words: str) -> None:
    assert profiled_model(REPORTS, state) is None
    drawing = draw_ops(REPORTS, state)
    figure, told = drawing.figure, drawing.words
    assert words in told
    kinds = [trace.type for trace in draw_ops(REPORTS, LatencyState()).figure.data]
    assert [trace.type for trace in figure.data] == kinds == ["bar", "bar"]


def test_wrong_states() -> None:
    for changes in ({"x": "colour"}, {"runtime": "magic"}, {"threads": "3"}, {"cited": 1}):
        with pytest.raises(InputError, match=next(iter(changes))):
            LatencyState(**changes)  # type: ignore[arg-type]
    assert OURS in RUNTIMES


def test_shipped_example_fills_the_figure() -> None:
    reports = example_reports()
    assert devices_of(reports) and "quicknet" in models_of(reports)
    figure = draw_latencies(reports, LatencyState()).figure
    assert len(figure.data[0].x) >= 3


def test_figures_of_reports() -> None:
    drawing = draw_speedups(REPORTS[0].layers)
    figure, words = drawing.figure, drawing.words
    assert [trace.name for trace in figure.data] == [
        "over float32 TFLite",
        "over int8 TFLite",
        "over LCE indirect",
    ]
    assert list(figure.data[0].y) == [20.0] and "over int8 TFLite 5.0 to 5.0" in words
    drawing = draw_models(REPORTS[0].models)
    figure, words = drawing.figure, drawing.words
    assert [trace.name for trace in figure.data] == ["quicknet", "mine"]
    assert "quicknet takes 1.00 ms, 20 times faster than float32 TFLite" in words
