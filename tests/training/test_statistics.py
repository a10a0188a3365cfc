from __future__ import annotations

import numpy as np
import pytest

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError
from bnn_lab.training import adjust_statistics

tf = require_tensorflow()
layers = tf.keras.layers


def network(inner: bool = False):
    norm = layers.BatchNormalization(momentum=0.99, name="norm")
    body = tf.keras.Sequential([norm, layers.Dense(2)]) if inner else norm
    return tf.keras.Sequential([tf.keras.Input((3,)), layers.Dense(4), body]), norm


@pytest.mark.parametrize("inner", [False, True])
def test_means_and_variances_are_those_of_the_images(inner: bool) -> None:
    model, norm = network(inner)
    images = np.random.default_rng(0).normal(2, 3, (400, 3)).astype(np.float32)
    before = [weight.numpy() for weight in model.trainable_weights]
    adjust_statistics(model, images, batch_size=100)
    sums = model.layers[0](images).numpy()
    np.testing.assert_allclose(norm.moving_mean, sums.mean(0), rtol=1e-4, atol=1e-4)
    batches = sums.reshape(4, 100, 4).var(1).mean(0)
    np.testing.assert_allclose(norm.moving_variance, batches, rtol=1e-3)
    assert norm.momentum == 0.99
    for weight, kept in zip(model.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(weight, kept)


def test_one_batch_for_few_images_and_the_rest_left_out() -> None:
    few, norm = network()
    images = np.random.default_rng(1).normal(0, 1, (7, 3)).astype(np.float32)
    adjust_statistics(few, images)
    np.testing.assert_allclose(norm.moving_mean, few.layers[0](images).numpy().mean(0), atol=1e-6)
    adjust_statistics(few, images, batch_size=5)
    first = few.layers[0](images[:5]).numpy().mean(0)
    np.testing.assert_allclose(norm.moving_mean, first, atol=1e-6)


def test_refusals() -> None:
    model, _ = network()
    with pytest.raises(InputError, match="needs 2 or more"):
        adjust_statistics(model, np.zeros((1, 3), np.float32))
    with pytest.raises(InputError, match="in batches of 1"):
        adjust_statistics(model, np.zeros((9, 3), np.float32), batch_size=1)
    with pytest.raises(InputError, match="has no batch normalization"):
        adjust_statistics(tf.keras.Sequential([layers.Dense(1)]), np.zeros((9, 3), np.float32))
