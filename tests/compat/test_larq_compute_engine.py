"""LCE's interface on bnn_lab, beside LCE itself."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import larq as lq
import numpy as np
import pytest

import bnn_lab.compat.larq_compute_engine as lce
from bnn_lab._keras import require_tensorflow
from bnn_lab.compat.larq_compute_engine.mlir.python.util import strip_lcedequantize_ops
from bnn_lab.errors import ConversionError, InputError, ModelFileError

tf = require_tensorflow()
layers = tf.keras.layers
SIGNS = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"}


def randomize(model: Any, seed: int) -> Any:
    """Batch norms as after training, negative scales included."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = (w.shape for w in layer.weights)
            layer.set_weights(
                [
                    rng.normal(1, 0.7, gamma),
                    rng.normal(0, 0.5, beta),
                    rng.normal(0, 3, mean),
                    rng.uniform(0.5, 30, variance),
                ]
            )
    return model


def residual(x: Any, filters: int, **options: Any) -> Any:
    y = lq.layers.QuantConv2D(
        filters, 3, padding="same", use_bias=False, **{"pad_values": 1.0, **SIGNS, **options}
    )(x)
    return layers.add([layers.BatchNormalization()(y), x])


def quicknet_like() -> Any:
    """Stem, residual binary blocks, transitions with float 1x1 convolutions."""
    image = layers.Input((64, 64, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image)
    x = layers.Activation("relu")(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.BatchNormalization()(layers.Conv2D(32, 1, use_bias=False)(x))
    for filters in (32, 64):
        if x.shape[-1] != filters:
            x = layers.Activation("relu")(x)
            x = layers.MaxPool2D(3, strides=2, padding="same")(x)
            x = layers.BatchNormalization()(layers.Conv2D(filters, 1, use_bias=False)(x))
        for _ in range(2):
            x = residual(x, filters, activation="relu")
    x = layers.GlobalAvgPool2D()(layers.Activation("relu")(x))
    return tf.keras.Model(image, layers.Dense(10)(x))


def resnet_like() -> Any:
    """Zero and one padding, with and without activation, shortcuts, a downsampling branch."""
    image = layers.Input((32, 32, 3))
    x = layers.Conv2D(32, 3, strides=2, padding="same")(image)
    x = residual(x, 32, pad_values=0.0, activation="relu")
    x = residual(x, 32, activation="relu")
    x = residual(x, 32)
    shortcut = layers.Conv2D(64, 1)(layers.AvgPool2D(2)(x))
    y = lq.layers.QuantConv2D(64, 3, strides=2, padding="same", pad_values=1.0, **SIGNS)(x)
    x = layers.add([layers.BatchNormalization()(y), shortcut])
    return tf.keras.Model(image, layers.GlobalAvgPool2D()(x))


def sequential() -> Any:
    """Binary convolutions in a row, so that bits pass between them, with pools of odd sizes."""
    return tf.keras.Sequential(
        [
            layers.Input((48, 48, 3)),
            layers.Conv2D(16, 3, strides=2, padding="same"),
            layers.BatchNormalization(),
            layers.MaxPool2D(2),
            lq.layers.QuantConv2D(32, 3, padding="same", pad_values=1.0, **SIGNS),
            layers.BatchNormalization(),
            lq.layers.QuantConv2D(32, 3, strides=2, padding="same", pad_values=1.0, **SIGNS),
            layers.BatchNormalization(),
            layers.MaxPool2D((3, 2), strides=(1, 2)),
            lq.layers.QuantConv2D(32, 3, padding="same", pad_values=1.0, **SIGNS),
            layers.BatchNormalization(),
            layers.GlobalAvgPool2D(),
        ]
    )


TOPOLOGIES = [quicknet_like, resnet_like, sequential]


@pytest.fixture(scope="module", params=TOPOLOGIES, ids=lambda build: build.__name__)
def model(request: pytest.FixtureRequest) -> Any:
    tf.keras.utils.set_random_seed(7)
    return randomize(request.param(), TOPOLOGIES.index(request.param))


@pytest.fixture(scope="module")
def real() -> Any:
    """LCE itself, where it has a wheel."""
    return pytest.importorskip("larq_compute_engine")


@pytest.fixture(scope="module")
def images(model: Any) -> np.ndarray:
    return np.random.default_rng(1).uniform(-1, 1, (4, *model.input_shape[1:])).astype(np.float32)


@pytest.mark.parametrize("reference", [False, True])
def test_topologies_equal_keras(model: Any, images: np.ndarray, reference: bool) -> None:
    ours = lce.convert_keras_model(model)
    interpreter = lce.testing.Interpreter(ours, use_reference_bconv=reference)
    got = interpreter.predict(images)
    scale = max(1.0, float(np.abs(got).max()))
    want = np.concatenate([model(image[None]).numpy() for image in images])
    np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4 * scale)


def test_topologies_equal_lce(model: Any, images: np.ndarray, real: Any) -> None:
    ours = lce.convert_keras_model(model)
    interpreter = lce.testing.Interpreter(ours)
    got = interpreter.predict(images)
    scale = max(1.0, float(np.abs(got).max()))
    peer = real.testing.Interpreter(ours)
    np.testing.assert_allclose(got, peer.predict(images), rtol=1e-5, atol=1e-5 * scale)
    for name in ("shapes", "types", "scales", "zero_points"):
        for end in ("input", "output"):
            assert getattr(interpreter, f"{end}_{name}") == getattr(peer, f"{end}_{name}")


def test_files_of_lces_converter(model: Any, images: np.ndarray, real: Any) -> None:
    theirs = real.convert_keras_model(model)
    got = lce.testing.Interpreter(theirs).predict(images)
    want = real.testing.Interpreter(theirs).predict(images)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * max(1.0, np.abs(want).max()))


