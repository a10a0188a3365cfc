"""The study of what would remain if binary ops took no time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bnn_lab.experiments.latency import Run, floor
from bnn_lab.profiling.model_profile import Profile, ProfileRow
from bnn_lab.tflite.op_files import layer_file
from bnn_lab.tflite.ops import ModelOps


def row(kind: str, ms: float, macs: int | None = None, name: str = "") -> ProfileRow:
    binary = "Lce" in kind
    return ProfileRow(name or kind, kind, (1, 7, 7, 8), ms, 0.0, macs, binary, False)


ROWS = (
    row("CONV_2D", 1.0, 2_000_000, "stem"),
    row("MAX_POOL_2D", 0.25),
    row("LceQuantize", 0.125),
    row("LceBconv2d + ADD", 0.5),
    row("AVERAGE_POOL_2D", 0.0625),
    row("CONV_2D", 0.25, 500_000, "shortcut"),
    row("CONV_2D", 0.5, 100_000, "wide"),
    row("PAD", 0.03125),
    row("MUL", 0.03125),
    row("CONCATENATION + MUL + LceQuantize", 0.125),
    row("CONCATENATION + MUL + MAX_POOL_2D", 0.0),
    row("FULLY_CONNECTED", 0.125, 10_000),
)


def test_each_row_has_its_part() -> None:
    assert floor.parts_of(ROWS, {"stem", "shortcut"}) == [
        floor.STEM, floor.STEM_REST, floor.BINARY, floor.BINARY, floor.POOL, floor.POINTWISE,
        floor.CONV, floor.COPIES, floor.ELEMENTS, floor.BINARY, floor.POOL, floor.HEAD,
    ]  # fmt: skip
    assert set(floor.WHY) == set(floor.PARTS)


def test_times_shares_and_rates() -> None:
    profiles = [
        Profile(tuple(ROWS), 3.0, "scalar", 1, 5),
        Profile((row("CONV_2D", 2.0, 2_000_000, "stem"), *ROWS[1:]), 4.0, "scalar", 1, 5),
    ]
    frame = pd.DataFrame(floor.rows_of("n", profiles, {"shortcut"}, best=4e9)).set_index("part")
    assert frame.ms[floor.STEM] == 1.5 and frame.ms_high[floor.STEM] == 2.0
    assert frame.share[floor.BINARY] == pytest.approx(np.median([0.75 / 3, 0.75 / 4]))
    assert frame.of_best[floor.STEM] == 0.5  # 2e6 in a millisecond, the faster of the two
    assert frame.of_best[floor.POINTWISE] == 0.5
    assert np.isnan(frame.of_best[floor.POOL])
    text = floor.finding(frame.reset_index(), Run(seconds=1, quick=True))
    assert "78% (n) to 78% (n) of the time of 1 networks" in text
    assert "the stem's convolutions in 1" in text and "50 to 50 %" in text


def test_windows_of_one_pixel_are_told() -> None:
    content = layer_file(floor._FASTEST)
    (op,) = (op for op in ModelOps(content).ops if op.kind == "CONV_2D")
    assert floor.pointwise_convs(content) == {op.name}
