"""`Interpreter` as a user meets it: files, inputs, outputs, threads, errors."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest

import bnn_lab
from bnn_lab import Interpreter, reference
from bnn_lab.errors import BackendError, InputError, ModelFileError


@pytest.fixture(scope="module")
def two_by_two(build_model, specs):
    """A file with two inputs and two outputs: x1 -> bits, x2 -> bits."""
    tensor, op = specs
    return build_model(
        {
            "first": tensor((1, 3, 33)),
            "second": tensor((1, 5)),
            "bits1": tensor((1, 3, 2), "int32"),
            "bits2": tensor((1, 1), "int32"),
        },
        [op("LceQuantize", ["first"], ["bits1"]), op("LceQuantize", ["second"], ["bits2"])],
        ["first", "second"],
        ["bits1", "bits2"],
    )


@pytest.fixture(scope="module")
def samples():
    rng = np.random.default_rng(0)
    return [
        rng.normal(size=(4, 3, 33)).astype(np.float32),
        rng.normal(size=(4, 5)).astype(np.float32),
    ]


def test_lists_in_lists_out(two_by_two, samples):
    outputs = Interpreter(two_by_two).predict(samples)
    assert isinstance(outputs, list)
    for x, y in zip(samples, outputs, strict=True):
        np.testing.assert_array_equal(y, reference.quantize(x))


def test_iterator_of_samples(two_by_two, samples):
    outputs = Interpreter(two_by_two).predict(zip(*samples, strict=True))
    for x, y in zip(samples, outputs, strict=True):
        np.testing.assert_array_equal(y, reference.quantize(x))


def test_iterator_that_uses_the_interpreter_itself(two_by_two, samples):
    """It would wait for itself if the lock were held between samples."""
    interpreter = Interpreter(two_by_two)
    failures = []

    def work() -> None:
        pairs = ([s[:1] for s in samples] for _ in range(2))
        outputs = interpreter.predict(
            [s[0] for s in pair] for pair in pairs if interpreter.predict(pair)
        )
        if not np.array_equal(outputs[0][:1], reference.quantize(samples[0][:1])):
            failures.append(1)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()
    assert not failures


@pytest.mark.parametrize(
    "change",
    [
        np.asfortranarray,
        lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
        lambda x: x[::-1][::-1],
        lambda x: np.ma.masked_array(x),
    ],
)
def test_any_memory_layout(two_by_two, samples, change):
    outputs = Interpreter(two_by_two).predict([change(x) for x in samples])
    for x, y in zip(samples, outputs, strict=True):
        np.testing.assert_array_equal(y, reference.quantize(x))


def test_two_delegates_in_one_interpreter(two_by_two, samples):
    from ai_edge_litert.interpreter import Interpreter as LiteRt

    litert = LiteRt(
        model_content=two_by_two,
        experimental_delegates=[bnn_lab.load_delegate(), bnn_lab.load_delegate()],
    )
    litert.allocate_tensors()
    for detail, x in zip(litert.get_input_details(), samples, strict=True):
        litert.set_tensor(detail["index"], x[:1])
    litert.invoke()
    got = litert.get_tensor(litert.get_output_details()[0]["index"])
    np.testing.assert_array_equal(got, reference.quantize(samples[0][:1]))


def test_progress_bar(two_by_two, samples, capfd):
    Interpreter(two_by_two).predict(samples, verbose=1)
    assert "4/4" in capfd.readouterr().err


def test_no_samples(two_by_two):
    outputs = Interpreter(two_by_two).predict(
        [np.zeros((0, 3, 33), np.float32), np.zeros((0, 5), np.float32)]
    )
    assert [y.shape for y in outputs] == [(0, 3, 2), (0, 1)]


def test_details(two_by_two):
    interpreter = Interpreter(two_by_two)
    assert interpreter.input_shapes == [(1, 3, 33), (1, 5)]
    assert interpreter.output_shapes == [(1, 3, 2), (1, 1)]
    assert interpreter.input_types == [np.float32, np.float32]
    assert interpreter.output_types == [np.int32, np.int32]
    assert interpreter.input_scales == [None, None]
    assert interpreter.output_zero_points == [None, None]


def test_quantization_details(build_model, specs):
    tensor, op = specs
    model = build_model(
        {"x": tensor((1, 32), "int8", scale=0.5, zero_point=3), "y": tensor((1, 1), "int32")},
        [op("LceQuantize", ["x"], ["y"])],
        ["x"],
        ["y"],
    )
    interpreter = Interpreter(model)
    assert interpreter.input_scales == [0.5]
    assert interpreter.input_zero_points == [3]


def test_path_and_bytes(two_by_two, samples, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(two_by_two)
    for model in (path, str(path), two_by_two, bytearray(two_by_two)):
        np.testing.assert_array_equal(
            Interpreter(model).predict(samples)[1], reference.quantize(samples[1])
        )


def test_model_with_a_fixed_batch(build_model, specs):
    tensor, op = specs
    model = build_model(
        {"x": tensor((2, 40)), "y": tensor((2, 2), "int32")},
        [op("LceQuantize", ["x"], ["y"])],
        ["x"],
        ["y"],
    )
    x = np.random.default_rng(1).normal(size=(6, 40)).astype(np.float32)
    interpreter = Interpreter(model)
    np.testing.assert_array_equal(interpreter.predict(x), reference.quantize(x))
    with pytest.raises(InputError, match="batch size is 2, which does not divide 5 samples"):
        interpreter.predict(x[:5])


def test_shared_by_threads(two_by_two, samples):
    interpreter = Interpreter(two_by_two, num_threads=2)
    expected = reference.quantize(samples[0])
    failures = []

    def work() -> None:
        for _ in range(50):
            if not np.array_equal(interpreter.predict(samples)[0], expected):
                failures.append(1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x[:1], r"has 2 inputs \('first', 'second'\), but 1 were given"),
        (
            lambda x: [x[0].astype(np.float64), x[1]],
            r"'first' must be float32, not float64.*astype",
        ),
        (lambda x: [x[0][:, :2], x[1]], r"'first' must have shape \(samples, 3, 33\)"),
        (lambda x: [x[0][0], x[1]], r"single sample needs a leading dimension"),
        (lambda x: [np.ma.masked_less(x[0], 0), x[1]], "'first' .* masked numbers.*Fix: .*filled"),
        (lambda x: iter([[x[0][0], np.ma.masked_less(x[1][0], 0)]]), "a sample has masked numbers"),
        (lambda x: [x[0], x[1][:2]], "different number of samples"),
        (lambda x: [x[0], x[1].tolist()], "'second' must be a NumPy array, not list"),
        (lambda x: "digits", "must be a NumPy array, a list of arrays or an iterator, not str"),
        (lambda x: iter([[x[0][0], x[1]]]), "'second' must have shape"),
    ],
)
def test_bad_inputs(two_by_two, samples, change, message):
    with pytest.raises(InputError, match=message):
        Interpreter(two_by_two).predict(change(samples))


def test_bad_models(two_by_two, tmp_path):
    with pytest.raises(ModelFileError, match=r"not a \.tflite model"):
        Interpreter(b"")
    with pytest.raises(ModelFileError, match=r"not a \.tflite model"):
        Interpreter(b"PK\x03\x04" + bytes(100))
    with pytest.raises(ModelFileError, match="truncated or corrupt"):
        Interpreter(two_by_two[: len(two_by_two) // 2])
    with pytest.raises(ModelFileError, match=r"cannot read .*missing.tflite: No such file"):
        Interpreter(tmp_path / "missing.tflite")
    with pytest.raises(InputError, match="must be bytes or the path"):
        Interpreter(42)


def test_corrupt_bytes_never_crash(two_by_two, tmp_path):
    """In a process of its own, because a crash is what is tested for."""
    code = """
