"""IR-Net's and ReCU's quantizers: formulas, gradients, files, and what the recorder sees."""

from __future__ import annotations

import math

import numpy as np
import pytest

import bnn_lab
from bnn_lab import models
from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError
from bnn_lab.tflite.ops import ModelOps
from bnn_lab.training import FlipRecorder, QuantizerSchedule
from bnn_lab.training.bop import binary_variables, negative

tf = require_tensorflow()
import larq as lq  # noqa: E402  (needs legacy Keras, which the line above makes sure of)

RNG = np.random.default_rng(3)
# Means far from 0, so that centring changes signs; filters of very different spread.
WEIGHTS = (RNG.normal(0.3, 1, (3, 3, 5, 4)) * [0.01, 0.2, 1, 30]).astype(np.float32)


def gradient(quantizer, w, weight):
    """Of sum(weight * quantizer(w))."""
    x = tf.constant(w)
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(quantizer(x) * weight)
    return tape.gradient(total, x).numpy()


def standardised(w, epsilon):
    """In float64: centred, and divided by the deviation of each filter."""
    flat = w.reshape(-1, w.shape[-1]).astype(np.float64)
    centred = flat - flat.mean(axis=0)
    return centred, np.sqrt(centred.var(axis=0, ddof=1) + epsilon)


def through(direct, centred, spread):
    """Chain rule: the gradient of centred / spread, given that of the result; (N, filters)."""
    count = len(centred)
    v = centred / spread
    # d spread / d centred = centred / ((N - 1) spread); then minus the mean, for the centring.
    per = direct / spread - centred * (direct * v).sum(axis=0) / ((count - 1) * spread**2)
    return per - per.mean(axis=0)


@pytest.mark.parametrize("progress", [0.0, 0.4, 1.0])
def test_libra_is_the_papers_formula(progress) -> None:
    quantizer = models.libra_sign()
    quantizer.set_progress(progress)
    t = 1e-3 * 10 ** (4 * progress)
    k = max(1.0, 1 / t)
    assert float(quantizer.value) == pytest.approx(t, rel=1e-5)
    centred, spread = standardised(WEIGHTS, 0)
    v = centred / spread
    scale = 2.0 ** np.round(np.log2(np.abs(v).mean(axis=0)))
    values = np.asarray(quantizer(WEIGHTS)).reshape(-1, 4)
    np.testing.assert_array_equal(values, np.where(v >= 0, 1, -1) * scale)
    assert (values < 0).sum() != (WEIGHTS < 0).sum()  # centring has changed signs
    weight = RNG.normal(size=WEIGHTS.shape).astype(np.float32)
    direct = weight.reshape(-1, 4) * scale * k * t * (1 - np.tanh(t * v) ** 2)
    got = gradient(quantizer, WEIGHTS, weight).reshape(-1, 4)
    want = through(direct, centred, spread)
    most = np.abs(want).max(axis=0)
    np.testing.assert_allclose(got / most, want / most, rtol=2e-3, atol=2e-5)


@pytest.mark.parametrize("progress", [0.0, 0.5, 1.0])
def test_recu_is_the_papers_formula(progress) -> None:
    quantizer = models.recu_sign()
    quantizer.set_progress(progress)
    tau = 0.85 + 0.14 * (math.exp(progress) - 1) / (math.e - 1)
    assert float(quantizer.value) == pytest.approx(tau, rel=1e-6)
    centred, spread = standardised(WEIGHTS, 1e-5)
    spread = spread / (2 * math.sqrt(2))
    v = centred / spread
    np.testing.assert_array_equal(
        np.asarray(quantizer(WEIGHTS)).reshape(-1, 4), np.where(v >= 0, 1, -1)
    )
    bound = -np.abs(v).mean() * math.log(2 - 2 * tau)
    alive = np.abs(v) <= bound
    assert 0.6 < alive.mean() <= 1 and (alive.all() == (progress == 1))
    weight = RNG.normal(size=WEIGHTS.shape).astype(np.float32)
    direct = weight.reshape(-1, 4) * alive
    got = gradient(quantizer, WEIGHTS, weight).reshape(-1, 4)
    # The epsilon of 1e-5 counts in the filter of small weights, hence no `through`.
    want = numeric(direct, WEIGHTS.reshape(-1, 4).astype(np.float64))
    most = np.abs(want).max(axis=0)
    np.testing.assert_allclose(got / most, want / most, rtol=2e-3, atol=2e-5)


def numeric(direct, flat, step=1e-6):
    """Gradient of sum(direct * standardised weights), by differences."""
    found = np.zeros_like(flat)
    for index in np.ndindex(flat.shape):
        ends = []
        for sign in (1, -1):
            moved = flat.copy()
            moved[index] += sign * step
            centred, spread = standardised(moved, 1e-5)
            ends.append((direct * centred / spread * 2 * math.sqrt(2)).sum())
        found[index] = (ends[0] - ends[1]) / (2 * step)
    return found


def test_ede_is_a_sign_with_a_gradient_that_sharpens() -> None:
    x = np.array([-2.0, -0.1, 0.0, 0.05, 2.0], np.float32)
    quantizer = models.ede_sign(0.01, 10)
    np.testing.assert_array_equal(quantizer(x), [-1, -1, 1, 1, 1])
    ones = np.ones_like(x)
    np.testing.assert_allclose(gradient(quantizer, x, ones), ones, rtol=1e-3)
    quantizer.set_progress(1.0)
    np.testing.assert_allclose(
        gradient(quantizer, x, ones), 10 * (1 - np.tanh(10 * x) ** 2), rtol=1e-4, atol=1e-6
    )


