from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from rich.console import Console

from bnn_lab import _keras, doctor, kernels


def by_name(**which: bool) -> dict[str, doctor.Check]:
    return {check.name: check for check in doctor.examine(**which)}


def test_here_all_is_well() -> None:
    checks = by_name(training=False)
    assert {c.name for c in checks.values() if c.status == doctor.WRONG} == set()
    assert {"Python", "delegate self-test", "widgets in JupyterLab"} <= set(checks)


@pytest.mark.slow
def test_tensorflow_is_started_in_a_process_of_its_own() -> None:
    check = by_name(notebooks=False)["TensorFlow, larq"]
    assert check.status == doctor.OK
    assert "larq 0.14" in check.found


def test_a_python_that_tensorflow_has_no_wheel_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is wrong there, and no command that cannot work is named."""
    monkeypatch.setattr(doctor, "NO_TENSORFLOW", (3, 11))
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    checks = by_name(notebooks=False)
    assert checks["Python"].status == checks["TensorFlow, larq"].status == doctor.NOTE
    assert _keras.install_training((3, 14)).startswith("use Python 3.11 to 3.13")
    assert "larq==" in _keras.install_training((3, 13))
    assert _keras.install_training((3, 12)) == 'pip install "bnn-lab[train]"'


def test_a_forced_backend_that_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNN_LAB_BACKEND", "abacus")
    checks = by_name(training=False, notebooks=False)
    assert checks["backend in use"].status == doctor.WRONG
    assert "abacus" in checks["backend in use"].found
    assert "unset BNN_LAB_BACKEND" in checks["backend in use"].fix
    assert checks["delegate self-test"].fix == "fix the backend first"


def test_a_slow_forced_backend_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNN_LAB_BACKEND", "scalar")
    check = by_name(training=False, notebooks=False)["backend in use"]
    # Where nothing faster exists, forcing the scalar backend costs nothing.
    fastest = kernels.available_backends()[-1]
    assert check.status == (doctor.OK if fastest == "scalar" else doctor.NOTE)
    assert check.found.startswith("scalar")


@pytest.mark.parametrize(
    ("package", "name", "found", "status"),
    [
        ("ipywidgets", "ipywidgets", "7.8.1", doctor.WRONG),
        ("ai-edge-litert", "LiteRT", "2.0.3", doctor.WRONG),
        ("anywidget", "anywidget", None, doctor.WRONG),
        ("jupyterlab", "JupyterLab", "4.10.0rc1", doctor.OK),
        ("nbgrader", "nbgrader", None, doctor.NOTE),
    ],
)
def test_versions(
    monkeypatch: pytest.MonkeyPatch, package: str, name: str, found: str | None, status: str
) -> None:
    real = doctor.version

    def fake(wanted: str) -> str:
        if wanted != package:
            return real(wanted)
        if found is None:
            raise PackageNotFoundError(wanted)
        return found

    monkeypatch.setattr(doctor, "version", fake)
    check = by_name(training=False)[name]
    assert check.status == status
    assert bool(check.fix) == (status != doctor.OK)
    if status == doctor.WRONG:
        assert "pip install" in check.fix and package in check.fix


def test_a_disabled_widget_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "labconfig"
    folder.mkdir()
    (folder / "page_config.json").write_text(
        json.dumps({"disabledExtensions": {"@jupyter-widgets/jupyterlab-manager": True}})
    )
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path))
    check = by_name(training=False)["widgets in JupyterLab"]
    assert check.status == doctor.WRONG
    assert "jupyterlab-manager" in check.found


def test_a_kernel_of_another_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(
        json.dumps({"argv": ["/other/python", "-m", "ipykernel_launcher"], "display_name": "x"})
    )
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    check = by_name(training=False)["notebook kernel"]
    assert check.status == doctor.WRONG
    assert "/other/python" in check.found
    assert "ipykernel install" in check.fix


def test_the_command_ends_with_1_if_something_is_wrong() -> None:
    code = "import sys; from bnn_lab.cli.main import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, "doctor", "--no-training", "--no-notebooks", "--json"]
    good = subprocess.run(command, capture_output=True, text=True, check=False)
    assert good.returncode == 0, good.stderr
    assert {"name", "status", "found", "fix"} == set(json.loads(good.stdout)[0])
    bad = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "BNN_LAB_BACKEND": "abacus"},
    )
    assert bad.returncode == 1


def test_the_table_shows_fixes(capsys: pytest.CaptureFixture[str]) -> None:
    checks = [doctor.Check("a [thing]", doctor.WRONG, "none", "pip install [it]")]
    Console(width=120).print(doctor.table(checks))
    out = capsys.readouterr().out
    assert "a [thing]" in out and "pip install [it]" in out
