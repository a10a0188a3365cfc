"""The study of ternary dense layers: what it compares, and its finding from known numbers."""

from __future__ import annotations

import pandas as pd
import pytest

from bnn_lab import kernels
from bnn_lab.bench.baselines import baseline
from bnn_lab.experiments.latency import Run, generation
from bnn_lab.experiments.latency import ternary as study
from bnn_lab.figures.ternary_study import draw_generation, draw_ternary
from bnn_lab.tflite.forms import FLOAT32, INT8
from bnn_lab.tflite.op_files import layer_file
from bnn_lab.tflite.ops import count_macs

BEST = study.ternary_name(kernels.available_backends()[-1])


def known() -> pd.DataFrame:
    rows = []
    for samples, ms in (
        (1, {BEST: 0.1, study.READING: 0.08, baseline(INT8): 0.4, baseline(FLOAT32): 1.6}),
        (32, {BEST: 1.0, study.READING: 0.08, baseline(INT8): 2.0, baseline(FLOAT32): 8.0}),
    ):
        for name, value in ms.items():
            macs = 0.0 if name == study.READING else samples * 4096**2 / value / 1e6
            rows.append(
                {
                    "samples": samples,
                    "name": name,
                    "ms": value,
                    "gb_per_s": 4.2 / value,
                    "gmacs_per_s": macs,
                    "over_bound": value / ms[study.READING],
                    "speedup": value / ms[BEST],
                }
            )
    frame = pd.DataFrame(rows)
    ends = {f"{c}{end}": frame[c] for c in ("over_bound", "speedup") for end in ("_low", "_high")}
    return frame.assign(**ends)


def test_finding() -> None:
    text = study.finding(known(), Run(seconds=1, quick=True))
    assert "With 1 at once the ternary layer takes 0.1 ms, and 4.0 times as long on int8" in text
    assert "16.0 times as long on float32" in text
    assert "at 42 GB/s, where reading alone reaches 52: 1.25 times the memory's bound" in text
    assert "With 32 at once the ternary layer takes 1 ms" in text
    assert "3.2 times as many multiply-accumulates" in text


def test_figure() -> None:
    drawing = draw_ternary(known())
    assert [list(trace.x) for trace in drawing.figure.data] == [
        [0.08, 0.1, 0.4, 1.6],
        [0.08, 1.0, 2.0, 8.0],
    ]
    assert f"1 at once: {BEST} 0.1, reading 0.08" in drawing.words


@pytest.mark.parametrize("samples", study.SAMPLES)
def test_what_is_compared_is_the_same_product(samples: int) -> None:
    content = layer_file(study.dense_shape(48, samples))
    assert count_macs(content)[0] == samples * 48 * 48
    calls, sizes = study.competitors(48, samples, 0)
    assert set(calls) == set(sizes)
    backends = kernels.available_backends()
    assert {study.ternary_name(b) for b in backends[1:] or backends} < set(calls)
    for name in set(calls) & {study.ternary_name(b, 5) for b in backends}:
        assert sizes[name] == 48 * 10  # 1.6 bits a weight, in whole bytes
    assert sizes[BEST] == sizes[study.READING] == 48 * 12  # 2 bits a weight
    assert sizes[study.BINARY] == 48 * 8  # a bit a weight, in whole words
    assert (sizes[baseline(INT8)], sizes[baseline(FLOAT32)]) == (48 * 48, 4 * 48 * 48)
    for call in calls.values():
        call()


def test_calls_take_turns() -> None:
    said: list[int] = []
    call = study.in_turn([lambda i=i: said.append(i) for i in range(3)])  # type: ignore[misc]
    for _ in range(7):
        call()
    assert said == [0, 1, 2, 0, 1, 2, 0]


def test_generation_finding_and_figure() -> None:
    rows = [
        {"width": w, "depth": 2, "form": form, "ms": ms, "characters_per_s": 1e3 / ms}
        | {"file_bytes": size, "speedup": ms, "speedup_low": ms - 0.1, "speedup_high": ms + 0.1}
        for w in (8, 16)
        for form, ms, size in (
            (FLOAT32, 4.0, 1600),
            (INT8, 2.0, 400),
            (generation.TERNARY, 1.0, 100),
        )
    ]
    frame = pd.DataFrame(rows)
    text = generation.finding(frame, Run(seconds=1, quick=True))
    assert "With 8 channels and 2 blocks it writes 1,000 characters a second with ternary" in text
    assert "500 with int8 and 250 with float ones: it is 2.0 (1.9 to 2.1) times faster" in text
    assert "4.0 (3.9 to 4.1) times faster than float, from a file 16.0 times smaller" in text
    drawing = draw_generation(frame)
    assert [list(trace.y) for trace in drawing.figure.data] == [[250.0, 500.0, 1000.0]] * 2
    assert "8 channels, 2 blocks: float32 250, int8 500, ternary 1,000; 16" in drawing.words
