"""The kernels' benchmark: what it measures and reports, never how long it takes."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from bnn_lab import kernels
from bnn_lab.bench import cli
from bnn_lab.bench import kernels as bench
from bnn_lab.bench.kernels import ConvCase, DenseCase
from bnn_lab.errors import BnnLabError

SMALL = ConvCase(6, 32, 40)


def test_case_counts_multiply_accumulates():
    case = ConvCase(56, 64, 64)
    assert (case.name, case.out_size, case.macs) == ("3x3 56,64", 56, 56 * 56 * 64 * 9 * 64)
    stride = ConvCase(56, 128, 64, stride=2)
    assert (stride.name, stride.out_size) == ("3x3 /2 56,128→64", 28)
    assert DenseCase(10, 7).macs == 70


def test_all_peers_run_in_one_table():
    pytest.importorskip("larq_compute_engine")
    result = bench.bench_conv(SMALL, rounds=2)
    expected = [bench.ours(name) for name in kernels.available_backends()]
    expected += [bench.IN_LITERT, bench.LCE_DEFAULT, bench.LCE_INDIRECT, bench.FLOAT, bench.INT8]
    assert list(result.table.names) == expected
    for name in expected:
        assert result.gmacs(name) == pytest.approx(SMALL.macs / result.table[name].median / 1e9)
    assert "scalar" in result.ceilings and result.ceilings["scalar"] > 0


def test_dense_without_float_peers():
    result = bench.bench_dense(DenseCase(70, 33), rounds=1, float_peers=False)
    assert set(result.table.names) == {bench.ours(b) for b in kernels.available_backends()}


def test_disagreeing_peers_are_refused():
    with pytest.raises(BnnLabError, match="give different results for 3x3 6,32"):
        bench._check_agreement(SMALL, {"one": [1.0], "other": [2.0]})


def test_command_writes_json(tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "CONVS", (SMALL,))
    file = tmp_path / "deep" / "figures.json"
    result = CliRunner().invoke(
        cli.app, ["kernels", "--rounds", "1", "--no-float-peers", "--json", str(file)]
    )
    assert result.exit_code == 0, result.output
    report = json.loads(file.read_text())
    assert report["schema"] == "bnn_lab.bench.kernels/1"
    assert [layer["name"] for layer in report["layers"]] == ["3x3 6,32→40", "dense 4096x4096"]
    assert report["host"]["cpu"] and report["num_threads"] == 1
    assert set(report["bitpack_gb_per_s"]) == set(kernels.available_backends())


def test_pin_refuses_what_it_cannot_do():
    result = CliRunner().invoke(cli.app, ["kernels", "--pin", "0", "--threads", "2"])
    assert result.exit_code == 1 and "use it with --threads 1" in result.output
    result = CliRunner().invoke(cli.app, ["kernels", "--pin", "4000"])
    assert result.exit_code == 1 and "cannot pin to CPU 4000" in result.output
