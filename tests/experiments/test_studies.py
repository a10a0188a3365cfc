"""Studies: findings and figures from known numbers, and each one run for real, hastily."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from typer.testing import CliRunner

from bnn_lab.bench import model_bench, network_files
from bnn_lab.bench.model_bench import LEAD_IN, bench_model
from bnn_lab.bench.network_files import cached_files
from bnn_lab.cli.bench import app
from bnn_lab.errors import InputError, NoBinaryLayerError
from bnn_lab.experiments.latency import (
    STUDIES,
    Run,
    Study,
    accuracy,
    breakdown,
    macs,
    padding,
    run_study,
    shortcuts,
    speedup,
    stem,
    threads,
)
from bnn_lab.experiments.latency.base import known
from bnn_lab.experiments.latency.files import read_study, write_study
from bnn_lab.figures import draw
from bnn_lab.figures.studies import draw_frame, draw_study
from bnn_lab.measure.timing import Timing, TimingTable, measure
from bnn_lab.profiling.model_profile import ProfileRow
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.forms import BINARY, FLOAT32
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.op_files import layer_file
from bnn_lab.tflite.ops import ModelOps, count_macs

RUN = Run(seconds=1, quick=True)


def known_to(frame: pd.DataFrame, column: str, share: float) -> pd.DataFrame:
    """The frame with an interval around a column."""
    ends = {
        f"{column}_low": frame[column] * (1 - share),
        f"{column}_high": frame[column] * (1 + share),
    }
    return frame.assign(**ends)


# --- findings from known numbers -----------------------------------------------------------------


def test_speedup_finding() -> None:
    frame = pd.DataFrame(
        {
            "paper": [True, True, False],
            "kernel": [3, 3, 1],
            "size": [56, 7, 7],
            "channels": [64, 512, 64],
            "over_float": [20.0, 16.0, 2.0],
            "over_int8": [5.0, 4.0, 1.0],
        }
    )
    frame = known_to(frame, "over_float", 0.01)
    text = speedup.finding(frame, RUN)
    assert "16.0 to 20.0 times faster than float32 and 4.0 to 5.0 times faster than int8" in text
    assert (
        "8.5 to 18.5 on Pixel 1 phones: 1 of ours lie in that range, 1 above and 1 below); over"
        in text
    )
    assert "Over all 3 convolutions it is 2.0 to 20.0 times faster" in text
    assert "Least is gained at 1x1 on 7 pixels and 64 channels, most at 3x3 on 56 pixels" in text
    assert "With 64 channels the median over float32 is 11.0, with 512 channels 16.0." in text
    rough = speedup.finding(known_to(frame, "over_float", 0.2), RUN)
    assert "0 of ours lie in that range, 0 above and 1 below, of 2 the intervals do not" in rough
    assert "most at 3x3 on 56 pixels and 64 channels or 3x3 on 7 pixels and 512" in rough


def test_grid_covers_what_was_asked() -> None:
    cases = speedup.grid(quick=False)
    assert sum(paper for paper, *_ in cases) == 4
    assert {channels for *_, channels in cases} == {32, 64, 128, 256, 512, 1024}
    assert len({case[1:] for case in cases}) == len(cases) > 40


def test_macs_finding_and_correlations() -> None:
    frame = pd.DataFrame(
        {
            "name": ["a", "b", "c"],
            "macs": [1e6, 1e7, 1e8],
            "binary_macs": [9e5, 9e6, 9e7],
            "equivalent_macs": [1e6, 1e8, 1e7],
            "ms": [1.0, 10.0, 100.0],
            "macs_ratio": [20.0] * 3,
        }
    )
    found = macs.correlations(frame)
    assert found["macs"] == (pytest.approx(1), pytest.approx(1))
    assert found["equivalent_macs"] == (pytest.approx(0.5), pytest.approx(0.5))
    frame = frame.assign(gain=-0.5, gain_low=-0.6, gain_high=-0.4)
    text = macs.finding(frame, Run(1, True, skipped={"d": "no reason"}))
    assert "correlate with 1.00 (ranks: 1.00). One float MAC takes the time of 20.0" in text
    assert "correlate with 0.50 (ranks: 0.50), worse than plain MACs" in text
    assert "do not tell from plain" in macs.finding(frame.assign(gain_high=0.1), RUN)
    assert "(ranks: 0.50), better than" in macs.finding(frame.assign(gain_low=0.1), RUN)
    assert text.endswith("Left out: d (no reason).")


def row(kind: str, side: int, binary: bool = False, ms: float = 1.0) -> ProfileRow:
    return ProfileRow("x", kind, (1, side, side, 8), ms, 0.1, 100, binary, False)


ROWS = [
    row("CONV_2D", 8),
    row("LceQuantize", 8, True),
    row("LceBconv2d + ADD", 8, True),
    row("MUL", 8),
    row("LceBconv2d", 8, True),
    row("MAX_POOL_2D", 4),
    row("CONV_2D", 4),
    row("LceBconv2d", 4, True),
    row("AVERAGE_POOL_2D", 1),
    row("CUSTOM", 1),
]


def test_parts_and_categories_of_a_network() -> None:
    assert stem.parts_of(ROWS) == [
        stem.STEM,
        stem.BINARY,
        stem.BINARY,
        stem.BLOCKS,
        stem.BINARY,
        stem.TRANSITION,
        stem.TRANSITION,
        stem.BINARY,
        stem.HEAD,
        stem.HEAD,
    ]
    assert [breakdown.category(r) for r in ROWS[:4]] == [
        breakdown.FLOAT_CONV,
        breakdown.PACKING,
        breakdown.BINARY,
        breakdown.ELEMENTWISE,
    ]
    assert breakdown.category(ROWS[-1]) == breakdown.OTHER


def test_parts_whose_order_is_unusual() -> None:
    unpacks_weights = [row("LceDequantize + LceDequantize", 8, True), *ROWS]
    assert stem.parts_of(unpacks_weights)[:2] == [stem.STEM, stem.STEM]
    late_shortcut = [*ROWS[:5], row("LceBconv2d", 4, True), *ROWS[5:]]
    assert stem.parts_of(late_shortcut)[6:8] == [stem.TRANSITION, stem.TRANSITION]


def test_breakdown_and_stem_findings() -> None:
    frame = pd.DataFrame(
        [
            {"name": name, "fused": True, "category": key, "ms": share, "share": share}
            for name, shares in {"a": (0.75, 0.25), "b": (0.5, 0.5)}.items()
            for key, share in zip((breakdown.BINARY, breakdown.POOLING), shares, strict=True)
        ]
    )
    rest = [c for c in breakdown.CATEGORIES if c not in set(frame.category)]
    zeros = [
        {"name": n, "fused": True, "category": c, "ms": 0.0, "share": 0.0}
        for n in "ab"
        for c in rest
    ]
    frame = known_to(pd.concat([frame, pd.DataFrame(zeros)], ignore_index=True), "share", 0.1)
    text = breakdown.finding(frame, RUN)
    assert "take 50% (b) to 75% (a) of the time of 2 models, on average 62%" in text
    assert "b: pooling 50%; a: pooling 25%" in text
    text = breakdown.finding(known_to(frame, "share", 0.5), RUN)
    assert "take 50% (a or b) to 75% (a or b) of the time" in text

    parts = pd.DataFrame(
        [
            {"name": n, "part": p, "ms": ms * scale, "share": ms / 10, "macs": 10 * ms}
            for n, scale in (("a", 1), ("b", 2))
            for p, ms in zip(stem.PARTS, (3, 4, 1, 1, 1), strict=True)
        ]
    )
    parts = known_to(known_to(parts, "ms", 0.01), "share", 0.0)
    text = stem.finding(parts, RUN)
    assert "First layers take 3.00 ms (a;" in text and "to 6.00 ms (b;" in text
    assert "Together they are 40% (a or b)" in text and "only 40.0% of all MACs" in text


def test_shortcuts_finding() -> None:
    frame = pd.DataFrame(
        [
            {"name": "n", "shortcuts": True, "fused": False, "ms": 1.5, "ops": 9, "cost": 1.5},
            {"name": "n", "shortcuts": False, "fused": False, "ms": 1.0, "ops": 5, "cost": 1.5},
            {"name": "n", "shortcuts": True, "fused": True, "ms": 1.1, "ops": 9, "cost": 1.1},
            {"name": "n", "shortcuts": False, "fused": True, "ms": 1.0, "ops": 5, "cost": 1.1},
        ]
    )
    text = shortcuts.finding(known_to(frame, "cost", 0.02), RUN)
    assert "1.50 (1.47 to 1.53) times as long with shortcuts, unfused (1.00 to 1.50 ms)" in text
    assert "1.10 (1.08 to 1.12) times fused (1.00 to 1.10 ms)" in text
    assert "cost less than as ops of their own." in text
    text = shortcuts.finding(known_to(frame, "cost", 0.2), RUN)
    assert "cost not measurably less than as ops of their own." in text


def test_padding_finding() -> None:
    frame = pd.DataFrame(
        {
            "case": ["a", "b", "c"],
            "padding": "zeros",
            "border": [0.1, 0.9, 0.5],
            "cost": [1, 1.5, 1.2],
        }
    )
    text = padding.finding(known_to(frame, "cost", 0.05), RUN)
    assert "takes 1.20 to 1.50 times as long as one-padding on 2 of 3" in text
    assert "most at b, where 90 % of the pixels" in text
    assert "On the other 1 no difference was measured." in text
    assert "On none of 3 convolutions" in padding.finding(known_to(frame, "cost", 0.4), RUN)


def test_ratios_are_noted() -> None:
    run = Run(seconds=1, quick=True)
    ten = np.linspace(0.9, 1.1, 10)
    table = TimingTable((Timing("a", np.ones(10), 1), Timing("b", 2 * ten, 1)))
    found = run.ratio(table, "times", "a", over="b")
    assert found["times"] == pytest.approx(2) and set(found) == {"times", "times_low", "times_high"}
    assert 1.8 < found["times_low"] < 2 < found["times_high"] < 2.2
    assert run.uncertainty == pytest.approx(found["times_high"] / 2 - 1)
    assert known(pd.Series(found), "times").startswith("2.0 (1.8 to 2.2)")


def test_rounds_between_distant_cores_are_told_apart() -> None:
    looks = [30.0, 30.0, 150.0, 30.0, 30.0]  # before each round and after the last
    distance = threads.core_distances(looks)
    assert distance.tolist() == [30.0, 150.0, 150.0, 30.0]
    table = TimingTable(
        (
            Timing("one", np.array([2.0, 2.0, 2.0, 2.0]), 1),
            Timing("two", np.array([1.0, 2.0, 1.6, 1.0]), 1),
        )
    )
    found = threads.distant(table, "two", "one", distance)
    assert found == {
        "core_ns": 30.0,
        "far_core_ns": 150.0,
        "near_speedup": 2.0,
        "far_speedup": 1.125,
    }
    near = threads.distant(table, "two", "one", np.full(4, 30.0))
    assert near["core_ns"] == 30.0 and np.isnan(near["far_speedup"])
    single = threads.distant(table, "two", "one", np.zeros(4))
    assert np.isnan(single["core_ns"])


def test_threads_finding() -> None:
    rows = []
    for kind, ms, speed in ((BINARY, 1.0, 1.6), (FLOAT32, 10.0, 1.9)):
        for count, factor in ((1, 1.0), (2, speed)):
            rows.append(
                {"name": "n", "kind": kind, "threads": count, "ms": ms / factor, "speedup": factor}
                | {
                    "speedup_low": factor,
                    "over_float": 10 / ms / (1.9 / factor if count > 1 else 1),
                }
                | dict.fromkeys(("far_core_ns", "near_speedup", "far_speedup"), np.nan)
                | {"core_ns": 30.0}
            )
    text = threads.finding(pd.DataFrame(rows), RUN)
    assert "binary files run 1.60 to 1.60 times as fast" in text
    assert "By Amdahl's law 25% to 25%" in text
    assert "10.0 to 10.0 times faster on one thread and 8.4 to 8.4 on 2" in text
    assert text.endswith("A cache line takes 30 ns from one core to another.")
    split = pd.DataFrame(rows).assign(far_core_ns=146.0, near_speedup=1.75, far_speedup=1.25)
    text = threads.finding(split, RUN)
    assert "30 ns from one core to another, but 146 ns in some rounds" in text
    assert "there binary files run 1.25 to 1.25 times as fast, and 1.75 to 1.75" in text
    unknown = pd.DataFrame(rows).assign(core_ns=np.nan)
    assert "cache line" not in threads.finding(unknown, RUN)
    single = pd.DataFrame([{**rows[0]}])
    assert "nothing to compare" in threads.finding(single, RUN)
    assert threads.thread_counts(1) == [1]
    assert threads.thread_counts(2) == [1, 2]
    assert threads.thread_counts(6) == [1, 2, 4, 6]
    assert threads.thread_counts(8) == [1, 2, 4, 8]


def test_accuracy_finding() -> None:
    frame = pd.DataFrame(
        {"name": ["a", "b", "c"], "ms": [1.0, 2.0, 4.0], "top1": [50.0, 60.0, 55.0]}
    )
    assert accuracy.rivals_of(frame) == {"a": "a", "b": "b", "c": "b"}
    frame = known_to(frame.assign(behind=[1.0, 1.0, 2.0]), "behind", 0.05)
    frame["best"] = frame.behind_low <= 1
    text = accuracy.finding(frame, RUN)
    assert "a (1.00 ms, 50.0 %) and b (2.00 ms, 60.0 %)" in text
    assert (
        "Farthest behind is c: a network of at least its accuracy is 2.0 (1.9 to 2.1) times" in text
    )
    assert "cited" in text and "not reproduced" in text


# --- real runs, hasty ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_study_runs(name: str, tmp_path: Path) -> None:
    study = run_study(name, seconds=2, quick=True, force=True)
    assert len(study.frame) and study.finding.endswith(".")
    drawing = draw_study(study)
    assert isinstance(drawing.figure, go.Figure) and drawing.figure.data
    assert drawing.words.endswith(".")
    assert study.question == STUDIES[name].question
    # Those of threads are known only if the distance between cores changed meanwhile, that of ways
    # only where windows are copied.
    open_columns = {
        "threads": ["far_core_ns", "near_speedup", "far_speedup"],
        "ways": ["copy_ms"],
        "floor": ["of_best"],
    }.get(name, [])
    assert not study.frame.drop(columns=open_columns).isna().any().any()
    assert draw(study) == draw_study(study)
    # A file holds it, and what a file must have is all that its figure needs.
    write_study(study, tmp_path / "s.json")
    pd.testing.assert_frame_equal(read_study(tmp_path / "s.json").frame, study.frame)
    assert draw_frame(name, study.frame[list(STUDIES[name].columns)]).figure.data


def test_command(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    listing = CliRunner().invoke(app, ["study"])
    assert listing.exit_code == 0
    assert all(name in listing.output for name in STUDIES)
    page, table = tmp_path / "s.html", tmp_path / "s.csv"
    words = ["study", "speedup", "--quick", "--force", "--html", str(page), "--csv", str(table)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "times faster than float32" in " ".join(result.output.split())
    assert len(pd.read_csv(table)) == len(speedup.grid(quick=True))
    assert STUDIES["speedup"].question in page.read_text()


def test_errors() -> None:
    with pytest.raises(InputError, match=r"no study 'nonsense'\. Fix: use one of speedup"):
        run_study("nonsense")
    with pytest.raises(InputError, match="seconds must be above 0"):
        run_study("speedup", seconds=0)
    with pytest.raises(InputError, match="no study"):
        draw_study(Study("nonsense", "", pd.DataFrame(), "", {}, {}))


# --- models --------------------------------------------------------------------------------------


@pytest.mark.slow
def test_models_are_converted_once_and_shortcuts_go() -> None:
    said: list[str] = []
    first = cached_files("quicknet-cifar", [BINARY], progress=said.append)
    assert cached_files("quicknet_cifar", [BINARY], progress=said.append) == first
    assert len(said) <= 1  # none if another test has converted it
    with_them = cached_files("quicknet_small", [BINARY])[BINARY]
    without = cached_files("quicknet_small_no_shortcuts", [BINARY])[BINARY]
    kinds_of = [[op.kind for op in ModelOps(f).ops] for f in (with_them, without)]
    assert kinds_of[0].count("ADD") == 16 and kinds_of[1].count("ADD") == 0
    assert kinds_of[0].count("LceBconv2d") == kinds_of[1].count("LceBconv2d") == 16
    assert kinds_of[1].count("LceQuantize") < kinds_of[0].count("LceQuantize")
    assert count_macs(with_them) == count_macs(without)


def test_a_refusal_is_remembered(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.setenv("BNN_LAB_CACHE", str(tmp_path))
    built: list[str] = []

    def refuse(model: Any, kind: str) -> bytes:
        raise NoBinaryLayerError("nothing of it is binary")

    monkeypatch.setattr(network_files, "_build", lambda entry: built.append(entry.name))
    monkeypatch.setattr(network_files, "_convert", refuse)
    run = Run(seconds=1, quick=True)
    for _ in range(2):
        assert run.binary_files(["dorefanet"]) == {}
    assert built == ["dorefanet"]
    assert run.skipped == {"dorefanet": "no layer of it can be binary"}


def test_model_on_everything() -> None:
    shape = LayerShape(kinds.BINARY_CONV, 8, 8, 32, kernel=(3, 3), shortcuts=1)
    content = layer_file(shape)
    result = bench_model("tiny", {BINARY: content}, rounds=2, with_lce=False)
    assert result.reference == f"bnn_lab {result.backend}"
    assert f"{result.reference} unfused" in result.table.names
    assert (result.macs, result.binary_macs) == (shape.macs, shape.macs)
    assert result.profile is not None and result.float_floor_seconds == 0
    with pytest.raises(InputError, match="files must be"):
        bench_model("none", {})


@pytest.mark.parametrize("num_threads", [1, 2])
def test_models_run_before_they_are_timed(
    monkeypatch: pytest.MonkeyPatch, num_threads: int
) -> None:
    options: dict[str, Any] = {}

    def timed(calls: Any, watch: Any, **found: Any) -> TimingTable:
        options.update(found)
        return measure(calls, rounds=1)

    monkeypatch.setattr(model_bench, "measure_watched", timed)
    files = {BINARY: layer_file(LayerShape(kinds.BINARY_CONV, 8, 8, 32, kernel=(3, 3)))}
    bench_model("tiny", files, num_threads=num_threads, with_lce=False, with_profile=False)
    assert options["lead_in_seconds"] == LEAD_IN > 0
