"""Programs written for LCE, unchanged, after one call of the opt-in alias.

Each runs in a process of its own, because the alias holds for the whole process.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

INSTALL = "import bnn_lab.compat; bnn_lab.compat.install_as_larq_compute_engine()\n"

CONVERT = """
import larq as lq
import larq_compute_engine as lce
import numpy as np
import tensorflow as tf

model = tf.keras.models.Sequential([
    lq.layers.QuantConv2D(32, 3, kernel_quantizer="ste_sign", input_shape=(16, 16, 3)),
    tf.keras.layers.BatchNormalization(),
    lq.layers.QuantConv2D(32, 3, input_quantizer="ste_sign", kernel_quantizer="ste_sign"),
    tf.keras.layers.Flatten(),
])
model.save("my_model.h5")

model = tf.keras.models.load_model("my_model.h5")
converted = lce.convert_keras_model(model)
with open("my_model.tflite", "wb") as f:
    f.write(converted)
"""

PREDICT = """
with open("my_model.tflite", "rb") as f:
    interpreter = lce.testing.Interpreter(f.read(), num_threads=2)
x = np.random.default_rng(0).normal(size=(3, 16, 16, 3)).astype(np.float32)
y = interpreter.predict(x, verbose=1)
np.testing.assert_allclose(y, model.predict(x), atol=1e-4)

from larq_compute_engine import testing
from larq_compute_engine.mlir.python.converter import convert_keras_model
from larq_compute_engine.mlir.python.util import strip_lcedequantize_ops
from larq_compute_engine.tflite.python.interpreter import Interpreter
assert Interpreter is testing.Interpreter and convert_keras_model is lce.convert_keras_model
print(lce.__name__)
"""


def run(code: str, directory: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=directory, timeout=300
    )


def test_lces_examples_run_on_bnn_lab(tmp_path: Path) -> None:
    done = run(INSTALL + INSTALL + CONVERT + PREDICT, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines()[-1] == "bnn_lab.compat.larq_compute_engine"


def test_without_the_call_lce_is_lce(tmp_path: Path) -> None:
    pytest.importorskip("larq_compute_engine")
    code = "import bnn_lab.compat.larq_compute_engine, larq_compute_engine as l; print(l.__name__)"
    done = run(code, tmp_path)
    assert done.stdout.splitlines()[-1] == "larq_compute_engine", done.stderr[-3000:]


@pytest.mark.parametrize("module", ["larq_compute_engine", "larq_compute_engine.tflite.python"])
def test_too_late(tmp_path: Path, module: str) -> None:
    pytest.importorskip("larq_compute_engine")
    done = run(f"import bnn_lab, {module}\n" + INSTALL, tmp_path)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("bnn_lab.errors.BnnLabError: larq_compute_engine")
    assert "has already been imported" in last


def test_running_needs_no_tensorflow(tmp_path: Path) -> None:
    code = INSTALL + (
        "import sys, larq_compute_engine as lce\n"
        "try: lce.testing.Interpreter(b'abc')\n"
        "except ValueError as error: print(error)\n"
        "print('tensorflow' in sys.modules)"
    )
    done = run(code, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "not a .tflite model" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"
