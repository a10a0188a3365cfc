from __future__ import annotations

import io
import os
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

from bnn_lab import kernels
from bnn_lab.cli import demo
from bnn_lab.cli import main as cli
from bnn_lab.cli.demo import ParityError, check_parity, layer_verdicts
from bnn_lab.convert import trace_keras_model
from bnn_lab.errors import InputError


def recording() -> Console:
    return Console(file=io.StringIO(), width=120, color_system=None)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_tells_the_whole_story() -> None:
    console = recording()
    demo.run(console, epochs=2, rounds=2)
    text = printed(console)
    for heading in ("1. Data", "2. Training", "3. Conversion", "4. Same answers", "5. Latency"):
        assert heading in text
    assert "1297 training and 500 test images" in text
    assert "500 of 500 classes equal" in text
    assert kernels.active_backend() in text
    for form in (f"bnn_lab {kernels.active_backend()}", "float32 TFLite", "int8 TFLite"):
        assert f"│ {form} " in text
    assert text.count("μs") + text.count("µs") + text.count("ms") >= 9


def test_names_the_binary_layers_and_why_others_stay_float(trained_digits) -> None:
    trace = trace_keras_model(trained_digits.model, snapshots=False)
    verdicts = layer_verdicts(trace)
    assert [(layer, binary) for layer, binary, _ in verdicts] == [
        ("conv_1_float_input", False),
        ("conv_2_binary", True),
        ("conv_3_binary", True),
        ("conv_4_binary", True),
        ("classifier", False),
    ]
    assert all(reason for _, _, reason in verdicts)


def test_a_binary_layer_without_an_optimisation_is_binary() -> None:
    import larq as lq

    from bnn_lab._keras import require_tensorflow

    layers = require_tensorflow().keras.layers
    signs = {
        "input_quantizer": "ste_sign",
        "kernel_quantizer": "ste_sign",
        "kernel_constraint": "weight_clip",
    }
    # Zero padding keeps the first one from writing bits.
    x = layers.Input((8, 8, 32))
    y = lq.layers.QuantConv2D(32, 3, padding="same", name="zeros", **signs)(x)
    y = lq.layers.QuantConv2D(32, 3, name="valid", **signs)(y)
    trace = trace_keras_model(require_tensorflow().keras.Model(x, y), snapshots=False)
    refused = [o.pass_name for o in trace.outcomes if not o.applied]
    assert "emit_bits" in refused
    assert [(name, binary) for name, binary, _ in layer_verdicts(trace)] == [
        ("zeros", True),
        ("valid", True),
    ]


def test_parity_on_all_test_images(trained_digits) -> None:
    console = recording()
    model, _, data = trained_digits
    check_parity(console, model, trace_keras_model(model, snapshots=False).tflite, data)
    assert "500 of 500" in printed(console)


def test_a_wrong_model_is_not_passed_off_as_right(trained_digits) -> None:
    from bnn_lab._keras import require_tensorflow

    model, _, data = trained_digits
    tflite = trace_keras_model(model, snapshots=False).tflite
    other = require_tensorflow().keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    bias = other.get_layer("classifier").bias
    bias.assign(bias + np.eye(10, dtype=np.float32)[3] * 2e-4)  # too little to change a class
    with pytest.raises(ParityError, match="0 of 500 classes differ"):
        check_parity(recording(), other, tflite, data)


def test_bad_numbers_are_refused_before_training() -> None:
    with pytest.raises(InputError, match="num_threads"):
        demo.run(recording(), num_threads=0)


def test_errors_become_one_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(**options: int) -> None:
        raise InputError("the [bold] layer 'x' is\n  wrong. Fix: change it.")

    monkeypatch.setattr(demo, "run", fails)
    with pytest.raises(SystemExit) as stop:
        cli.main(["demo"])
    assert stop.value.code == 1
    assert capsys.readouterr().err == "error: the [bold] layer 'x' is wrong. Fix: change it.\n"


def test_options_reach_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, int] = {}
    monkeypatch.setattr(demo, "run", lambda **options: seen.update(options))
    with pytest.raises(SystemExit) as stop:
        cli.main(["demo", "--epochs", "3", "--seed", "7", "--threads", "2", "--rounds", "5"])
    assert stop.value.code == 0
    assert seen == {"epochs": 3, "seed": 7, "num_threads": 2, "rounds": 5}


@pytest.mark.parametrize(
    "command",
    [["-m", "bnn_lab.cli", "demo"], ["-c", "from bnn_lab.cli.main import main; main(['demo'])"]],
)
def test_unknown_backend_is_one_line_at_once(command: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "BNN_LAB_BACKEND": "abacus"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "abacus" in done.stderr and "Traceback" not in done.stderr