def flatten_file(*shapes: tuple[int, ...]) -> bytes:
    inputs = [layers.Input(shape) for shape in shapes]
    outputs = [layers.Flatten()(x) for x in inputs]
    return tf.lite.TFLiteConverter.from_keras_model(tf.keras.Model(inputs, outputs)).convert()


@pytest.mark.parametrize("as_iterator", [False, True])
def test_one_input(as_iterator: bool, capfd: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).uniform(-1, 1, (16, 24, 24, 3)).astype(np.float32)
    interpreter = lce.testing.Interpreter(flatten_file((24, 24, 3)))
    assert interpreter.input_types == [np.float32]
    assert interpreter.output_types == [np.float32]
    assert interpreter.input_types[0].name == "float32"  # dtypes, as in LCE
    assert interpreter.input_shapes == [(1, 24, 24, 3)]
    assert interpreter.output_shapes == [(1, 24 * 24 * 3)]
    got = interpreter.predict((sample for sample in x) if as_iterator else x, 1)
    np.testing.assert_array_equal(got, x.reshape(16, -1))
    assert "16" in capfd.readouterr().err


@pytest.mark.parametrize("as_iterator", [False, True])
def test_two_inputs(as_iterator: bool) -> None:
    rng = np.random.default_rng(0)
    interpreter = lce.testing.Interpreter(flatten_file((24, 24, 2), (24, 24, 1)), num_threads=2)
    assert sorted(interpreter.input_shapes) == [(1, 24, 24, 1), (1, 24, 24, 2)]
    assert sorted(interpreter.output_shapes) == [(1, 576), (1, 1152)]
    data = [rng.normal(size=(16, *s[1:])).astype(np.float32) for s in interpreter.input_shapes]

    def samples() -> Iterator[list[np.ndarray]]:
        for pair in zip(*data, strict=True):
            yield list(pair)

    outputs = interpreter.predict(samples() if as_iterator else data)
    assert isinstance(outputs, list)
    by_width = {array.shape[1]: array for array in outputs}
    for array in data:
        flat = array.reshape(16, -1)
        np.testing.assert_array_equal(by_width[flat.shape[1]], flat)


def test_signatures_are_lces(real: Any) -> None:
    pairs = [
        (lce.convert_keras_model, real.convert_keras_model),
        (lce.convert_saved_model, real.convert_saved_model),
        (lce.testing.Interpreter, real.testing.Interpreter),
        (lce.testing.Interpreter.predict, real.testing.Interpreter.predict),
    ]
    for ours, theirs in pairs:
        a = inspect.signature(ours).parameters.values()
        b = inspect.signature(theirs).parameters.values()
        assert [(p.name, p.kind) for p in a] == [(p.name, p.kind) for p in b]
        for p, q in zip(a, b, strict=True):
            # tf.float32 without importing TensorFlow
            assert p.default == q.default or tf.as_dtype(p.default) == q.default
    assert set(real.__all__) <= set(lce.__all__)


