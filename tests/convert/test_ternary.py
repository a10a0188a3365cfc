"""`BitLinear` layers to lq.TernaryDense: the same bits, and reasons where it cannot be."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

import bnn_lab
from bnn_lab.convert.keras import trace_keras_model
from bnn_lab.convert.pipeline import make_pipeline
from bnn_lab.errors import InputError, NoBinaryLayerError
from bnn_lab.models.bit_linear import BitLinear, absmax_int8, absmean_ternary
from bnn_lab.models.char_transformer import CharTransformer
from bnn_lab.tflite.ops import ModelOps

CODE = "BnnLabTernaryDense"


def kinds_of(content: bytes) -> list[str]:
    return [op.kind for op in ModelOps(content).ops]


def randomize(model: Any) -> Any:
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    return model


@pytest.fixture(scope="module")
def model() -> Any:
    return randomize(
        tf.keras.Sequential(
            [
                tf.keras.Input((5, 40)),
                BitLinear(24, use_bias=True, name="first"),
                tf.keras.layers.ReLU(),
                BitLinear(33, kernel_quantizer="absmean_sign", name="second"),
                tf.keras.layers.GlobalAveragePooling1D(),
                BitLinear(6, name="third"),
                tf.keras.layers.Dense(3, name="head"),
            ]
        )
    )


@pytest.fixture(scope="module")
def converted(model: Any) -> tuple[bytes, Any]:
    return bnn_lab.convert_keras_model(model, lce_compatible=False, report=True)


def test_each_layer_becomes_one_op_and_gives_the_same_bits(model: Any, converted: Any) -> None:
    content, _ = converted
    assert kinds_of(content).count(CODE) == 3
    assert kinds_of(content).count("FULLY_CONNECTED") == 1
    x = np.random.default_rng(1).normal(size=(4, 5, 40)).astype(np.float32)
    with pytest.raises(NoBinaryLayerError) as refused:
        bnn_lab.convert_keras_model(model)
    stock = refused.value.tflite
    assert stock is not None and CODE not in kinds_of(stock)
    got = bnn_lab.Interpreter(content).predict(x)
    np.testing.assert_array_equal(got, bnn_lab.Interpreter(stock).predict(x))
    np.testing.assert_allclose(got, model(x), rtol=1e-4, atol=1e-4)


def test_five_weights_in_a_byte_make_a_smaller_file_of_the_same_bits(
    model: Any, converted: Any
) -> None:
    content, report = bnn_lab.convert_keras_model(
        model, lce_compatible=False, trits_per_byte=5, report=True
    )
    first = next(layer for layer in report.layers if layer.name == "first")
    assert first.file_bytes == 24 * 8 + 4
    x = np.random.default_rng(2).normal(size=(2, 5, 40)).astype(np.float32)
    for backend in bnn_lab.kernels.available_backends():
        got = bnn_lab.Interpreter(content, backend=backend).predict(x)
        np.testing.assert_array_equal(got, bnn_lab.Interpreter(converted[0]).predict(x))


@pytest.mark.parametrize("wrong", [3, 6, 4.5, True, "5", None])
def test_other_numbers_in_a_byte_are_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match="trits_per_byte must be 4 or 5, not"):
        make_pipeline(trits_per_byte=wrong)


def test_the_report_names_each_layer(converted: Any) -> None:
    content, report = converted
    assert report.ternary_layers == ["first", "second", "third"]
    layers = {layer.name: layer for layer in report.layers}
    first = layers["first"]
    assert first.macs_ternary == 5 * 40 * 24 and first.macs_float == first.macs_binary == 0
    assert first.file_bytes == 24 * 10 + 4  # codes and scale; the ReLU took the bias
    assert layers["head"].verdict == "float"
    assert sum(layer.file_bytes for layer in report.layers) < len(content)
    assert "3 ternary ones" in str(report)
    total = 5 * 40 * 24 + 5 * 24 * 33 + 33 * 6
    assert sum(layer.macs_ternary for layer in report.layers) == total


def test_the_switch_leaves_it_float_and_says_so(model: Any) -> None:
    report = bnn_lab.explain(model)
    for name in ("first", "second", "third"):
        assert "LCE has no op for it" in report.float_layers[name]
    advice = {layer.name: layer.advice for layer in report.layers}
    assert advice["first"].startswith("pass lce_compatible=False")


class Formula(tf.keras.layers.Layer):  # type: ignore[misc]
    """`BitLinear` written by hand, with one thing changed."""

    def __init__(self, change: Callable[..., Any]) -> None:
        super().__init__(name="formula")
        self.change = change

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(name="kernel", shape=(shape[-1], 8))

    def call(self, x: Any) -> Any:
        trits, scale = absmean_ternary(self.kernel)
        return self.change(x, trits, scale)


def plain(x: Any, trits: Any, scale: Any) -> Any:
    values, largest = absmax_int8(x)
    return tf.matmul(values, trits) * (largest * np.float32(1 / 127) * scale)


def other_bits(x: Any, trits: Any, scale: Any) -> Any:
    largest = tf.maximum(tf.reduce_max(tf.abs(x), -1, keepdims=True), 1e-5)
    return tf.matmul(tf.round(x * (7.0 / largest)), trits) * (largest * np.float32(1 / 7) * scale)


def of_all_tokens(x: Any, trits: Any, scale: Any) -> Any:
    largest = tf.maximum(tf.reduce_max(tf.abs(x), [0, 1], keepdims=True), 1e-5)
    values = tf.round(x * (127.0 / largest))
    return tf.matmul(values, trits) * (largest * np.float32(1 / 127) * scale)


def of_other_values(x: Any, trits: Any, scale: Any) -> Any:
    largest = tf.maximum(tf.reduce_max(tf.abs(x + 1), -1, keepdims=True), 1e-5)
    values = tf.round(x * (127.0 / largest))
    return tf.matmul(values, trits) * (largest * np.float32(1 / 127) * scale)


def other_least(x: Any, trits: Any, scale: Any) -> Any:
    largest = tf.maximum(tf.reduce_max(tf.abs(x), -1, keepdims=True), 1e-3)
    values = tf.round(x * (127.0 / largest))
    return tf.matmul(values, trits) * (largest * np.float32(1 / 127) * scale)


def unscaled(x: Any, trits: Any, scale: Any) -> Any:
    return tf.matmul(absmax_int8(x)[0], trits)


def bias_too_early(x: Any, trits: Any, scale: Any) -> Any:
    values, largest = absmax_int8(x)
    sums = tf.matmul(values, trits) + tf.constant(np.arange(8, dtype=np.float32))
    return sums * (largest * np.float32(1 / 127) * scale)


def read_twice(x: Any, trits: Any, scale: Any) -> Any:
    values, largest = absmax_int8(x)
    sums = tf.matmul(values, trits)
    return sums * (largest * np.float32(1 / 127) * scale) + tf.sin(sums)


def trace(change: Callable[..., Any]) -> Any:
    model = randomize(tf.keras.Sequential([tf.keras.Input((16,)), Formula(change)]))
    return model, trace_keras_model(model, make_pipeline(lce_compatible=False), snapshots=False)


def test_the_formula_by_hand_converts_too() -> None:
    model, found = trace(plain)
    assert CODE in kinds_of(found.tflite)
    x = np.random.default_rng(1).normal(size=(3, 16)).astype(np.float32)
    np.testing.assert_array_equal(bnn_lab.Interpreter(found.tflite).predict(x), model(x))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (other_bits, "127 over its largest magnitude"),
        (of_all_tokens, "along the last axis"),
        (of_other_values, "127 over its largest magnitude"),
        (other_least, "at least 1e-5"),
        (unscaled, "not multiplied by the scales next"),
        (bias_too_early, "bias before the scales|not multiplied by the scales next"),
        (read_twice, "not multiplied by the scales next"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_differs_in_one_thing_stays_float(change: Callable[..., Any], reason: str) -> None:
    model, found = trace(change)
    assert CODE not in kinds_of(found.tflite)
    (refusal,) = [outcome for outcome in found.refused if outcome.pass_name == "ternary_dense"]
    assert refusal.advice == "use bnn_lab.models.bit_linear.BitLinear as it is"
    assert re.search(reason, refusal.reason), refusal.reason
    x = np.random.default_rng(1).normal(size=(1, 16)).astype(np.float32)
    np.testing.assert_allclose(
        bnn_lab.Interpreter(found.tflite).predict(x), model(x), rtol=1e-4, atol=1e-4
    )


def test_a_transformer_that_generates() -> None:
    """All of its layers, in the form of one step, several steps on: caches go in and out."""
    transformer = CharTransformer(9, context=8, width=16, depth=2, heads=2)
    decoder = transformer.decoder()
    content, report = bnn_lab.convert_keras_model(decoder, lce_compatible=False, report=True)
    assert len(report.ternary_layers) == kinds_of(content).count(CODE) == 12
    interpreter = bnn_lab.Interpreter(content)
    want = have = np.zeros((1, 4, 8, 16), np.float32)
    for at, code in enumerate((3, 1, 4, 1, 5)):
        place = np.eye(8, dtype=np.float32)[at : at + 1]
        character = np.array([code], np.int32)
        expected, want = decoder([character, place, want])
        given = {"character": character, "place": place, "cache": have}
        logits, have = interpreter.predict([given[name] for name in interpreter.input_names])
        # A value on the border of two integers may fall to either side.
        np.testing.assert_allclose(logits, expected, atol=0.05)