import sys, numpy as np
from bnn_lab import Interpreter
from bnn_lab.errors import BnnLabError
good = open(sys.argv[1], "rb").read()
rng = np.random.default_rng(0)
refused = 0
for _ in range(400):
    bad = bytearray(good)
    for position in rng.integers(8, len(bad), rng.integers(1, 6)):
        bad[position] = rng.integers(256)
    try:
        Interpreter(bytes(bad))
    except BnnLabError:
        refused += 1
print("refused", refused)
"""
    path = tmp_path / "model.tflite"
    path.write_bytes(two_by_two)
    result = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert int(result.stdout.split()[-1]) > 50


def test_bad_options(two_by_two):
    with pytest.raises(BackendError, match="unknown kernel backend 'turbo'"):
        Interpreter(two_by_two, backend="turbo")
    for threads in (0, 257, -1):
        with pytest.raises(InputError, match="num_threads must lie in"):
            Interpreter(two_by_two, threads)
    for threads in (1.5, True, "2", None):
        with pytest.raises(InputError, match="num_threads must be an integer"):
            Interpreter(two_by_two, threads)
    Interpreter(two_by_two, np.int64(2))
    for option in ("fuse", "use_reference"):
        for value in ("no", 1, None):
            with pytest.raises(InputError, match=f"{option} must be True or False"):
                Interpreter(two_by_two, **{option: value})
    with pytest.raises(InputError, match="fuse must be True or False, not 'no'"):
        bnn_lab.load_delegate(fuse="no")


def test_reference_is_one_backend_only(two_by_two, samples):
    reference_run = Interpreter(two_by_two, use_reference=True).predict(samples)
    np.testing.assert_array_equal(reference_run[0], reference.quantize(samples[0]))
    with pytest.raises(InputError, match="use_reference means the scalar backend, not 'avx2'"):
        Interpreter(two_by_two, use_reference=True, backend="avx2")


def test_backend_of_the_environment(two_by_two, monkeypatch):
    monkeypatch.setenv("BNN_LAB_BACKEND", "turbo")
    with pytest.raises(BackendError, match="environment variable BNN_LAB_BACKEND"):
        Interpreter(two_by_two)


def test_delegate_in_users_own_litert_code(two_by_two, samples):
    from ai_edge_litert.interpreter import Interpreter as LiteRt

    litert = LiteRt(
        model_content=two_by_two, experimental_delegates=[bnn_lab.load_delegate(num_threads=2)]
    )
    litert.allocate_tensors()
    index = litert.get_input_details()[0]["index"]
    litert.resize_tensor_input(index, [4, 3, 33])
    litert.allocate_tensors()
    litert.set_tensor(index, samples[0])
    litert.invoke()
    got = litert.get_tensor(litert.get_output_details()[0]["index"])
    np.testing.assert_array_equal(got, reference.quantize(samples[0]))


def test_delegate_refuses_unknown_options(two_by_two):
    from ai_edge_litert.interpreter import load_delegate

    from bnn_lab.runtime import delegate_path

    for options, message in [
        ({"speed": "max"}, "unknown delegate option 'speed'"),
        ({"num_threads": "many"}, "num_threads must be 1 to 256, not 'many'"),
        ({"backend": "turbo"}, "unknown kernel backend 'turbo'"),
    ]:
        with pytest.raises(ValueError, match=message):
            load_delegate(str(delegate_path()), options)


def test_float_model_runs_too(tmp_path):
    from bnn_lab._keras import require_tensorflow

    tf = require_tensorflow()
    model = tf.keras.Sequential([tf.keras.layers.Dense(3, input_shape=(4,))])
    content = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    x = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    np.testing.assert_allclose(
        Interpreter(content).predict(x), model.predict(x, verbose=0), atol=1e-5
    )
