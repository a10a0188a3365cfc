"""Every public style of quantizer, in float and in int8: binary or float, and the true reason."""

from __future__ import annotations

import sys
from pathlib import Path

import larq as lq
import numpy as np
import pytest

import bnn_lab
from bnn_lab._keras import require_tensorflow
from bnn_lab.convert import explain
from bnn_lab.tflite.ops import ModelOps

# The documentation reads the same file, which therefore belongs to no package.
sys.path.insert(0, str(Path(__file__).parent))
import quantizer_cases
from quantizer_cases import BINARY, STYLES

tf = require_tensorflow()
layers = tf.keras.layers
# Larger than the int8 ranges' steps, and far from all thresholds' ties.
DATA = np.random.default_rng(8).normal(size=(12, 6, 6, 3)).astype(np.float32)


def made(quantizer):
    return quantizer(tf) if callable(quantizer) else quantizer


def network(given, kernel, binary_after=True):
    """A float layer, the layer in question, and another one, so that it is neither end."""
    tf.keras.utils.set_random_seed(4)
    x = tf.keras.Input((6, 6, 3))
    y = layers.BatchNormalization()(layers.Conv2D(32, 3, padding="same", name="stem")(x))
    y = lq.layers.QuantConv2D(
        16, 3, input_quantizer=made(given), kernel_quantizer=made(kernel), use_bias=False,
        name="layer",
    )(y)  # fmt: skip
    after = {"input_quantizer": "ste_sign", "kernel_quantizer": "ste_sign"} if binary_after else {}
    y = lq.layers.QuantConv2D(8, 1, name="after", **after)(layers.BatchNormalization()(y))
    model = tf.keras.Model(x, layers.Flatten()(y))
    rng = np.random.default_rng(5)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            # Sums of ±1 are often 0, whose sign a rounding would decide.
            layer.beta.assign(rng.normal(size=layer.beta.shape))
    return model


def layer_of(report):
    (found,) = [layer for layer in report.layers if layer.name == "layer"]
    return found


@pytest.mark.parametrize("int8", [False, True], ids=["float", "int8"])
@pytest.mark.parametrize("style", STYLES, ids=lambda style: f"{style.package}: {style.name}")
def test_style(style, int8):
    model = network(style.input, style.kernel)
    options = {"representative_dataset": DATA} if int8 else {}
    file, report = bnn_lab.convert_keras_model(model, report=True, **options)
    found = layer_of(report)
    assert found.verdict == style.verdict, (found.reason, found.advice)
    if style.verdict != BINARY:
        assert style.reason in found.reason
        assert found.advice
    if not int8:
        got, want = bnn_lab.Interpreter(file).predict(DATA), model.predict(DATA, verbose=0)
        # The next layer takes signs again; next to zero one may differ by rounding, which moves
        # an output by 2. Nothing else may.
        apart = np.abs(got - want)
        near = np.abs(apart - 2 * np.round(apart / 2))
        assert near.max() <= 1e-3
        assert np.mean(apart > 1e-3) <= 0.002


SPELLINGS = {
    "larq": "ste_sign",
    "QKeras": quantizer_cases.qkeras_binary,
    "choice": quantizer_cases.sign_with,
    "cast": quantizer_cases.brevitas_binary,
    "rounded": quantizer_cases.binary_connect,
    "above zero": quantizer_cases.greater_than_zero,
    "channels": quantizer_cases.react_net_sign,
}


def _three_values(spelling):
    """The sign, and 0 in a band: the sign twice, each to one side."""
    single = lq.quantizers.get(spelling) if isinstance(spelling, str) else spelling(tf)
    return lambda tf: lambda x: single(x - 0.5) + single(x + 0.5)


