"""Networks since 2019, in small: layers, training, files."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import bnn_lab
from bnn_lab import models
from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import convert_keras_model
from bnn_lab.errors import InputError
from bnn_lab.models.densenet import binary_densenet
from bnn_lab.tflite.ops import ModelOps
from bnn_lab.training import binary_variables, bop_optimizer

tf = require_tensorflow()
import larq as lq  # noqa: E402  (needs legacy Keras, which the line above makes sure of)

SHAPE = (16, 16, 3)
SMALL = {
    # A block of each kind: as many channels, twice as many, twice as many and half the size.
    "reactnet_a": lambda latent=True: models.reactnet_a(
        SHAPE, 10, channels=(16, 32, 32, 64), latent_weights=latent
    ),
    "resnet_e18": lambda latent=True: models.resnet_e18(
        SHAPE, 10, filters=16, blocks=(1, 2), latent_weights=latent
    ),
    "binary_resnet20": lambda latent=True: models.binary_resnet20(
        SHAPE, 10, blocks=(1, 1), quantizers="recu" if latent else "sign", latent_weights=latent
    ),
    "binary_densenet37_dilated": lambda latent=True: binary_densenet(
        SHAPE, 10, (1, 1, 1), (2.0, 2.0), dilations=(1, 1, 2), latent_weights=latent
    ),
}
BINARY_LAYERS = {
    "reactnet_a": 8,
    "resnet_e18": 3,
    "binary_resnet20": 4,
    "binary_densenet37_dilated": 3,
}


def randomize(model: Any) -> None:
    """Weights as after training: statistics of what a layer sees, learned shifts of both signs."""
    generator = np.random.default_rng(11)
    for layer in model.layers:
        for weight in layer.weights:
            kind, shape = weight.name.rpartition("/")[2].partition(":")[0], weight.shape
            if kind in ("shift", "before", "after", "beta"):
                weight.assign(generator.normal(0, 0.3, shape))
            elif kind == "moving_mean":
                weight.assign(generator.normal(size=shape))
            elif kind == "moving_variance":
                weight.assign(generator.uniform(0.5, 30, shape))
            elif kind in ("gamma", "slope"):
                weight.assign(generator.uniform(-0.5, 1.5, shape))


def before_signs(model: Any) -> Any:
    """Model of the values whose signs are taken."""
    values = []
    for layer in model.layers:
        if hasattr(layer, "shift"):
            values.append(layer.input + layer.shift)
        elif getattr(layer, "input_quantizer", None) and "r_sign" not in layer.input.name:
            values.append(layer.input)
    return tf.keras.Model(model.inputs, values)


@pytest.mark.parametrize("name", SMALL)
def test_every_binary_layer_is_ours_and_the_file_gives_kerass_answer(name) -> None:
    tf.keras.utils.set_random_seed(5)
    model = SMALL[name]()
    randomize(model)
    binary = [
        layer.name
        for layer in lq.models.ModelProfile(model).layer_profiles
        if layer.op_count("mac", 1)
    ]
    assert len(binary) == BINARY_LAYERS[name]
    file = convert_keras_model(model)
    ops = Counter(op.kind for op in ModelOps(file).ops)
    assert ops["LceBconv2d"] == len(binary) and ops["LceQuantize"] <= len(binary), ops
    images = np.random.default_rng(3).standard_normal((192, *SHAPE)).astype(np.float32)
    values = [value.numpy() for value in before_signs(model)(images)]
    decided = np.ones(len(images), bool)
    for value in values:
        near = np.abs(value) <= 8e-6 * np.abs(value).max()
        decided &= ~near.reshape(len(images), -1).any(axis=1)
    assert decided.sum() >= 4
    found = bnn_lab.Interpreter(file).predict(images[decided])
    np.testing.assert_allclose(
        found, model.predict(images[decided], verbose=0), rtol=1e-4, atol=1e-6
    )


@pytest.mark.parametrize("latent", [True, False], ids=["latent", "bop"])
def test_reactnet_learns_a_batch(latent) -> None:
    tf.keras.utils.set_random_seed(0)
    model = SMALL["reactnet_a"](latent)
    assert len(binary_variables(model)) == 8
    adam = tf.keras.optimizers.legacy.Adam(0.01)
    optimizer = adam if latent else bop_optimizer(0.05, 1e-7, adam, model=model)
    model.compile(optimizer, tf.keras.losses.SparseCategoricalCrossentropy())
    x = np.random.default_rng(0).standard_normal((16, *SHAPE)).astype(np.float32)
    losses = model.fit(x, np.arange(16) % 4, epochs=8, batch_size=16, verbose=0).history["loss"]
    assert min(losses[4:]) < 0.7 * losses[0], losses
    moved = [np.abs(layer.shift.numpy()).max() for layer in model.layers if hasattr(layer, "shift")]
    assert len(moved) == 6 and min(moved) > 0


def test_rsign_and_rprelu_are_the_papers() -> None:
    x = tf.constant([[-2.0, -0.5, 0.0, 0.4, 3.0]])
    sign, act = models.rsign(), models.rprelu()
    sign.build(x.shape)
    act.build(x.shape)
    sign.shift.assign([0.0, 0.5, -0.1, -0.5, 0.0])
    act.before.assign([0.0, -1.0, 1.0, 0.0, 1.0])
    act.after.assign([0.0, 0.0, 0.5, 0.0, 1.0])
    act.slope.assign([0.25, 0.25, 0.5, 0.25, 0.25])
    with tf.GradientTape() as tape:
        tape.watch(x)
        signs = sign(x)
    np.testing.assert_array_equal(signs, [[-1, 1, -1, -1, 1]])  # 0 is +1
    np.testing.assert_allclose(tape.gradient(signs, x), [[0, 2, 1.8, 1.8, 0]], rtol=1e-6)
    np.testing.assert_allclose(act(x), [[-0.5, 0.5, 0.0, 0.4, 3.0]])


def test_reactnets_kernels_pass_the_gradient_on() -> None:
    w = tf.constant([[0.5, -2.0], [-0.25, 0.5]])
    quantizer = models.filter_mean_sign()
    with tf.GradientTape() as tape:
        tape.watch(w)
        values = quantizer(w)
    np.testing.assert_allclose(values, [[0.375, -1.25], [-0.375, 1.25]])
    np.testing.assert_array_equal(tape.gradient(values, w), [[1, 0], [1, 1]])


def test_layers_are_saved_and_loaded(tmp_path) -> None:
    model = SMALL["reactnet_a"]()
    randomize(model)
    model.save(str(tmp_path / "net.keras"))
    again = tf.keras.models.load_model(str(tmp_path / "net.keras"), compile=False)
    image = np.ones((1, *SHAPE), np.float32)
    np.testing.assert_array_equal(again.predict(image, verbose=0), model.predict(image, verbose=0))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: models.reactnet_a(channels=(32,)), "at least two"),
        (lambda: models.reactnet_a(channels=(32, 96)), "twice as many"),
        (lambda: models.reactnet_a((48, 48, 3)), "multiples of 32"),
        (lambda: models.resnet_e18(blocks=(1, 0)), "at least 1"),
        (lambda: binary_densenet(SHAPE, 10, (1, 1), (2.0,), dilations=(1,)), "dilations"),
    ],
)
def test_bad_arguments_are_refused(make, words: str) -> None:
    with pytest.raises(InputError, match=words):
        make()
