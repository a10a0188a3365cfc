"""The stock converter's float and int8 files, which serve as peers."""

from __future__ import annotations

import larq as lq
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter as LiteRt

import bnn_lab
from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import stock, stock_tflite
from bnn_lab.errors import ConversionError, InputError

tf = require_tensorflow()


@pytest.fixture(scope="module")
def model():
    tf.keras.utils.set_random_seed(1)
    x = tf.keras.Input((8, 8, 3))
    y = tf.keras.layers.Conv2D(16, 3, activation="relu")(x)
    return tf.keras.Model(x, tf.keras.layers.Dense(4)(tf.keras.layers.Flatten()(y)))


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).normal(size=(16, 8, 8, 3)).astype(np.float32)


def run(model: bytes, x):
    interpreter = LiteRt(model_content=model)
    interpreter.allocate_tensors()
    (entry,), (result,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(entry["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(result["index"]), interpreter


def test_float(model, images):
    result, interpreter = run(stock_tflite(model), images[:1])
    np.testing.assert_allclose(result, model.predict(images[:1], verbose=0), atol=1e-5)
    assert {t["dtype"] for t in interpreter.get_tensor_details()} <= {np.float32, np.int32}


@pytest.mark.parametrize("form", ["array", "list", "callable"])
def test_int8(model, images, form):
    data = {
        "array": images,
        "list": [images],
        "callable": lambda: ([image[None]] for image in images),
    }[form]
    result, interpreter = run(stock_tflite(model, data), images[:1])
    want = model.predict(images[:1], verbose=0)
    assert 0 < np.abs(result - want).max() < 0.1 * np.abs(want).max()
    filters = [t for t in interpreter.get_tensor_details() if tuple(t["shape"]) == (16, 3, 3, 3)]
    assert [t["dtype"] for t in filters] == [np.int8]


def test_int8_inputs_and_outputs(model, images):
    content = stock_tflite(model, images, io_dtype="int8")
    interpreter = LiteRt(model_content=content)
    details = [*interpreter.get_input_details(), *interpreter.get_output_details()]
    assert [d["dtype"] for d in details] == [np.int8, np.int8]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {"io_dtype": "int8"}, "pass representative_data"),
        ((), {"io_dtype": "int4"}, "io_dtype is 'int4'"),
        (([],), {}, "holds no sample"),
        ((np.zeros((0, 8, 8, 3), np.float32),), {}, "at least 1"),
        (([np.zeros(3), np.zeros(3)],), {}, "the shape"),
        (("images.npy",), {}, "has the type str"),
    ],
)
def test_bad_arguments(model, arguments, options, message):
    with pytest.raises(InputError, match=message):
        stock_tflite(model, *arguments, **options)


def test_samples_of_a_wrong_shape(model):
    with pytest.raises(InputError, match=r"sample 0, .* \(1, 5, 5, 3\), .* reads \(8, 8, 3\)"):
        stock_tflite(model, np.zeros((4, 5, 5, 3), np.float32))


@pytest.mark.parametrize("int8", [False, True], ids=["float", "int8"])
def test_large_model_keeps_the_order_of_its_ends(monkeypatch, int8):
    """It goes by way of the disk, where inputs and outputs are sorted by name."""
    monkeypatch.setattr(stock, "LARGE", 0)
    tf.keras.utils.set_random_seed(2)
    names = ["zeta", "alpha/beta", "b.c"]
    inputs = [tf.keras.Input((6,), name=name) for name in names]
    joined = tf.keras.layers.Concatenate()(inputs)
    model = tf.keras.Model(
        inputs, [tf.keras.layers.Dense(3, name=f"out_{i}")(joined) for i in range(12)]
    )
    rng = np.random.default_rng(3)
    # Ranges that differ: those of another input would clip.
    data = [rng.uniform(-r, r, (16, 6)).astype(np.float32) for r in (0.01, 1, 20)]
    interpreter = bnn_lab.Interpreter(stock_tflite(model, data if int8 else None))
    assert list(interpreter.input_names) == names
    got, want = interpreter.predict(data), model.predict(data, verbose=0)
    for ours, keras in zip(got, want, strict=True):
        assert np.abs(ours - keras).max() <= (0.02 if int8 else 1e-6) * np.abs(keras).max()


DENORMALS = [-1e-40, 1e-40, -1e-45, -1.1e-38, -1.2e-38, -0.0, 0.0, -0.3, 0.3]
SIGNS = {"input_quantizer": "ste_sign", "kernel_constraint": "weight_clip", "use_bias": False}


def plain_sign(w):
    return tf.where(w >= 0, 1.0, -1.0)


@pytest.mark.parametrize("by_disk", [False, True])
def test_denormal_latent_weights_have_the_sign_that_keras_computes(monkeypatch, by_disk):
    """TensorFlow on a CPU takes them for 0, whose sign is +1; its converter would not."""
    if by_disk:
        monkeypatch.setattr(stock, "LARGE", 0)
    layers = lq.layers
    x = y = tf.keras.Input((5, 5, 32))
    y = layers.QuantConv2D(32, 3, kernel_quantizer="ste_sign", **SIGNS)(y)
    y = tf.keras.layers.BatchNormalization()(y)
    y = layers.QuantConv2D(32, 2, kernel_quantizer=plain_sign, **SIGNS)(y)
    y = tf.keras.layers.Flatten()(y)
    y = layers.QuantDense(6, kernel_quantizer="magnitude_aware_sign", **SIGNS)(y)
    model = tf.keras.Model(x, y)
    rng = np.random.default_rng(0)
    weights = [
        rng.choice(np.array(DENORMALS, np.float32), w.shape) if w.ndim > 1 else w
        for w in model.get_weights()
    ]
    model.set_weights(weights)
    data = rng.normal(size=(3, 5, 5, 32)).astype(np.float32)
    file = bnn_lab.convert_keras_model(model)
    assert len(bnn_lab.explain(model).binary_layers) == 3
    np.testing.assert_allclose(
        bnn_lab.Interpreter(file).predict(data),
        model.predict(data, verbose=0),
        rtol=1e-5,
        atol=1e-5,
    )
    for after, before in zip(model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(after.view(np.uint32), before.view(np.uint32))


def test_a_conversion_that_fails_gives_denormal_weights_back():
    variable = tf.Variable([-1e-40, 2.0])

    def call(x):
        return tf.raw_ops.Betainc(a=x + variable, b=x, x=x)  # LiteRT has no such op

    function = tf.function(call, input_signature=[tf.TensorSpec((2,), tf.float32)])
    with pytest.raises(ConversionError, match="TensorFlow's converter rejects"):
        stock_tflite(function)
    assert variable.numpy().view(np.uint32).tolist() == [0x800116C2, 0x40000000]