@pytest.fixture(scope="module")
def binary_model() -> Any:
    x = layers.Input((8, 8, 32))
    y = lq.layers.QuantConv2D(40, 3, padding="same", pad_values=1, **SIGNS)(x)
    return tf.keras.Model(x, lq.quantizers.SteSign()(y))


def test_options(binary_model: Any) -> None:
    plain = lce.convert_keras_model(binary_model)
    same = lce.convert_keras_model(
        binary_model,
        inference_input_type=tf.float32,
        inference_output_type=np.float32,
        target="arm",
        experimental_default_int8_range=None,
    )
    assert same == plain
    for option, value, message in [
        ("target", "x86", r'target must be "arm" or "xcore", not \'x86\''),
        ("target", "xcore", "xcore.* is not supported"),
        ("inference_input_type", tf.uint8, "inference_input_type must be tf.float32 or tf.int8"),
        ("inference_output_type", None, "inference_output_type must be tf.float32 or tf.int8"),
    ]:
        with pytest.raises(InputError, match=message):
            lce.convert_keras_model(binary_model, **{option: value})
    with pytest.raises(TypeError):
        lce.convert_keras_model(binary_model, tf.float32)
    with pytest.raises(ValueError, match=r"expected a tf_keras model, got builtins\.str"):
        lce.convert_keras_model("./model.h5")


def test_a_float_model_keeps_float_ends_with_a_warning(binary_model: Any) -> None:
    for option in ("inference_input_type", "inference_output_type"):
        with pytest.warns(UserWarning, match=r"need an int8 model.*stay float32, as in LCE"):
            file = lce.convert_keras_model(binary_model, **{option: tf.int8})
        assert file == lce.convert_keras_model(binary_model)


def fake_quantized() -> Any:
    """As after quantization-aware training: binary convolutions between 8-bit tensors."""

    def quant(x: Any) -> Any:
        return tf.quantization.fake_quant_with_min_max_vars(x, -3.0, 3.0)

    image = layers.Input((32, 32, 3))
    x = quant(image)
    for _ in range(2):
        x = lq.layers.QuantConv2D(12, 3, strides=2, **SIGNS)(x)
        x = quant(layers.BatchNormalization()(x))
    return randomize(tf.keras.Model(image, quant(layers.GlobalAvgPool2D()(x))), 3)


