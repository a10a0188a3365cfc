"""A QuickNet-like network, converted by either converter: our runtime against LCE's, bit for bit.

Compared before the global average: its float sum is LiteRT's, whose version differs from LCE's.
"""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab import Interpreter, convert_keras_model, kernels
from bnn_lab._keras import require_tensorflow

larq_compute_engine = pytest.importorskip("larq_compute_engine")


@pytest.fixture(scope="module")
def model():
    tf = require_tensorflow()
    import larq as lq

    layers = tf.keras.layers
    tf.keras.utils.set_random_seed(0)

    def block(x, filters):
        y = lq.layers.QuantConv2D(
            filters,
            3,
            activation="relu",
            input_quantizer="ste_sign",
            kernel_quantizer="ste_sign",
            kernel_constraint="weight_clip",
            padding="same",
            pad_values=1.0,
            use_bias=False,
        )(x)
        return layers.Add()([x, layers.BatchNormalization()(y)])

    image = layers.Input((40, 40, 3))
    x = layers.Conv2D(32, 3, 2, padding="same", activation="relu")(image)
    x = layers.BatchNormalization()(x)
    for filters in (32, 64, 128):
        for _ in range(3):
            x = block(x, filters)
        x = layers.Activation("relu")(x)
        x = layers.MaxPool2D(3, 1, padding="same")(x)
        x = layers.DepthwiseConv2D(3, 2, padding="same", use_bias=False)(x)
        x = layers.Conv2D(2 * filters, 1, use_bias=False)(x)
        x = layers.BatchNormalization()(x)
    model = tf.keras.Model(image, block(x, 256))
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.2, 1, w.shape) - 0.3 for w in layer.weights[:3]]
                              + [rng.uniform(0.5, 2, layer.weights[3].shape)])  # fmt: skip
    return model


@pytest.mark.parametrize("converter", ["bnn_lab", "LCE"])
def test_same_bits_as_lce(model, converter):
    convert = convert_keras_model if converter == "bnn_lab" else None
    content = (convert or larq_compute_engine.convert_keras_model)(model)
    x = np.random.default_rng(1).normal(size=(3, 40, 40, 3)).astype(np.float32)
    theirs = larq_compute_engine.testing.Interpreter(content, use_xnnpack=True).predict(x)
    assert np.abs(theirs - model.predict(x, verbose=0)).max() < 1e-4 * np.abs(theirs).max()
    for backend in kernels.available_backends():
        for fuse in (True, False):
            for threads in (1, 2):
                ours = Interpreter(content, threads, backend=backend, fuse=fuse).predict(x)
                np.testing.assert_array_equal(ours, theirs)