@pytest.mark.parametrize("int8", [False, True], ids=["float", "int8"])
@pytest.mark.parametrize("spelling", SPELLINGS)
class TestBroken:
    """Each spelling broken in each way: the reason names that, and the fix mends it."""

    def reason(self, given, kernel, int8):
        options = {"representative_dataset": DATA} if int8 else {}
        found = layer_of(explain(network(given, kernel), **options))
        assert found.verdict == "float"
        return found.reason, found.advice

    def test_kernel_is_not_binary(self, spelling, int8):
        reason, advice = self.reason(SPELLINGS[spelling], None, int8)
        assert "its filter is not binary: output channel 0 holds" in reason
        assert advice == 'use kernel_quantizer="ste_sign"'

    def test_input_is_not_quantized(self, spelling, int8):
        kernel = "ste_sign" if spelling == "channels" else SPELLINGS[spelling]
        reason, advice = self.reason(None, kernel, int8)
        assert "its input" in reason and "is not binary" in reason
        assert 'input_quantizer="ste_sign"' in advice

    def test_three_values(self, spelling, int8):
        reason, advice = self.reason(_three_values(SPELLINGS[spelling]), "ste_sign", int8)
        assert "takes 3 values" in reason
        assert "two values" in advice

    def test_wrong_zero(self, spelling, int8):
        kernel = "ste_sign" if spelling == "channels" else SPELLINGS[spelling]
        reason, advice = self.reason(quantizer_cases.plain_sign, kernel, int8)
        assert "a plain sign, which is 0 at 0" in reason
        assert "whose zero is +1" in advice


@pytest.mark.parametrize("int8", [False, True], ids=["float", "int8"])
def test_advice_against_what_costs_accuracy(int8):
    """The image and the classifier's input stay float, as in the literature."""
    tf.keras.utils.set_random_seed(4)
    x = tf.keras.Input((6, 6, 3))
    y = layers.Conv2D(32, 3, name="stem")(x)
    y = lq.layers.QuantConv2D(
        32, 3, input_quantizer="ste_sign", kernel_quantizer="ste_sign", name="binary"
    )(y)
    y = layers.Dense(10, name="classifier")(layers.Flatten()(y))
    options = {"representative_dataset": DATA} if int8 else {}
    report = explain(tf.keras.Model(x, y), **options)
    advice = {layer.name: layer.advice for layer in report.layers}
    assert "binarizing the image costs accuracy" in advice["stem"]
    assert "binarizing what a classifier reads costs accuracy" in advice["classifier"]


def test_no_refusal_is_left_that_a_later_pass_made_void():
    """Zero padding that is not SAME is refused by one pass and corrected by the next."""
    x = tf.keras.Input((9, 32))
    y = lq.layers.QuantConv1D(
        32, 3, padding="causal", input_quantizer="ste_sign", kernel_quantizer="ste_sign"
    )(x)
    trace = bnn_lab.convert.trace_keras_model(tf.keras.Model(x, y))
    assert any(outcome.makes_binary for outcome in trace.outcomes)
    assert [outcome.pass_name for outcome in trace.refused if outcome.says_why_float] == []
    assert "fold_zero_padding" not in {outcome.pass_name for outcome in trace.refused}


def steps(x):
    return tf.where(x >= 0, 1.0, -1.0)


DETOURS = {
    "x": lambda x: x + tf.stop_gradient(steps(x) - x),
    "negated": lambda x: x + tf.stop_gradient(-x + steps(x)),
    "clipped": lambda x: (
        tf.stop_gradient(steps(x) - tf.clip_by_value(x, -1.0, 1.0)) + tf.clip_by_value(x, -1.0, 1.0)
    ),
}


@pytest.mark.parametrize("name", DETOURS)
def test_a_straight_through_estimator_by_stop_gradient_is_a_sign(name):
    detour = tf.autograph.experimental.do_not_convert(DETOURS[name])

    class Conv(layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight("kernel", (3, 3, shape[-1], 16))

        def call(self, x):
            return tf.nn.conv2d(detour(x), detour(self.kernel), 1, "SAME")

    tf.keras.utils.set_random_seed(4)
    x = tf.keras.Input((6, 6, 3))
    y = layers.BatchNormalization()(layers.Conv2D(32, 3)(x))
    for layer in (Conv(name="layer"), Conv()):
        y = layers.BatchNormalization(beta_initializer=tf.keras.initializers.Constant(0.37))(
            layer(y)
        )
    model = tf.keras.Model(x, layers.Flatten()(y))
    file = bnn_lab.convert_keras_model(model)
    assert [op.kind for op in ModelOps(file).ops].count("LceBconv2d") == 2
    want = model.predict(DATA, verbose=0)
    np.testing.assert_allclose(bnn_lab.Interpreter(file).predict(DATA), want, atol=1e-4)