@pytest.mark.parametrize("as_saved_model", [False, True])
@pytest.mark.parametrize("kind", [fake_quantized, resnet_like])
def test_int8_ends(kind: Any, as_saved_model: bool, tmp_path: Path) -> None:
    model = kind()
    if as_saved_model:
        model.save(tmp_path / "saved", save_format="tf")
    for source, target in [(tf.int8, tf.int8), (tf.float32, tf.int8), (tf.int8, tf.float32)]:
        options: dict[str, Any] = {
            "inference_input_type": source,
            "inference_output_type": target,
        }
        if kind is resnet_like:
            options["experimental_default_int8_range"] = (-6.0, 6.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if as_saved_model:
                file = lce.convert_saved_model(tmp_path / "saved", **options)
            else:
                file = lce.convert_keras_model(model, **options)
        interpreter = lce.testing.Interpreter(file)
        assert interpreter.input_types == [np.dtype(source.as_numpy_dtype)]
        assert interpreter.output_types == [np.dtype(target.as_numpy_dtype)]
        assert b"LceBconv2d" in file


def test_fake_quantized_equals_keras() -> None:
    model = fake_quantized()
    x = np.random.default_rng(0).uniform(-3, 3, (4, 32, 32, 3)).astype(np.float32)
    file = lce.convert_keras_model(model)
    got = lce.testing.Interpreter(file).predict(x)
    step = 6 / 255  # rounding may go the other way once at the end
    np.testing.assert_allclose(got, model(x).numpy(), atol=1.05 * step)


def test_fake_quantized_on_both_interpreters(real: Any) -> None:
    x = np.random.default_rng(0).uniform(-3, 3, (4, 32, 32, 3)).astype(np.float32)
    for convert in (lce.convert_keras_model, real.convert_keras_model):
        file = convert(fake_quantized())
        got = lce.testing.Interpreter(file).predict(x)
        want = real.testing.Interpreter(file).predict(x)
        np.testing.assert_allclose(got, want, atol=1.05 * 6 / 255)  # the mean may round differently


def test_made_up_range(binary_model: Any) -> None:
    with pytest.warns(UserWarning, match="latency tests only"):
        lce.convert_keras_model(resnet_like(), experimental_default_int8_range=(-6, 6))
    for bad in ((6, -6), (1,), 3, ("a", "b")):
        with pytest.raises(InputError, match="min < max"):
            lce.convert_keras_model(binary_model, experimental_default_int8_range=bad)


@pytest.mark.parametrize("form", ["keras", "saved model", "int8 range"])
def test_a_model_without_binary_layer_is_converted_with_a_warning(
    form: str, tmp_path: Path
) -> None:
    x = layers.Input((4,))
    model = tf.keras.Model(x, layers.Dense(3)(x))
    options = {"experimental_default_int8_range": (-1, 1)} if form == "int8 range" else {}
    with pytest.warns(UserWarning, match="a model without binary ops"):
        if form == "saved model":
            model.save(tmp_path / "saved", save_format="tf")
            file = lce.convert_saved_model(tmp_path / "saved")
        else:
            file = lce.convert_keras_model(model, **options)
    data = np.full((2, 4), 0.5, np.float32)
    got = lce.testing.Interpreter(file).predict(data)
    np.testing.assert_allclose(got, model(data).numpy(), atol=0.1 if options else 1e-5)


def test_saved_model(binary_model: Any, tmp_path: Path) -> None:
    binary_model.save(tmp_path / "saved", save_format="tf")
    x = np.random.default_rng(2).normal(size=(2, 8, 8, 32)).astype(np.float32)
    got = lce.testing.Interpreter(lce.convert_saved_model(tmp_path / "saved")).predict(x)
    np.testing.assert_array_equal(got, binary_model(x).numpy())
    with pytest.raises(InputError, match="is not a SavedModel"):
        lce.convert_saved_model(tmp_path)


def test_indirect_bgemm_warns_and_changes_nothing(binary_model: Any) -> None:
    file = lce.convert_keras_model(binary_model)
    x = np.random.default_rng(2).normal(size=(2, 8, 8, 32)).astype(np.float32)
    with pytest.warns(UserWarning, match="use_indirect_bgemm has no effect"):
        indirect = lce.testing.Interpreter(file, use_indirect_bgemm=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = lce.testing.Interpreter(file, use_xnnpack=True)
    np.testing.assert_array_equal(indirect.predict(x), plain.predict(x))


def test_bad_files() -> None:
    with pytest.raises(ModelFileError, match=r"not a \.tflite model"):
        lce.testing.Interpreter(b"abc")


def test_strip_lcedequantize(binary_model: Any) -> None:
    file = lce.convert_keras_model(binary_model)
    x = np.random.default_rng(2).normal(size=(2, 8, 8, 32)).astype(np.float32)
    stripped = lce.testing.Interpreter(strip_lcedequantize_ops(file))
    assert stripped.output_types == [np.int32]
    assert stripped.output_shapes == [(1, 8, 8, 2)]
    words = stripped.predict(x)
    bits = np.unpackbits(words.view(np.uint8), axis=-1, bitorder="little")[..., :40]
    signs = lce.testing.Interpreter(file).predict(x)
    np.testing.assert_array_equal(1 - 2.0 * bits, signs)


def test_strip_lcedequantize_equals_lces(binary_model: Any, real: Any) -> None:
    from larq_compute_engine.mlir.python.util import strip_lcedequantize_ops as theirs

    file = lce.convert_keras_model(binary_model)
    x = np.random.default_rng(2).normal(size=(2, 8, 8, 32)).astype(np.float32)
    words = lce.testing.Interpreter(strip_lcedequantize_ops(file)).predict(x)
    np.testing.assert_array_equal(words, real.testing.Interpreter(theirs(file)).predict(x))


def test_strip_refuses_what_has_no_bits() -> None:
    with pytest.raises(InputError, match="no output of the model comes from"):
        strip_lcedequantize_ops(flatten_file((4, 4, 2)))


def test_mixed_precision_is_refused() -> None:
    x = layers.Input((8, 8, 32))
    y = lq.layers.QuantConv2D(8, 3, dtype=tf.keras.mixed_precision.Policy("mixed_float16"))(x)
    with pytest.raises(ConversionError, match="mixed_float16"):
        lce.convert_keras_model(tf.keras.Model(x, y))
