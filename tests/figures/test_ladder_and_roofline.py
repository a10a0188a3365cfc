from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from bnn_lab.bench.backend_comparison import NUMPY_BITS, NUMPY_FLOAT
from bnn_lab.bench.kernels import ConvCase, KernelResult
from bnn_lab.bench.machine import IN_CACHE, Machine
from bnn_lab.controls import controls
from bnn_lab.errors import InputError
from bnn_lab.figures.kernel_ladder import (
    LINEAR,
    TIME,
    LadderState,
    draw_ladder,
)
from bnn_lab.figures.roofline import (
    BINARY_BITS,
    FLOATS,
    RooflineState,
    bound_of,
    draw_roofline,
)
from bnn_lab.measure.timing import Timing, TimingTable
from bnn_lab.widgets import KernelLadder, Roofline, base

MACHINE = Machine({"scalar": 300.0, "avx2": 1000.0}, 100.0, {"cache": 100.0, "memory": 10.0})

INT8 = "int8 TFLite"


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "_left_in", {})


def result(size: int, channels: int) -> KernelResult:
    case = ConvCase(size, channels, channels)
    speeds = {NUMPY_FLOAT: 20, NUMPY_BITS: 5, "bnn_lab scalar": 150, "bnn_lab avx2": 900, INT8: 200}
    timings = tuple(
        Timing(name, case.macs / (gmacs * 1e9) * np.array([1.0, 1.1, 1.4]), 1)
        for name, gmacs in speeds.items()
    )
    return KernelResult(case, TimingTable(timings), dict(MACHINE.ceilings))


RESULTS = [result(56, 64), result(7, 512)]


def test_the_ladder_shows_measured_speeds() -> None:
    figure = draw_ladder(RESULTS, LadderState("3x3 56,64")).figure
    binary, other, ceilings = figure.data
    assert dict(zip(binary.y, np.round(binary.x), strict=True)) == {
        NUMPY_BITS: 5,
        "bnn_lab scalar": 150,
        "bnn_lab avx2": 900,
    }
    assert list(other.y) == [NUMPY_FLOAT, INT8]
    assert dict(zip(ceilings.y, np.round(ceilings.x), strict=True)) == {
        "bnn_lab scalar": 300,
        "bnn_lab avx2": 1000,
    }
    assert figure.layout.xaxis.type == "log"
    labels = {note.y: note.text for note in figure.layout.annotations}
    assert labels["bnn_lab scalar"] == "<b>150</b>   × 30"
    assert labels[NUMPY_BITS] == "<b>5.0</b>   × 1/4.0"
    assert labels[INT8] == "<b>200</b>"


def test_the_ladder_in_time_and_linear() -> None:
    figure = draw_ladder(RESULTS, LadderState("3x3 56,64", TIME, LINEAR)).figure
    assert figure.layout.xaxis.type == "linear" and figure.layout.xaxis.range[0] == 0
    assert figure.data[0].x[0] == pytest.approx(115.6 / 5, rel=1e-3)  # ms
    assert figure.layout.xaxis.title.text == "ms"


def test_the_ladder_in_words() -> None:
    text = draw_ladder(RESULTS, LadderState("3x3 7,512")).words
    assert "bnn_lab avx2: 128 µs, 900.0 GMAC/s, 45 times as fast as NumPy, floats." in text
    assert "4.0 times slower than NumPy, floats" in text
    with pytest.raises(InputError, match=r"there are: 3x3 56,64, 3x3 7,512"):
        draw_ladder(RESULTS, LadderState("3x3 1,1"))


def test_a_bound_is_the_lower_one_of_two() -> None:
    wide = bound_of(MACHINE, RooflineState(56, 64))
    assert (wide.gmacs, wide.by_memory) == (1000.0, False)
    dense = bound_of(MACHINE, RooflineState(1, 2048, "1x1"))
    assert dense.by_memory and dense.gmacs == pytest.approx(10 * dense.intensity)
    assert dense.bytes == 2048 * (2048 + 1) // 8 + 4 * 2048
    cached = bound_of(MACHINE, RooflineState(1, 2048, "1x1", place=IN_CACHE))
    assert cached.gmacs == pytest.approx(10 * dense.gmacs)
    floats = bound_of(MACHINE, RooflineState(56, 64, values=FLOATS))
    assert floats.gmacs == 100.0
    bits = bound_of(MACHINE, RooflineState(56, 64, values=BINARY_BITS))
    assert bits.intensity > 10 * wide.intensity


def test_no_measured_point_lies_above_its_roof_in_the_figure() -> None:
    figure = draw_roofline(MACHINE, RESULTS, RooflineState()).figure
    roofs = [trace for trace in figure.data if trace.mode == "lines"]
    assert [max(trace.y) for trace in roofs] == [300.0, 1000.0, 100.0]
    points = {trace.name: trace for trace in figure.data if trace.mode == "markers"}
    assert set(points) == {"scalar", "avx2", INT8, NUMPY_FLOAT, "your layer: at most"}
    assert max(points["avx2"].y) < 1000
    lowest, highest = (10**end for end in figure.layout.yaxis.range)
    for trace in figure.data:
        assert lowest < min(trace.y) or trace.mode == "lines"
        assert max(trace.y) < highest


def test_the_roofline_in_words() -> None:
    text = draw_roofline(MACHINE, RESULTS, RooflineState(1, 2048, "1x1")).words
    assert "4.2 million MACs and 533 kB, so 7.9 MACs per byte" in text
    assert "the memory brings 10 GB/s" in text
    assert (
        "the arithmetic reaches no more"
        in draw_roofline(MACHINE, RESULTS, RooflineState(56, 64)).words
    )


def test_every_control_of_the_widgets_changes_the_figure() -> None:
    for shown, state in (
        (KernelLadder(RESULTS), LadderState),
        (Roofline(MACHINE, RESULTS), RooflineState),
    ):
        for field, control in controls(state).items():
            start, seen = getattr(shown.state, field), []
            for value in control.extremes():
                shown.inputs[field].value = value
                seen.append(str(shown.figure.to_plotly_json()))
                assert shown.errors.outputs == ()
            assert seen[0] != seen[1], field
            shown.inputs[field].value = start
    ladder = KernelLadder(RESULTS, name="")
    ladder.inputs["case"].value = "3x3 7,512"
    assert "3x3 7,512" in ladder.figure.layout.title.text
    assert ladder.errors.outputs == ()


def test_without_results() -> None:
    with pytest.raises(InputError, match="measure_backends"):
        KernelLadder([])
    assert len(Roofline(MACHINE, name="").figure.data) == 4
    assert dataclasses.replace(MACHINE, ceilings={}).ceilings == {}
    bare = Machine({}, 100.0, MACHINE.bandwidths)
    assert bound_of(bare, RooflineState(56, 64)).gmacs == 100.0
