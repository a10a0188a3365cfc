"""Commands that work for minutes refuse first what cannot be: names, labels, files to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bnn_lab import kernels
from bnn_lab.bench.remote import Remote
from bnn_lab.cli.main import app
from bnn_lab.errors import BackendError, InputError
from bnn_lab.experiments import latency
from bnn_lab.experiments.training import catalogue
from bnn_lab.measure import backend_duel
from bnn_lab.measure.noise import NoiseWatch
from bnn_lab.profiling import model_profile
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.op_files import layer_file
from bnn_lab.training import results


class Begun(Exception):
    """Work began."""


def begin(*args: Any, **options: Any) -> Any:
    raise Begun


@pytest.fixture(autouse=True)
def nothing_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BNN_LAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Remote, "_run", begin)
    monkeypatch.setattr(NoiseWatch, "before", begin)
    monkeypatch.setattr(backend_duel, "measure_duel", begin)
    monkeypatch.setattr(model_profile, "profile", begin)
    monkeypatch.setattr(results, "_compute", begin)
    (tmp_path / "layer.tflite").write_bytes(
        layer_file(LayerShape(kinds.BINARY_CONV, 8, 8, 32, 32, (3, 3)))
    )


def refused(words: str) -> Exception:
    result = CliRunner().invoke(app, words.split())
    assert result.exception is not None, result.output
    return result.exception


SSH = " --ssh board"
WRITING = {
    "bench kernels": "--json --html",
    "bench model quicknet-small": "--json --html",
    "bench suite": "--json --html",
    "bench study padding --quick": "--json --html --csv",
    "bench kernels" + SSH: "--json --html",
    "bench model layer.tflite" + SSH: "--json --html",
    "bench suite --model layer.tflite" + SSH: "--json --html",
    "bench study padding --quick" + SSH: "--json --html --csv",
    "experiment figure2 --quick": "--html --csv",
    "calibrate": "--output",
    "profile layer.tflite": "--json",
}


@pytest.mark.parametrize("words", WRITING)
def test_files_are_looked_at_first(words: str, tmp_path: Path) -> None:
    for option in WRITING[words].split():
        error = refused(f"{words} {option} {tmp_path}")
        assert isinstance(error, InputError), error
        assert "it is a folder. Fix: name a file" in str(error)
        assert not isinstance(refused(f"{words} {option} new/file"), InputError)
    assert not (tmp_path / "new").exists()  # looking leaves nothing


@pytest.mark.parametrize("more", ["", SSH])
def test_names_are_looked_at_first(more: str) -> None:
    for words, problem in {
        "bench study nonsense": "no study 'nonsense'",
        "bench study nonsense --json new/file": "no study 'nonsense'",
        "bench model nonsense": "no network 'nonsense'",
        "bench suite --model layer.tflite --model nonsense": "no network 'nonsense'",
        **{
            f"{command} --name {'x' * 81}": "cannot name a device"
            for command in (
                "bench kernels",
                "bench model layer.tflite",
                "bench suite --model layer.tflite",
                "bench study padding",
            )
        },
        "bench kernels --pin 0 --threads 2": "use it with --threads 1",
    }.items():
        error = refused(words + more)
        assert isinstance(error, InputError), (words, error)
        assert problem in str(error)
    assert isinstance(refused("bench study padding" + more), Begun)  # and right ones go on


def test_calibration_looks_at_backends_and_its_place_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(refused("calibrate --backend nonsense"), BackendError)
    assert isinstance(refused(f"calibrate --backend {kernels.active_backend()}"), Begun)
    monkeypatch.setenv("BNN_LAB_CACHE", str(tmp_path / "layer.tflite"))
    for words in ("calibrate", "calibrate --backend-only"):
        assert "a file stands where a folder should be" in str(refused(words))


def test_experiments_look_at_names_settings_and_folders_first(tmp_path: Path) -> None:
    for words, problem in {
        "nonsense --csv new/file": "no experiment 'nonsense'",
        "figure2 --set nonsense=1": "no such setting",
        "figure2 --set epochs=0": "epochs: must be at least 1",
        "figure2 --quick --folder layer.tflite": "cannot be made a folder",
    }.items():
        error = refused(f"experiment {words}")
        assert isinstance(error, InputError), (words, error)
        assert problem in str(error)
    assert not (tmp_path / "new").exists()
    assert isinstance(refused("experiment figure2 --quick"), Begun)


def test_a_folder_that_takes_no_file_is_refused_before_the_first_run() -> None:
    with pytest.raises(InputError, match="cannot write /proc/"):
        results.run_points(begin, [{"x": 1}], folder="/proc/self", progress=False)


@pytest.mark.parametrize(
    ("words", "what"),
    [("bench study --quick --csv x", "study"), ("experiment --set epochs=3", "experiment")],
)
def test_a_list_takes_no_options(words: str, what: str) -> None:
    assert f"Fix: name a {what}, or leave the options out" in str(refused(words))


def test_conversion_looks_at_its_files_first(tmp_path: Path) -> None:
    (tmp_path / "folder.tflite").mkdir()
    for words in ("-o folder.tflite", "-o out.tflite --report --report-json ."):
        assert "it is a folder" in str(refused(f"convert missing.keras {words}"))


def test_what_runs_is_what_was_checked() -> None:
    """The names that the tests above refuse are those of the lists."""
    assert latency.entry_of("padding") is latency.STUDIES["padding"]
    assert catalogue.entry_of("noise") is catalogue.EXPERIMENTS["noise"]