def test_recus_signs_of_inputs_have_the_gradient_of_inputs_of_one_spread() -> None:
    x = (RNG.normal(0.4, 1, (3, 4, 4, 2)) * [[[[0.3]]], [[[1]]], [[[20]]]]).astype(np.float32)
    weight = RNG.normal(size=x.shape).astype(np.float32)
    np.testing.assert_array_equal(models.recu_input_sign()(x), np.where(x >= 0, 1, -1))
    scaled = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(scaled)
        variance = tf.math.reduce_variance(scaled, axis=(1, 2, 3), keepdims=True) * 32 / 31
        signs = lq.quantizers.ApproxSign()(scaled / tf.sqrt(variance + 1e-5))
        total = tf.reduce_sum(signs * weight)
    want = tape.gradient(total, scaled)
    assert np.count_nonzero(want) == want.numpy().size  # the spread is every value's
    np.testing.assert_allclose(
        gradient(models.recu_input_sign(), x, weight), want, rtol=1e-4, atol=1e-5
    )


def test_a_clamp_at_one_lets_all_pass() -> None:
    v = gradient(models.recu_sign(1, 1), WEIGHTS, WEIGHTS)
    assert np.isfinite(v).all() and np.count_nonzero(v) == v.size


def test_filters_of_equal_weights_stay_finite() -> None:
    same = np.full((3, 3, 2, 4), 0.7, np.float32)
    for quantizer in (models.libra_sign(), models.recu_sign()):
        values = np.asarray(quantizer(same))
        assert np.isfinite(values).all() and (values > 0).all()
        assert np.isfinite(gradient(quantizer, same, same)).all()


def network(kernel, scale: bool = False):
    layers = tf.keras.layers
    tf.keras.utils.set_random_seed(2)
    made = [tf.keras.Input((6, 6, 32))]
    for number in (1, 2):
        layer = lq.layers.QuantConv2D(
            16,
            3,
            padding="same",
            pad_values=1.0,
            use_bias=False,
            input_quantizer=models.ede_sign(),
            kernel_quantizer=kernel(),
            name=f"conv_{number}",
        )
        made += [layer, *([models.channel_scale()] if scale else []), layers.BatchNormalization()]
    model = tf.keras.Sequential([*made, layers.Flatten(), layers.Dense(3)])
    for layer in model.layers:
        if hasattr(layer, "beta"):  # sums of ±1 are often 0, whose sign a rounding would decide
            layer.beta.assign(RNG.normal(size=layer.beta.shape))
    return model


CASES = {"IR-Net": (models.libra_sign, False), "ReCU": (models.recu_sign, True)}


@pytest.mark.parametrize("name", CASES)
def test_a_network_trains_is_saved_and_converts(name, tmp_path) -> None:
    kernel, scale = CASES[name]
    model = network(kernel, scale)
    before = {key: negative(value) for key, value in binary_variables(model).items()}
    seen = FlipRecorder()
    x = RNG.normal(size=(32, 6, 6, 32)).astype(np.float32)
    model.compile(
        tf.keras.optimizers.legacy.Adam(0.02),
        tf.keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(
        x, np.arange(32) % 3, epochs=2, batch_size=16, verbose=0,
        callbacks=[QuantizerSchedule(4), seen],
    )  # fmt: skip
    # A weight is -1 where its centred latent is; in each step as in the forward pass.
    for key, variable in binary_variables(model).items():
        forward = np.asarray(variable.quantizer(variable.latent_variable)) < 0
        np.testing.assert_array_equal(negative(variable), forward)
        turned = (negative(variable) != before[key]).sum()
        assert 0 < turned <= sum(seen.step_flips[key])
        assert turned % 2 == sum(seen.step_flips[key]) % 2
    layer = model.get_layer("conv_1")
    assert float(layer.kernel_quantizer.value) == pytest.approx(layer.kernel_quantizer.at(0.25))
    assert float(layer.input_quantizer.value) == pytest.approx(1e-2)
    want = model.predict(x, verbose=0)
    for ending in ("keras", "h5"):
        path = str(tmp_path / f"net.{ending}")
        model.save(path)
        again = tf.keras.models.load_model(path, compile=False)
        np.testing.assert_array_equal(again.predict(x, verbose=0), want)
        loaded = again.get_layer("conv_1").kernel_quantizer
        assert float(loaded.value) == float(layer.kernel_quantizer.value)
        assert loaded.get_config() == layer.kernel_quantizer.get_config()
    file = bnn_lab.convert_keras_model(model)
    ops = [op.kind for op in ModelOps(file).ops]
    assert ops.count("LceBconv2d") == 2 and "MUL" not in ops, ops
    np.testing.assert_allclose(bnn_lab.Interpreter(file).predict(x), want, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: models.ede_sign(0.0), "0 < t_min"),
        (lambda: models.libra_sign(2.0, 1.0), "t_min <= t_max"),
        (lambda: models.recu_sign(0.5), "0.5 < tau_min"),
        (lambda: models.recu_sign(0.9, 1.1), "tau_max <= 1"),
        (lambda: models.libra_sign()(np.ones((1, 4), np.float32)), "has one weight"),
        (lambda: models.recu_sign()(np.ones((1, 1, 1, 4), np.float32)), "has one weight"),
        (lambda: QuantizerSchedule(0), "at least 1"),
    ],
)
def test_bad_arguments_are_refused(make, words) -> None:
    with pytest.raises(InputError, match=words):
        make()


def test_a_schedule_without_anything_to_set_says_so() -> None:
    callback = QuantizerSchedule(1)
    callback.set_model(tf.keras.Sequential([tf.keras.Input((2,)), tf.keras.layers.Dense(1)]))
    with pytest.raises(InputError, match="no quantizer that changes"):
        callback.on_train_begin()
