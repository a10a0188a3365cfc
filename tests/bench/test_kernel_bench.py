"""The kernels' benchmark: what it measures and reports, never how long it takes."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from bnn_lab import kernels
from bnn_lab.bench import kernels as bench
from bnn_lab.bench import runs
from bnn_lab.bench.baselines import (
    IN_LITERT,
    LCE_DEFAULT,
    LCE_INDIRECT,
    check_same_results,
    ours,
)
from bnn_lab.bench.kernels import ConvCase, DenseCase
from bnn_lab.bench.report import read_report
from bnn_lab.cli.bench import app
from bnn_lab.errors import BnnLabError, InputError
from bnn_lab.measure import noise

SMALL = ConvCase(6, 32, 40)
DEFAULTS = runs.run_kernels.__kwdefaults__


def test_case_counts_multiply_accumulates():
    case = ConvCase(56, 64, 64)
    assert (case.name, case.out_size, case.macs) == ("3x3 56,64", 56, 56 * 56 * 64 * 9 * 64)
    stride = ConvCase(56, 128, 64, stride=2)
    assert (stride.name, stride.out_size) == ("3x3 /2 56,128→64", 28)
    assert DenseCase(10, 7).macs == 70


def test_everything_runs_in_one_table():
    pytest.importorskip("larq_compute_engine")
    result = bench.bench_conv(SMALL, rounds=2)
    expected = [ours(name) for name in kernels.available_backends()]
    expected += [IN_LITERT, LCE_DEFAULT, LCE_INDIRECT, "float32 TFLite", "int8 TFLite"]
    assert list(result.table.names) == expected
    for name in expected:
        assert result.gmacs(name) == pytest.approx(SMALL.macs / result.table[name].median / 1e9)
    assert "scalar" in result.ceilings and result.ceilings["scalar"] > 0


def test_dense_without_float_baselines():
    result = bench.bench_dense(DenseCase(70, 33), rounds=1, float_baselines=False)
    assert set(result.table.names) == {ours(b) for b in kernels.available_backends()}


def test_different_results_are_refused():
    with pytest.raises(BnnLabError, match="give different results for 3x3 6,32"):
        check_same_results(SMALL.name, {"one": [1.0], "other": [2.0]})


def test_command_writes_json(tmp_path, monkeypatch):
    monkeypatch.setattr(runs.run_kernels, "__kwdefaults__", {**DEFAULTS, "cases": (SMALL,)})
    file = tmp_path / "deep" / "figures.json"
    words = ["kernels", "--rounds", "1", "--force", "--threads", "1", "--threads", "2"]
    result = CliRunner().invoke(app, [*words, "--json", str(file)])
    assert result.exit_code == 0, (result.output, result.exception)
    report = read_report(file)
    assert [(e.name, e.num_threads) for e in report.layers] == [
        ("3x3 6,32→40", 1),
        ("3x3 6,32→40", 2),
    ]
    assert report.host.cpu and report.noise.forced is True
    assert set(report.bitpack_gb_per_s) == set(kernels.available_backends())
    for text in ("3x3 6,32→40", "bnn_lab scalar", "over int8 TFLite", "of its ceiling"):
        assert text in " ".join(result.output.split())


def test_a_noisy_machine_gets_no_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(noise, "MOST_SPREAD", -1.0)
    file = tmp_path / "figures.json"
    result = CliRunner().invoke(app, ["kernels", "--rounds", "1", "--json", str(file)])
    assert isinstance(result.exception, noise.NoisyMachineError)
    assert "the machine is too noisy to measure" in str(result.exception)
    assert "--force" in str(result.exception)
    assert not file.exists()


def test_pin_refuses_what_it_cannot_do():
    for words, problem in (
        (["--pin", "0", "--threads", "2"], "use it with --threads 1"),
        (["--pin", "4000"], "cannot pin to CPU 4000"),
    ):
        result = CliRunner().invoke(app, ["kernels", *words])
        assert isinstance(result.exception, InputError)
        assert problem in str(result.exception)
