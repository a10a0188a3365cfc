"""`BitLinear` against the oracle, its gradients, and as a Keras layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from bnn_lab import ternary_reference as ternary
from bnn_lab.errors import InputError
from bnn_lab.models.bit_linear import MOST_INPUTS, BitLinear


def built(inputs: int, units: int, seed: int = 0, **options: Any) -> BitLinear:
    layer = BitLinear(units, name="bits", **options)
    layer.build((None, inputs))
    rng = np.random.default_rng(seed)
    layer.kernel.assign(rng.normal(size=(inputs, units)))
    if layer.bias is not None:
        layer.bias.assign(rng.normal(size=units))
    return layer


@pytest.mark.parametrize("shape", [(5, 40), (3, 7, 40), (1, 40)])
@pytest.mark.parametrize("bias", [False, True])
def test_ternary_equals_the_oracle(shape: tuple[int, ...], bias: bool) -> None:
    layer = built(40, 24, use_bias=bias)
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    trits, scale = ternary.absmean(layer.kernel.numpy())
    assert np.array_equal(layer.trits(), trits)
    offset = layer.bias.numpy() if bias else None
    expected = ternary.ternary_dense(x.reshape(-1, 40), trits.T, float(scale), offset)
    assert np.array_equal(layer(x).numpy(), expected.reshape(*shape[:-1], 24))


def test_binary_equals_the_oracle() -> None:
    layer = built(64, 8, kernel_quantizer="absmean_sign")
    layer.kernel[0, 0].assign(0.0)
    kernel = layer.kernel.numpy()
    signs = np.where(kernel < 0, -1, 1).astype(np.int8)
    assert np.array_equal(layer.trits(), signs) and signs[0, 0] == 1
    x = np.random.default_rng(1).normal(size=(3, 64)).astype(np.float32)
    expected = ternary.ternary_dense(x, signs.T, float(ternary.absmean(kernel).scale))
    assert np.array_equal(layer(x).numpy(), expected)


def test_float_is_a_dense_layer() -> None:
    layer = built(16, 4, kernel_quantizer=None)
    x = np.random.default_rng(1).normal(size=(3, 16)).astype(np.float32)
    np.testing.assert_allclose(layer(x).numpy(), x @ layer.kernel.numpy(), rtol=1e-5)
    with pytest.raises(InputError, match="'bits' is float"):
        layer.trits()


@pytest.mark.parametrize("quantizer", ["absmean_ternary", "absmean_sign"])
def test_gradients_go_straight_through(quantizer: str) -> None:
    """As if weights and activations were what they were rounded to, and rounding not there."""
    layer = built(20, 6, kernel_quantizer=quantizer)
    rng = np.random.default_rng(2)
    x = tf.constant(rng.normal(size=(4, 20)).astype(np.float32))
    weights = rng.normal(size=(4, 6)).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(layer(x) * weights)
    by_kernel, by_x = tape.gradient(loss, [layer.kernel, x])
    values, scales = ternary.absmax(x.numpy())
    rounded_x = values * scales[:, None]
    scale = ternary.absmean(layer.kernel.numpy()).scale
    np.testing.assert_allclose(by_kernel, rounded_x.T @ weights, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(by_x, weights @ (layer.trits() * scale).T, rtol=1e-4, atol=1e-5)


class Subclassed(tf.keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.up = BitLinear(12)
        self.down = BitLinear(3, kernel_quantizer="absmean_sign", use_bias=True)

    def call(self, inputs: Any) -> Any:
        return self.down(tf.nn.relu(self.up(inputs)))


def test_in_a_subclassed_model_that_trains() -> None:
    tf.keras.utils.set_random_seed(0)
    model = Subclassed()
    model.compile("adam", "mse")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 8)).astype(np.float32)
    y = x[:, :3]
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=10, verbose=0)
    assert model.evaluate(x, y, verbose=0) < before
    assert len(model.trainable_variables) == 3


def test_is_saved_and_made_again(tmp_path: Any) -> None:
    model = tf.keras.Sequential([tf.keras.Input((8,)), BitLinear(4, use_bias=True, name="bits")])
    path = tmp_path / "model.h5"
    model.save(path)
    again = tf.keras.models.load_model(path)
    x = np.ones((1, 8), np.float32)
    assert np.array_equal(again(x), model(x))
    assert again.get_layer("bits").get_config() == model.get_layer("bits").get_config()


def test_wrong_settings_are_refused() -> None:
    with pytest.raises(InputError, match="units must be at least 1"):
        BitLinear(0)
    with pytest.raises(InputError, match="one of absmean_ternary, absmean_sign, or None"):
        BitLinear(3, kernel_quantizer="ste_sign")
    for inputs in (None, MOST_INPUTS + 1):
        with pytest.raises(InputError, match="must be fixed and at most"):
            BitLinear(3).build((None, inputs))
