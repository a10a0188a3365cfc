"""bnn_lab chooses legacy Keras, or says clearly why it cannot."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**env, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_import_of_bnn_lab_first_chooses_legacy_keras():
    code = (
        "import sys, bnn_lab; assert 'tensorflow' not in sys.modules\n"
        "import tensorflow as tf, tf_keras, larq\n"
        "assert tf.keras.Model is tf_keras.Model"
    )
    assert run(code).returncode == 0


def test_tensorflow_before_bnn_lab_without_legacy_keras():
    result = run("import tensorflow; import bnn_lab")
    assert result.returncode != 0
    last = result.stderr.strip().splitlines()[-1]
    assert "LegacyKerasError: TensorFlow was imported before bnn_lab" in last
    assert "import bnn_lab first" in last


def test_setting_the_variable_too_late_is_noticed():
    code = (
        "import tensorflow as tf; tf.keras.layers\n"
        "import os; os.environ['TF_USE_LEGACY_KERAS'] = '1'\n"
        "import bnn_lab._keras as k; k.require_tensorflow()"
    )
    result = run(code)
    assert "LegacyKerasError: tf.keras is Keras 3" in result.stderr


def test_variable_set_before_tensorflow_is_fine():
    code = "import tensorflow; import bnn_lab"
    assert run(code, TF_USE_LEGACY_KERAS="1").returncode == 0


@pytest.mark.parametrize("value", ["0", "false"])
def test_variable_that_asks_for_keras_3(value):
    result = run("import bnn_lab", TF_USE_LEGACY_KERAS=value)
    assert f"LegacyKerasError: TF_USE_LEGACY_KERAS={value} asks for Keras 3" in result.stderr
