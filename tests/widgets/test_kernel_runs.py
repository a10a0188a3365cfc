"""Measured kernels as the page gets them, and the widgets that show them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from bnn_lab.bench.backend_comparison import NUMPY_BITS, NUMPY_FLOAT
from bnn_lab.bench.kernels import ConvCase, DenseCase, KernelResult
from bnn_lab.bench.machine import Machine
from bnn_lab.errors import InputError
from bnn_lab.measure.host import describe_host
from bnn_lab.measure.timing import Timing, TimingTable
from bnn_lab.widgets import KernelLadder, Roofline, bundle
from bnn_lab.widgets.kernel_runs import run_of

MACHINE = Machine({"scalar": 300.0, "avx2": 1000.0}, 100.0, {"cache": 100.0, "memory": 10.0})
INT8 = "int8 TFLite"


def result(case: ConvCase | DenseCase) -> KernelResult:
    speeds = {NUMPY_FLOAT: 20, NUMPY_BITS: 5, "bnn_lab scalar": 150, "bnn_lab avx2": 900, INT8: 200}
    timings = tuple(
        Timing(name, case.macs / (gmacs * 1e9) * np.array([1.0, 1.1, 1.4]), 1)
        for name, gmacs in speeds.items()
    )
    return KernelResult(case, TimingTable(timings), dict(MACHINE.ceilings))


RESULTS = [result(ConvCase(56, 64, 64)), result(ConvCase(7, 512, 512)), result(DenseCase(1024, 96))]


def test_a_run_has_all_that_was_measured() -> None:
    run = run_of(RESULTS, MACHINE)
    assert run["machine"] == describe_host().cpu
    assert run["roof"] == vars(MACHINE)
    wide, deep, dense = run["layers"]
    assert (wide["size"], deep["channels_in"], wide["kernel"]) == (56, 512, 3)
    assert (dense["size"], dense["kernel"], dense["channels_out"]) == (1, 1, 96)
    for layer, of in zip(run["layers"], RESULTS, strict=True):
        assert layer["macs"] == of.case.macs and layer["ceilings"] == MACHINE.ceilings
        for name, best, median in layer["rows"]:
            assert best == pytest.approx(of.table[name].minimum, rel=1e-3)
            assert median == pytest.approx(of.table[name].median, rel=1e-3)
    assert json.loads(json.dumps(run)) == run
    assert run_of(RESULTS, name="a board")["machine"] == "a board"
    assert run_of(RESULTS)["roof"] is None


def test_recorded_runs_have_the_same_form() -> None:
    def form(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: form(item) for key, item in value.items()}
        return [form(value[0])] if isinstance(value, list) else type(value) is str

    runs = json.loads((bundle.SOURCES / "recorded" / "kernels.json").read_text())
    assert runs
    for run in runs:
        # Names of backends are those of the machine.
        for layer in run["layers"]:
            layer["ceilings"] = MACHINE.ceilings
        run["roof"]["ceilings"] = MACHINE.ceilings
        assert form(run) == form(run_of(RESULTS, MACHINE))
        assert set(run["roof"]["bandwidths"]) == set(MACHINE.bandwidths)


def test_the_ladder_compares_all_with_one_row() -> None:
    ladder = KernelLadder(RESULTS)
    assert "bnn_lab avx2 128 µs (45 times as fast)" in ladder.describe()
    assert "NumPy, bits 23.1 ms (4.0 times slower)" in ladder.describe()
    ladder.against = 4
    assert "compared with int8 TFLite" in ladder.describe()
    assert "bnn_lab avx2 128 µs (4.5 times as fast)" in ladder.describe()
    ladder.layer = 1
    assert ladder.describe().startswith("3x3 7,512")
    assert "× 4.5" in ladder.static().data and "900" in ladder.static().data
    for machine in (7, -1, "no number"):
        ladder.machine = machine
        assert "compared with" in ladder.describe()


def test_the_roofline_in_words() -> None:
    roofline = Roofline(MACHINE, RESULTS, size=1, channels=2048, kernel="1x1")
    text = roofline.describe()
    assert "4.2 million MACs and 533 kB, so 7.9 MACs per byte" in text
    assert "the memory delivers 10 GB/s" in text
    roofline.place = "cache"
    assert "the cache delivers 100 GB/s" in roofline.describe()
    roofline.size, roofline.channels, roofline.kernel = 56, 64, "3x3"
    assert "at 1,000 GMAC/s at most" in roofline.describe()
    assert "arithmetic is the limit" in roofline.describe()
    roofline.values = "float32"
    assert "at 100 GMAC/s at most" in roofline.describe()


def test_without_results() -> None:
    with pytest.raises(InputError, match="measure_backends"):
        KernelLadder([])
    assert len(KernelLadder().describe()) > 100  # of a recorded machine
    bare = Roofline(Machine({}, 100.0, MACHINE.bandwidths), size=56)
    assert "at 100 GMAC/s at most" in bare.describe()
    assert "<svg" in Roofline(MACHINE).static().data
