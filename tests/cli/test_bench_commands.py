"""`bnn-lab bench model` and `suite` on small files, and `bnn-lab calibrate`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from bnn_lab import kernels
from bnn_lab.bench import runs
from bnn_lab.bench.kernels import ConvCase
from bnn_lab.bench.report import read_report
from bnn_lab.cli import bench_run as commands
from bnn_lab.cli import calibrate as calibrate_cli
from bnn_lab.cli.bench import app
from bnn_lab.costmodel import fit as cost_fit
from bnn_lab.costmodel.model import SHIPPED, CostModel, calibration_path
from bnn_lab.errors import InputError, ModelFileError
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.forms import INT8
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.op_files import layer_file


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """A model of three files, as `--ssh` sends it."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    sizes = (8, 8, 32, 32, (3, 3))
    conv = LayerShape(kinds.CONV, *sizes)
    (folder / "binary.tflite").write_bytes(layer_file(LayerShape(kinds.BINARY_CONV, *sizes)))
    (folder / "float32.tflite").write_bytes(layer_file(conv))
    (folder / "int8.tflite").write_bytes(layer_file(conv, INT8))
    return folder


def invoke(*words: Any) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def test_model_of_a_folder(model_folder: Path, tmp_path: Path) -> None:
    file, page = tmp_path / "r.json", tmp_path / "r.html"
    result = invoke(
        *("model", model_folder, "--rounds", 2, "--threads", 1, "--threads", 2, "--force"),
        *("--json", file, "--html", page),
    )
    assert result.exit_code == 0, (result.output, result.exception)
    report = read_report(file)
    assert [(m.name, m.num_threads) for m in report.models] == [("tiny", 1), ("tiny", 2)]
    first = report.models[0]
    active = f"bnn_lab {kernels.active_backend()}"
    names = [times.name for times in first.times]
    assert names[0] == first.reference == active
    for backend in kernels.available_backends():
        assert f"bnn_lab {backend}" in names
    assert {f"{active} unfused", "float32 TFLite", "int8 TFLite"} <= set(names)
    assert set(first.speedup_over) == set(names) - {active}
    (row,) = first.profile.rows
    assert (row.kind, row.binary) == ("LceBconv2d", True)
    assert "tiny" in page.read_text()
    output = " ".join(result.output.split())
    assert "float floor, ms" in output and "over int8 TFLite" in output


def test_suite_is_kernels_and_models(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = {**runs.run_kernels.__kwdefaults__, "cases": (ConvCase(6, 32, 32),)}
    monkeypatch.setattr(runs.run_kernels, "__kwdefaults__", defaults)
    file = tmp_path / "r.json"
    words = ("--model", model_folder, "--rounds", 1, "--threads", 1, "--no-lce", "--force")
    result = invoke("suite", *words, "--json", file)
    assert result.exit_code == 0, (result.output, result.exception)
    report = read_report(file)
    assert [entry.name for entry in report.layers] == ["3x3 6,32"]
    assert [entry.name for entry in report.models] == ["tiny"]


def test_wrong_models(model_folder: Path, tmp_path: Path) -> None:
    result = invoke("model", tmp_path / "missing.tflite", "--force")
    assert isinstance(result.exception, ModelFileError)
    assert "cannot read" in str(result.exception)
    result = invoke("model", "quicknet-nano", "--force")
    assert isinstance(result.exception, InputError)
    assert "no network 'quicknet-nano'" in str(result.exception)
    for model in ("quicknet-small", model_folder):
        result = invoke("model", model, "--int8", tmp_path / "int8.tflite", "--force")
        assert isinstance(result.exception, InputError)
        assert "--float and --int8 go with a .tflite file" in str(result.exception)


def test_options_of_a_connection_need_one(model_folder: Path) -> None:
    for words in (["kernels"], ["model", model_folder], ["suite"], ["study", "padding"]):
        for more in (["--ssh-option", "Port=2222"], ["--ssh-command", "/opt/bnn-lab"]):
            result = invoke(*words, *more)
            assert isinstance(result.exception, InputError)
            assert "go with --ssh" in str(result.exception)


def test_names_of_many_models() -> None:
    assert runs.expand_models(None) == list(runs.SUITE)
    assert runs.expand_models(["published", "quicknet"]) == list(runs.PUBLISHED)
    assert runs.expand_models(["a.tflite"]) == ["a.tflite"]


def test_progress_is_drawn_between_steps_only(monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.console import Console

    console = Console(force_terminal=True, record=True, width=100)
    with commands._progress(console, 2) as advance:
        advance("first layer")
        advance("second layer")
    text = console.export_text()
    assert "second layer" in text and "1/2" in text


def test_predict_command(model_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    result = invoke("predict", model_folder, "--calibration", SHIPPED)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "binary_conv 3x3 8x8,32" in result.output and "of the measured" in result.output
    result = invoke("predict", model_folder, "--calibration", SHIPPED, "--no-measure")
    assert result.exit_code == 0 and "measured ms" not in result.output


def test_cache_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNN_LAB_CACHE", str(tmp_path))
    (tmp_path / "models" / "x").mkdir(parents=True)
    (tmp_path / "models" / "x" / "binary.tflite").write_bytes(bytes(3_000_000))
    assert "3 MB in" in invoke("cache").output
    assert "3 MB deleted from" in invoke("cache", "--clear").output
    assert not (tmp_path / "models").exists()


def test_calibrate_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BNN_LAB_CACHE", str(tmp_path))
    monkeypatch.setattr(cost_fit, "COUNTS", dict.fromkeys(cost_fit.COUNTS, 6))
    command = typer.Typer()
    command.command()(calibrate_cli.calibrate_command)
    active = kernels.active_backend()
    words = ["--rounds", "1", "--force", "--backend", active]
    result = CliRunner().invoke(command, words)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "Error on layers that were not fitted" in result.output
    model = CostModel.load()
    assert not model.shipped and model.backend == active
    assert calibration_path().parent == tmp_path
    assert json.loads(calibration_path().read_text())["noise"]["forced"] is True


@pytest.mark.parametrize(
    "words", [["kernels"], ["model", "quicknet-small"], ["suite"], ["study", "padding", "--quick"]]
)
def test_where_to_write_is_looked_at_before_measuring(words: list[str], tmp_path: Path) -> None:
    for option in ("--json", "--html"):
        result = CliRunner().invoke(app, [*words, option, str(tmp_path)])
        assert isinstance(result.exception, InputError)
        assert "it is a folder. Fix: name a file" in str(result.exception)
        assert "noisy" not in result.output


def test_a_report_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("{}")
    result = CliRunner().invoke(app, ["model", str(path)])
    assert isinstance(result.exception, ModelFileError)
    assert "a.json is not a .tflite file. Fix: bnn-lab convert" in str(result.exception)
