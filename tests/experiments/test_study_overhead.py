"""The study of what is neither float ops nor binary multiply-accumulates."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from bnn_lab.bench.network_files import cached_files
from bnn_lab.experiments.latency import Run, overhead
from bnn_lab.measure.timing import Timing, TimingTable
from bnn_lab.profiling.partitions import OUR_DELEGATE
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.forms import BINARY
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.ops import ModelOps

RUN = Run(seconds=1, quick=True)


def test_floor_finding() -> None:
    row = {
        "name": "n",
        "ms": 2.0,
        "float_floor_ms": 0.5,
        "beyond_floor_ms": 1.5,
        "kernel_ms": 1.25,
        "best_rate_ms": 1.0,
        "ratio": 1.2,
        "ratio_best_rate": 1.5,
    }
    text = overhead.finding(pd.DataFrame([row, {**row, "ratio": 1.3}]), RUN)
    assert "Float ops take 25 to 25 %" in text
    assert "1.20 to 1.30 times as long as their binary convolutions alone" in text
    assert "1.50 to 1.50 times as long as their multiply-accumulates" in text


def test_floor_counts_each_convolution_once_for_each_occurrence() -> None:
    content = cached_files("quicknet_cifar", [BINARY])[BINARY]
    counts = overhead.binary_convs(content)
    ops = [op for op in ModelOps(content).ops if op.kind == "LceBconv2d"]
    assert sum(counts.values()) == len(ops) > len(counts)
    assert sum(shape.macs * n for shape, n in counts.items()) == sum(op.macs or 0 for op in ops)
    assert all(not shape.shortcuts and not shape.quantize for shape in counts)


def test_floor_from_known_times() -> None:
    small = LayerShape(kinds.BINARY_CONV, 8, 8, 64, kernel=(3, 3))
    large = LayerShape(kinds.BINARY_CONV, 16, 16, 64, kernel=(3, 3))  # four times the MACs
    calls = overhead._CALLS
    table = TimingTable(
        (
            Timing("n", np.array([1.0, 1.2, 4.0]) * 1e-3, 1),
            Timing(repr(small), np.array([0.1, 0.1, 0.1]) * calls * 1e-3, 1),
            Timing(repr(large), np.array([0.2, 0.2, 0.8]) * calls * 1e-3, 1),
        )
    )
    share = np.array([0.5, 0.5, 0.6])
    found = overhead.columns(
        Run(seconds=1, quick=True), table, "n", share, Counter({small: 2, large: 1})
    )
    assert found == pytest.approx(
        {
            "ms": 1.2,
            "float_floor_ms": 0.6,
            "kernel_ms": 0.4,
            "best_rate_ms": 0.3,  # MACs of 1.5 large ones, which are faster for their size
            "beyond_floor_ms": 0.6,
            "ratio": 1.5,  # of 1.25, 1.5 and 1.6
            "ratio_low": 1.25,
            "ratio_high": 1.6,
            "ratio_best_rate": 1.5 / 0.9,  # of 5/3, 2 and 4/3
            "ratio_best_rate_low": 4 / 3,
            "ratio_best_rate_high": 2,
        }
    )


def test_floor_share_is_the_median_of_the_calls() -> None:
    nodes = np.array([[[1.0, 1.0], [3.0, 1.0], [1.0, 3.0]], [[0.0, 2.0]] * 3])
    found = overhead.float_share(nodes, np.array([1.0, 0.5]))
    np.testing.assert_allclose(found, [0.75, 0.5])


def test_floor_knows_float_ops_that_the_delegate_runs() -> None:
    content = cached_files("quicknet_cifar", [BINARY])[BINARY]
    clock = overhead._node_clock(content)
    parts = overhead.float_parts(clock, ModelOps(content), rounds=1)
    ours = [node.custom_name == OUR_DELEGATE for node in clock.nodes]
    assert ours == [False, True, False, True, False]
    assert parts[[0, 2, 4]].tolist() == [1, 1, 1]
    assert parts[1] == 0 and 0 < parts[3] < 1  # the mean over the image is in the last one
