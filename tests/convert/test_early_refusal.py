"""Large models without a binary layer are refused before the work; what is in doubt is not."""

from __future__ import annotations

import larq as lq
import numpy as np
import pytest

import bnn_lab
from bnn_lab._keras import require_tensorflow
from bnn_lab.compat.larq_compute_engine.mlir.python import converter as compat
from bnn_lab.convert import early_refusal, keras
from bnn_lab.convert.early_refusal import no_binary_layer
from bnn_lab.errors import InputError, NoBinaryLayerError

tf = require_tensorflow()
layers = tf.keras.layers


def network(given, kernel="ste_sign", before=None, inputs="float32"):
    x = tf.keras.Input((6, 6, 4), dtype=inputs)
    y = layers.BatchNormalization()(layers.Conv2D(8, 3)(x if inputs == "float32" else x + 0.0))
    y = layers.Activation(before)(y) if before else y
    quantizers = {"input_quantizer": given, "kernel_quantizer": kernel}
    y = lq.layers.QuantConv2D(8, 1, **quantizers, name="layer")(y)
    return tf.keras.Model(x, layers.Dense(3)(layers.Flatten()(y)), name="net")


def dorefa(bits):
    return lq.quantizers.DoReFa(k_bit=bits, mode="activations")


def in_another(layer):
    return tf.keras.Sequential([layers.Input((6, 6, 4)), layer])


REFUSED = {
    "DoReFa, 2 bits": lambda: network(dorefa(2)),
    "DoReFa, 8 bits": lambda: network(dorefa(8), before="relu"),
    "no input quantizer": lambda: network(None),
    "no quantizer at all": lambda: network(None, None),
    "a model in a model": lambda: tf.keras.Sequential(
        [layers.Input((6, 6, 4)), network(dorefa(2))]
    ),
}
# After a ReLU, -1 never comes; DoReFa's one bit is 0 or 1; zeros make a constant; and so on.
IN_DOUBT = {
    "sign": lambda: network("ste_sign"),
    "DoReFa, 1 bit": lambda: network(dorefa(1)),
    "ternary": lambda: network("ste_tern"),
    "ternary after a ReLU": lambda: network("ste_tern", before="relu"),
    "a sign before": lambda: network(dorefa(2), before=tf.sign),
    "an operator": lambda: network(dorefa(2), inputs="float64"),
    "a subclass": lambda: in_another(Kept()),
}


class Kept(layers.Conv2D):
    def __init__(self):
        super().__init__(4, 3)


@pytest.mark.parametrize("name", REFUSED)
def test_is_proved_to_have_none(name):
    model = REFUSED[name]()
    reasons = no_binary_layer(model)
    assert reasons is not None and len(reasons) == 1
    assert "layer' (QuantConv2D): its input" in reasons[0]
    with pytest.raises(NoBinaryLayerError):  # the passes say the same
        bnn_lab.convert_keras_model(model)


@pytest.mark.parametrize("name", IN_DOUBT)
def test_is_left_to_the_passes(name):
    assert no_binary_layer(IN_DOUBT[name]()) is None


def test_a_constant_is_left_to_the_passes():
    model = network(dorefa(2))
    assert no_binary_layer(model) is not None
    norm = next(layer for layer in model.layers if isinstance(layer, layers.BatchNormalization))
    norm.gamma.assign(np.zeros(8))
    norm.beta.assign(np.ones(8))
    assert no_binary_layer(model) is None


@pytest.fixture
def large(monkeypatch):
    monkeypatch.setattr(early_refusal, "LARGE", 0)
    return network(dorefa(2))


def test_nothing_is_traced(large, monkeypatch):
    monkeypatch.setattr(keras, "concrete_function", lambda model: pytest.fail("it was traced"))
    with pytest.raises(NoBinaryLayerError) as caught:
        bnn_lab.convert_keras_model(large)
    assert "'layer' (QuantConv2D): its input quantizer gives 4 values, 0, 0.333333, " in str(
        caught.value
    )
    assert "such as ste_sign" in str(caught.value)


def test_small_models_hear_the_passes_reasons():
    with pytest.raises(NoBinaryLayerError, match="DoReFa") as caught:
        bnn_lab.convert_keras_model(network(dorefa(2)))
    assert caught.value.tflite


def test_compat_makes_the_plain_file(large):
    with pytest.warns(UserWarning, match="The result is a model without binary ops"):
        file = compat.convert_keras_model(large)
    data = np.random.default_rng(0).normal(size=(2, 6, 6, 4)).astype(np.float32)
    got, want = bnn_lab.Interpreter(file).predict(data), large.predict(data, verbose=0)
    assert np.abs(got - want).max() <= 1e-4 * np.abs(want).max()


def test_int8_is_asked_for_in_vain_first(large):
    with pytest.raises(InputError, match="pass representative_dataset"):
        bnn_lab.convert_keras_model(large, inference_input_type="int8")
