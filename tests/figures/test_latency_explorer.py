"""The latency explorer's pure part: states to points, figures and words."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

import plotly.graph_objects as go
import pytest

from bnn_lab.errors import InputError
from bnn_lab.figures.bench_figures import draw_models, draw_speedups
from bnn_lab.figures.latency_explorer import draw_latencies, draw_ops, profiled_model
from bnn_lab.figures.latency_points import (
    ACCURACY,
    AXES,
    BINARY_MACS,
    ENERGY,
    EQUIVALENT,
    LATENCY,
    LAYERS_OF,
    MACS,
    OURS,
    OVER_FLOAT,
    OVER_INT8,
    PAGE_PEERS,
    RUNTIMES,
    SIZE,
    THREADS,
    LatencyState,
    cited_points,
    devices_of,
    example_reports,
    mac_ratios,
    measured_points,
    models_of,
)
from bnn_lab.figures.point_labels import place_labels

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
        THREADS: 1.0,
        OVER_FLOAT: 20.0,
        OVER_INT8: 5.0,
        # 500 float MACs, the others binary, 4 MB from memory; 20 binary MACs for a float one.
        ENERGY: pytest.approx((500 * 4.6 + 1_999_500 * 0.3 / 32 + 4e6 * 160) / 1e9),
        EQUIVALENT: pytest.approx((500 + 1_999_500 / 20) / 1e6),
    }
    assert known.spread == {LATENCY: (pytest.approx(0.9), pytest.approx(1.2))}
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
        assert point.values[LATENCY] == fastest.median_s * 1e3
        assert point.values[MACS] == layer.macs / 1e6 and SIZE not in point.values
        assert point.values[OVER_FLOAT] == layer.speedup_over["float32 TFLite"]
    drawing = draw_latencies([example], state)
    assert drawing.figure.layout.title.text == "latency of single layers"
    assert list(drawing.figure.data[0].y) == [layer.name for layer in single]
    assert {(p.device, p.runtime) for p in cited_points(state)} == {
        ("Pixel 1", "dabnn"), ("Pixel 1 and Raspberry Pi 4B", "LCE")
    }  # fmt: skip
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
        "Pixel 1 and Raspberry Pi 4B, LCE (cited)",
        "A",
        "B",
    ]
    assert [trace.mode for trace in figure.data][-2:] == ["lines", "lines"]
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
    assert "2 measured points on bnn_lab, fastest with 1 thread, from quicknet with 1 ms" in text
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


def test_cited_layers_are_those_of_the_publications() -> None:
    points = cited_points(LatencyState(of=LAYERS_OF))
    dabnn = {p.model: p.values[LATENCY] for p in points if p.runtime == "dabnn"}
    assert dabnn == {
        "3x3 56,64": 1.286,
        "3x3 28,128": 0.989,
        "3x3 14,256": 1.019,
        "3x3 7,512": 1.226,
    }
    over = [p for p in points if p.runtime == "LCE"]
    assert {p.model for p in over} == set(dabnn)
    assert {p.spread[OVER_FLOAT] for p in over if OVER_FLOAT in p.values} == {(12.0, 17.0)}
    assert {p.values[OVER_INT8] for p in over if OVER_INT8 in p.values} == {12.0}
    assert not any(OVER_INT8 in p.spread for p in over)  # only "up to" was published
    assert all("https://" in p.source or "arXiv:2011.09398" in p.source for p in points)
    assert cited_points(LatencyState(of=LAYERS_OF, threads="4")) == []
    figure = draw_latencies(example_reports(), LatencyState(of=LAYERS_OF, x=OVER_FLOAT)).figure
    (trace,) = (t for t in figure.data if t.name.startswith("Pixel 1 and") and t.x)
    assert trace.error_x.visible and list(trace.error_x.arrayminus) == [5.0] * 4


def test_latency_has_bars_from_the_fastest_round_to_the_90th_percentile() -> None:
    trace = draw_latencies(REPORTS, LatencyState()).figure.data[0]
    assert trace.error_x.visible and not trace.error_y.visible
    assert trace.error_x.arrayminus[0] == pytest.approx(0.1)
    assert trace.error_x.array[0] == pytest.approx(0.2)


def test_lines_lead_from_float_over_int8_to_binary() -> None:
    drawing = draw_latencies(REPORTS, LatencyState(lines=True, models=("quicknet",)))
    points, line = drawing.figure.data[0], drawing.figure.data[-2]
    assert list(points.x) == pytest.approx([20.0, 5.0, 1.0])
    assert list(line.x[:3]) == list(points.x) and line.x[3] is None
    assert "without a whole line" not in drawing.words
    report = made_up.report(models=[made_up.model("quicknet"), made_up.model("mine")])
    for times in report.models[1].times:
        if times.name == "int8 TFLite":
            report.models[1].times.remove(times)
    words = draw_latencies([report], LatencyState(lines=True)).words
    assert "without a whole line: mine on Board A (int8)." in words


def test_an_axis_of_threads_shows_all_and_joins_them() -> None:
    both = [made_up.model("quicknet", 2, times=0.6), made_up.model("quicknet", 1)]
    figure = draw_latencies(
        [made_up.report(models=both)], LatencyState(x=THREADS, y=LATENCY)
    ).figure
    assert sorted(figure.data[0].x) == [1.0, 2.0]
    assert list(figure.data[-1].x) == [1.0, 2.0, None]
    assert list(figure.layout.xaxis.ticktext) == ["1", "2", "4"]  # cited ones have 4
    assert {p.values[THREADS] for p in cited_points(LatencyState(x=THREADS))} == {1.0, 4.0}


def test_what_an_axis_leaves_out_is_named() -> None:
    bare = made_up.report(layers=[], models=[made_up.model("mine")])
    assert mac_ratios(bare) == {}
    words = draw_latencies([bare], LatencyState(y=EQUIVALENT)).words
    assert "no convolutions beside float32), so left out: mine." in words
    words = draw_latencies(REPORTS, LatencyState()).words
    assert "Without a value of top-1 accuracy, so left out: mine." in words
    assert "Energy is a model" in draw_latencies(REPORTS, LatencyState(x=ENERGY)).words
    assert (
        "x.json is not a report"
        in draw_latencies(REPORTS, LatencyState(), "x.json is not a report").words
    )
    many = [made_up.report(f"D{i}", models=[made_up.model("mine")]) for i in range(30)]
    drawing = draw_latencies(many, LatencyState(y=MACS))
    texts = [text for trace in drawing.figure.data[:30] for text in trace.text]
    assert len(texts) == 30 and sum(map(bool, texts)) == 1  # a name is not written 30 times
    looks = {(t.marker.color, t.marker.symbol) for t in drawing.figure.data[:30]}
    assert len(looks) == 30


def test_equivalent_macs_of_each_form() -> None:
    (report,) = [made_up.report(models=[made_up.model("quicknet")])]
    assert mac_ratios(report) == {"binary": 20.0, "int8": 4.0, "float32": 1.0}
    points = measured_points([report], LatencyState(lines=True))
    assert [p.values[EQUIVALENT] for p in points] == pytest.approx([2.0, 0.5, 0.100475])
