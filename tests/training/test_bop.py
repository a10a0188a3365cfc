from __future__ import annotations

import numpy as np
import pytest

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError
from bnn_lab.models import digits_bnn
from bnn_lab.training import binary_variables, bop_optimizer, gamma_decay, set_binary_signs

tf = require_tensorflow()
import larq as lq  # noqa: E402  (needs legacy Keras, which the line above makes sure of)


def single_layer(units: int = 4, quantizer=None):
    layer = lq.layers.QuantDense(
        units,
        kernel_quantizer=quantizer or lq.quantizers.NoOp(precision=1),
        input_shape=(3,),
        name="only",
    )
    return tf.keras.Sequential([layer], name="tiny")


def test_follows_the_papers_algorithm_step_by_step() -> None:
    gamma, threshold = 0.25, 0.125
    model = single_layer()
    set_binary_signs(model)
    kernel, bias = model.trainable_variables
    optimizer = bop_optimizer(gamma, threshold, tf.keras.optimizers.legacy.SGD(0.5))

    weights, m = kernel.numpy(), np.zeros((3, 4), np.float32)
    offset = bias.numpy()
    generator = np.random.default_rng(0)
    flips = 0
    for _ in range(40):
        gradient = generator.normal(size=(3, 4)).astype(np.float32)
        optimizer.apply_gradients([(tf.constant(gradient), kernel), (tf.ones(4), bias)])
        m += np.float32(gamma) * (gradient - m)
        flip = weights * m > threshold
        flips += int(flip.sum())
        weights = np.where(flip, -weights, weights)
        offset = offset - 0.5
        np.testing.assert_array_equal(kernel.numpy(), weights)
        np.testing.assert_allclose(bias.numpy(), offset)
    assert flips > 10


def test_defaults_are_the_papers() -> None:
    optimizer = bop_optimizer()
    bop = optimizer.optimizers[0]
    assert bop.get_config()["gamma"] == pytest.approx(1e-3)
    assert bop.get_config()["threshold"] == pytest.approx(1e-6)
    assert isinstance(optimizer.default, tf.keras.optimizers.legacy.Adam)


def test_gamma_decay_reaches_both_ends() -> None:
    schedule = gamma_decay(1e-2, 5e-4, 260)
    assert float(schedule(0)) == pytest.approx(1e-2)
    assert float(schedule(130)) == pytest.approx(np.sqrt(1e-2 * 5e-4))
    assert float(schedule(260)) == pytest.approx(5e-4)
    assert bop_optimizer(schedule).optimizers[0].get_config()["gamma"]["class_name"]


@pytest.mark.parametrize(
    "options",
    [
        {"gamma": 0.0},
        {"gamma": 1.5},
        {"gamma": -1e-3},
        {"gamma": float("nan")},
        {"gamma": "fast"},
        {"threshold": -1e-6},
        {"threshold": float("inf")},
    ],
)
def test_refuses_hyperparameters_out_of_range(options: dict) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        bop_optimizer(**options)


def test_refuses_schedules_out_of_range() -> None:
    with pytest.raises(InputError, match="end <= start"):
        gamma_decay(1e-3, 1e-2, 10)
    with pytest.raises(InputError, match="step"):
        gamma_decay(1e-2, 1e-3, 0)


def test_refuses_a_new_style_optimizer_and_names_the_legacy_one() -> None:
    with pytest.raises(InputError, match=r"tf\.keras\.optimizers\.legacy\.SGD"):
        bop_optimizer(other=tf.keras.optimizers.SGD(0.1))
    with pytest.raises(InputError, match="legacy"):
        bop_optimizer(other="adam")


def test_set_binary_signs_keeps_signs_and_leaves_float_weights() -> None:
    model = digits_bnn(64, seed=3)
    before = model.get_weights()
    count = set_binary_signs(model)
    binary = {id(variable) for variable in binary_variables(model).values()}
    changed = 0
    for variable, old in zip(model.weights, before, strict=True):
        if id(variable) in binary:
            np.testing.assert_array_equal(variable.numpy(), np.where(old < 0, -1, 1))
            changed += old.size
        else:
            np.testing.assert_array_equal(variable.numpy(), old)
    assert count == changed == 9 * (32 + 32 * 64 + 2 * 64 * 64)


def test_set_binary_signs_sets_zero_to_plus_one_and_latents_inside_a_quantized_scope() -> None:
    model = single_layer(quantizer=lq.quantizers.SteSign())
    kernel = model.get_layer("only").kernel
    kernel.assign([[0.0, -0.0, 0.3, -0.3]] * 3)
    with lq.context.quantized_scope(True):
        set_binary_signs(model)
    np.testing.assert_array_equal(kernel.latent_variable.numpy(), [[1, 1, 1, -1]] * 3)


def test_binary_variables_reaches_nested_models() -> None:
    inner = single_layer()
    outer = tf.keras.Sequential([tf.keras.Input((3,)), inner, tf.keras.layers.Dense(2)])
    assert list(binary_variables(outer)) == ["only"]


def test_names_both_kernels_of_a_separable_layer() -> None:
    layer = lq.layers.QuantSeparableConv2D(
        4,
        3,
        depthwise_quantizer=lq.quantizers.SteSign(),
        pointwise_quantizer=lq.quantizers.SteSign(),
        input_shape=(8, 8, 2),
        name="sep",
    )
    names = list(binary_variables(tf.keras.Sequential([layer])))
    assert names == ["sep/depthwise_kernel", "sep/pointwise_kernel"]


def test_errors_for_models_without_binary_weights() -> None:
    with pytest.raises(InputError, match="no trainable binary weights"):
        set_binary_signs(tf.keras.Sequential([tf.keras.layers.Dense(2, input_shape=(3,))]))
    with pytest.raises(InputError, match="not built"):
        set_binary_signs(tf.keras.Sequential([tf.keras.layers.Dense(2)]))
