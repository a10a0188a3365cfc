"""Inference needs no TensorFlow: a small device installs only the base dependencies."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Without these, training and conversion cannot work; everything below must.
ABSENT = ("tensorflow", "tf_keras", "keras", "larq")

HOOK = f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
for name in {ABSENT!r}:
    try:
        __import__(name)
    except ModuleNotFoundError:
        continue
    raise SystemExit(name + " can still be imported")
"""

INFERENCE = f"""
import sys
import numpy as np
import bnn_lab
from bnn_lab.errors import BnnLabError

directory = sys.argv[1]
x = np.load(directory + "/x.npy")
words = np.asarray(bnn_lab.kernels.bitpack(x))
np.testing.assert_array_equal(words, bnn_lab.reference.quantize(x))
y = bnn_lab.Interpreter(directory + "/model.tflite").predict(x)
np.testing.assert_array_equal(y, np.load(directory + "/y.npy"))

from bnn_lab.convert import export_model, import_model
content = open(directory + "/model.tflite", "rb").read()
again = bnn_lab.Interpreter(export_model(import_model(content))).predict(x)
np.testing.assert_array_equal(again, y)

import bnn_lab.bench
for convert in (bnn_lab.convert_keras_model, bnn_lab.convert.stock_tflite):
    try:
        convert(object())
    except BnnLabError as error:
        print("refused:", error)
loaded = sorted(set({ABSENT!r}) & set(sys.modules))
assert not loaded, loaded
"""


def check_refusals(output: str) -> None:
    refusals = [line for line in output.splitlines() if line.startswith("refused:")]
    assert len(refusals) == 2, output
    for line in refusals:
        assert "is not installed" in line
        assert 'Fix: pip install "bnn-lab[train]"' in line


def test_inference_where_tensorflow_cannot_be_imported(example: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", HOOK + INFERENCE, str(example)],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    check_refusals(done.stdout)


def run(command: list[str | Path], timeout: int, **options: Any) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        **options,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}"
    return done.stdout


@pytest.mark.slow
def test_wheel_with_base_dependencies_in_a_clean_venv(
    example: Path, tmp_path: Path, require_registry: None
) -> None:
    wheels = tmp_path / "wheels"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    # A build directory of its own: the default one belongs to the editable installation.
    build = f"--config-settings=build-dir={ROOT / 'build' / 'wheel'}"
    run([*pip, "wheel", "--quiet", "--no-deps", build, "-w", wheels, ROOT], 1200)
    (wheel,) = wheels.glob("bnn_lab-*.whl")
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=True)
    python = environment / "bin" / "python"
    constraints = ROOT / "requirements.lock"
    run([python, "-m", "pip", "install", "--quiet", "-c", constraints, wheel], 1200)
    installed = run([python, "-m", "pip", "list", "--format=freeze"], 120).lower()
    for package in ABSENT:
        assert f"{package.replace('_', '-')}==" not in installed.replace("_", "-")
    # From another directory: the source tree must not be found.
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    output = run([python, "-c", INFERENCE, example], 300, cwd=tmp_path, env=clean)
    check_refusals(output)
