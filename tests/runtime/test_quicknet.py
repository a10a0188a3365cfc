"""A QuickNet-like network, converted by either converter: our runtime against LCE's, bit for bit.

LCE runs with `use_xnnpack=True`, as LiteRT does: float convolutions round otherwise without it, in
LCE too. Two float ops, left out here, have other last bits in LiteRT's XNNPACK, which is newer:
softmax, and dense layers with fewer than 16 outputs.
"""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab import Interpreter, convert_keras_model, kernels
from bnn_lab._keras import require_tensorflow
from bnn_lab.models import quicknet_small
from bnn_lab.tflite.ops import ModelOps

larq_compute_engine = pytest.importorskip("larq_compute_engine")


CLASSES = 100


def make(pool, size):
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

    image = layers.Input((*size, 3))
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
    x = block(x, 256)
    x = pool(layers, x)
    model = tf.keras.Model(image, layers.Dense(CLASSES)(x))
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.2, 1, w.shape) - 0.3 for w in layer.weights[:3]]
                              + [rng.uniform(0.5, 2, layer.weights[3].shape)])  # fmt: skip
    return model


POOLS = {  # as MEAN, and as AVERAGE_POOL_2D
    "MEAN": lambda layers, x: layers.GlobalAveragePooling2D()(x),
    "AVERAGE_POOL_2D": lambda layers, x: layers.Flatten()(layers.AvgPool2D(x.shape[1:3])(x)),
}


@pytest.fixture(scope="module", params=[("MEAN", (40, 56)), ("AVERAGE_POOL_2D", (112, 112))])
def network(request):
    name, size = request.param
    return make(POOLS[name], size), size


CONVERTERS = {"bnn_lab": convert_keras_model, "LCE": larq_compute_engine.convert_keras_model}


@pytest.mark.parametrize("converter", CONVERTERS)
def test_same_logits_as_lce(network, converter):
    model, size = network
    content = CONVERTERS[converter](model)
    x = np.random.default_rng(1).normal(size=(2, *size, 3)).astype(np.float32)
    theirs = larq_compute_engine.testing.Interpreter(content, use_xnnpack=True).predict(x)
    assert np.abs(theirs - model.predict(x, verbose=0)).max() < 1e-4 * np.abs(theirs).max()
    for backend in kernels.available_backends():
        for fuse in (True, False):
            for threads in (1, 2):
                ours = Interpreter(content, threads, backend=backend, fuse=fuse).predict(x)
                np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
@pytest.mark.parametrize("converter", CONVERTERS)
def test_quicknet_small_gives_lces_logits(converter):
    require_tensorflow().keras.utils.set_random_seed(0)
    ops = ModelOps(CONVERTERS[converter](quicknet_small()))
    assert [op.kind for op in ops.ops[-2:]] == ["FULLY_CONNECTED", "SOFTMAX"]
    logits = ops.cut(range(len(ops.ops) - 1))
    x = np.random.default_rng(2).normal(size=(3, 224, 224, 3)).astype(np.float32)
    theirs = larq_compute_engine.testing.Interpreter(logits, use_xnnpack=True).predict(x)
    assert len(np.unique(theirs)) > 500
    for fuse in (True, False):
        np.testing.assert_array_equal(Interpreter(logits, fuse=fuse).predict(x), theirs)
