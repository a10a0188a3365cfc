"""The delegate inside other builds of the runtime: LiteRT's versions, and TensorFlow's TFLite.

Each runtime gets a process of its own, with the same file (LceQuantize, LceBconv2d with bits,
LceBMaxPool2d, LceBconv2d with floats) and the oracle's answer.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bnn_lab import kernels

ROOT = Path(__file__).resolve().parents[2]

# The oldest that pyproject.toml allows, the last of each minor version, the newest.
VERSIONS = ["2.1.0", "2.1.6", "2.2.0", "2.3.0"]

COMMON = """
import sys
import numpy as np
directory, backend = sys.argv[1:3]
model = open(directory + "/model.tflite", "rb").read()
x, y = (np.load(directory + "/" + name + ".npy") for name in "xy")

def check(interpreter):
    # A batch and a size other than the file's: the delegate must resize.
    source = interpreter.get_input_details()[0]["index"]
    for batch in (1, len(x)):
        interpreter.resize_tensor_input(source, [batch, *x.shape[1:]])
        interpreter.allocate_tensors()
        interpreter.set_tensor(source, x[:batch])
        for _ in range(3):
            interpreter.invoke()
            got = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
            np.testing.assert_array_equal(got, y[:batch])
"""

LITERT = (
    COMMON
    + """
import ai_edge_litert
from ai_edge_litert.interpreter import Interpreter
import bnn_lab
check(Interpreter(
    model_content=model, experimental_delegates=[bnn_lab.load_delegate(backend=backend)]
))
for threads in (1, 2):
    got = bnn_lab.Interpreter(model, num_threads=threads, backend=backend).predict(x)
    np.testing.assert_array_equal(got, y)
profile = bnn_lab.profile(model, x, backend=backend, rounds=1)
kinds = " + ".join(row.kind for row in profile.rows).split(" + ")
assert kinds == ["LceQuantize", "LceBconv2d", "LceBMaxPool2d", "LceBconv2d"], kinds
print("runtime", ai_edge_litert.__file__)
"""
)

TENSORFLOW = (
    COMMON
    + """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
import tensorflow as tf
library = sys.argv[3]
delegate = tf.lite.experimental.load_delegate(library, {"backend": backend})
check(tf.lite.Interpreter(model_content=model, experimental_delegates=[delegate]))
assert "ai_edge_litert" not in sys.modules
print("runtime", tf.__file__)
"""
)


def run(code: str, arguments: list[str | Path], python_path: Path | None = None) -> str:
    """What the process says its runtime is."""
    environment = dict(os.environ)
    if python_path is not None:
        environment["PYTHONPATH"] = str(python_path)
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.splitlines()[-1]


def install(version: str) -> Path:
    """ai-edge-litert in a directory of its own, kept for the next run."""
    target = ROOT / "build" / f"litert-{version}"
    mark = target / ".complete"  # an interrupted installation must not be used
    if not mark.exists():
        command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
        options = ["--quiet", "--no-deps", "--upgrade", "--target", str(target)]
        done = subprocess.run(
            [*command, *options, f"ai-edge-litert=={version}"],
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        mark.touch()
    return target


@pytest.mark.parametrize("version", VERSIONS)
def test_litert(version: str, example: Path, request: pytest.FixtureRequest) -> None:
    if not (ROOT / "build" / f"litert-{version}" / ".complete").exists():
        request.getfixturevalue("require_registry")
    target = install(version)
    for backend in kernels.available_backends():
        assert run(LITERT, [example, backend], target).startswith(f"runtime {target}")


def test_tensorflows_own_tflite(example: Path) -> None:
    from bnn_lab.runtime import delegate_path

    for backend in kernels.available_backends():
        output = run(TENSORFLOW, [example, backend, delegate_path()])
        assert "/tensorflow/" in output
