"""Models whose training went astray are refused by layer and weight."""

from __future__ import annotations

from typing import Any

import larq as lq
import numpy as np
import pytest

import bnn_lab
from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import ConversionError

tf = require_tensorflow()
layers = tf.keras.layers


class Masked(layers.Layer):
    """A layer of a user's own, in which infinity is meant."""

    def build(self, shape: Any) -> None:
        self.mask = self.add_weight(
            "mask", shape[1:], initializer=tf.keras.initializers.Constant(-np.inf)
        )

    def call(self, x: Any) -> Any:
        return tf.maximum(x, self.mask)


@pytest.fixture(scope="module")
def model() -> Any:
    conv = lq.layers.QuantConv2D(
        8, 3, input_quantizer="ste_sign", kernel_quantizer="ste_sign", name="conv"
    )
    inner = tf.keras.Sequential(
        [layers.BatchNormalization(name="norm", input_shape=(6, 6, 32)), conv], name="inner"
    )
    x = tf.keras.Input((6, 6, 32))
    return tf.keras.Model(x, layers.Dense(3, name="last")(Masked()(inner(x))))


def spoiled(model: Any, layer: str, index: int, value: float) -> Any:
    copy = tf.keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    owner = (copy.get_layer("inner") if layer != "last" else copy).get_layer(layer)
    weights = owner.get_weights()
    weights[index].flat[1] = value
    owner.set_weights(weights)
    return copy


@pytest.mark.parametrize(
    ("layer", "index", "value", "message"),
    [
        ("norm", 0, np.inf, r"'inner/norm': its weight 'gamma' holds inf at \(1,\)"),
        ("norm", 2, -np.inf, "'moving_mean' holds -inf"),
        ("norm", 3, np.nan, "'moving_variance' holds nan"),
        ("conv", 0, np.nan, r"'inner/conv': its weight 'kernel' holds nan at \(0, 0, 0, 1\)"),
        ("last", 1, np.inf, r"'last': its weight 'bias' holds inf .* Fix: train again"),
    ],
)
@pytest.mark.parametrize("convert", [bnn_lab.convert_keras_model, bnn_lab.explain])
def test_what_is_not_finite_is_named(
    model: Any, convert: Any, layer: str, index: int, value: float, message: str
) -> None:
    with pytest.raises(ConversionError, match=message):
        convert(spoiled(model, layer, index, value))


def test_an_infinite_latent_weight_has_a_sign(model: Any) -> None:
    strange = spoiled(model, "conv", 0, -np.inf)
    data = np.random.default_rng(0).normal(size=(2, 6, 6, 32)).astype(np.float32)
    got = bnn_lab.Interpreter(bnn_lab.convert_keras_model(strange)).predict(data)
    np.testing.assert_allclose(got, strange.predict(data, verbose=0), rtol=1e-5, atol=1e-4)


class Block(layers.Layer):
    """A layer of a user's own that holds others."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.conv = lq.layers.QuantConv2D(
            8, 3, input_quantizer="ste_sign", kernel_quantizer="ste_sign"
        )
        self.norm = layers.BatchNormalization(name="norm")

    def call(self, x: Any) -> Any:
        return self.norm(self.conv(x))


def test_layers_inside_a_layer_of_one_s_own() -> None:
    block = Block(name="block")
    x = tf.keras.Input((6, 6, 32))
    strange = tf.keras.Model(x, block(x))
    block.norm.gamma.assign([1, -np.inf] + [1] * 6)
    with pytest.raises(ConversionError, match=r"'block/norm': its weight 'gamma' holds -inf"):
        bnn_lab.convert_keras_model(strange)
