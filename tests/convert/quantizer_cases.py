"""Quantizers as public packages and papers write them: cases that `test_quantizers.py` proves, and
that the documentation's page "Op support" prints.

Each is written anew from its published definition, forward only: at inference a straight-through
estimator is the function that it estimates. `quantizer(tf)` makes it; TensorFlow is passed in, so
that printing the table does not need it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Function = Callable[[Any], Any]
BINARY, FLOAT = "binary", "float"


@dataclass(frozen=True)
class Style:
    """One row.

    Attributes:
        package: package or paper.
        name: of the quantizer there, and what it quantizes.
        input: makes the input quantizer, or larq's name of one; None for none.
        kernel: the same of the kernel.
        verdict: "binary" or "float".
        reason: part of the report's reason where it is float.
        note: what a user should know.
    """

    package: str
    name: str
    input: Any = "ste_sign"
    kernel: Any = "ste_sign"
    verdict: str = BINARY
    reason: str = ""
    note: str = ""


def _axes(w: Any) -> list[int]:
    return list(range(len(w.shape) - 1))  # all but the output channels


def sign_with(tf: Any) -> Function:
    """+1 from zero on."""
    return lambda x: tf.where(x >= 0, 1.0, -1.0)


def qkeras_binary(tf: Any) -> Function:
    def quantize(x: Any) -> Any:
        s = tf.sign(x)
        return s + (1.0 - tf.abs(s))

    return quantize


def qkeras_binary_01(tf: Any) -> Function:
    return lambda x: (qkeras_binary(tf)(x) + 1.0) / 2.0


def qkeras_auto_alpha(tf: Any) -> Function:
    def quantize(w: Any) -> Any:
        q = qkeras_binary(tf)(w)
        scale = tf.reduce_mean(w * q, _axes(w), keepdims=True)
        return q * scale / (tf.reduce_mean(q * q, _axes(w), keepdims=True) + 1e-7)

    return quantize


def qkeras_ternary(tf: Any) -> Function:
    return lambda x: tf.sign(x) * tf.cast(tf.abs(x) >= 0.33, tf.float32)


def qkeras_relu_1(tf: Any) -> Function:
    return lambda x: tf.clip_by_value(tf.round(x * 2.0) / 2.0, 0.0, 0.5)


def qkeras_bits_2(tf: Any) -> Function:
    return lambda x: tf.clip_by_value(tf.round(x * 2.0), -2.0, 1.0) / 2.0


def brevitas_binary(tf: Any) -> Function:
    return lambda x: (2.0 * tf.cast(x >= 0, tf.float32) - 1.0) * 0.1


def brevitas_clamped(tf: Any) -> Function:
    return lambda x: brevitas_binary(tf)(tf.clip_by_value(x, -0.1, 0.1))


def brevitas_ternary(tf: Any) -> Function:
    return lambda x: tf.sign(x) * tf.cast(tf.abs(x) > 0.5, tf.float32) * 0.3


def plain_sign(tf: Any) -> Function:
    """`torch.sign`, 0 at 0."""
    return tf.sign


def xnor_kernel(tf: Any) -> Function:
    def quantize(w: Any) -> Any:
        return tf.where(w >= 0, 1.0, -1.0) * tf.reduce_mean(tf.abs(w), _axes(w), keepdims=True)

    return quantize


def ir_net_kernel(tf: Any) -> Function:
    def quantize(w: Any) -> Any:
        centred = w - tf.reduce_mean(w, _axes(w), keepdims=True)
        spread = centred / tf.math.reduce_std(centred, _axes(w), keepdims=True)
        mean = tf.reduce_mean(tf.abs(spread), _axes(w), keepdims=True)
        shift = 2.0 ** tf.round(tf.math.log(mean) / tf.math.log(2.0))
        return tf.where(spread >= 0, 1.0, -1.0) * shift

    return quantize


def recu_kernel(tf: Any) -> Function:
    def quantize(w: Any) -> Any:
        centred = w - tf.reduce_mean(w, _axes(w), keepdims=True)
        spread = centred / (tf.math.reduce_std(centred, _axes(w), keepdims=True) * 2.0**0.5)
        ends = tf.reduce_max(tf.abs(spread), _axes(w), keepdims=True) * 0.9
        revived = tf.clip_by_value(spread, -ends, ends)
        scale = tf.reduce_mean(tf.abs(revived), _axes(w), keepdims=True)
        return tf.where(revived >= 0, 1.0, -1.0) * scale

    return quantize


def binary_connect(tf: Any) -> Function:
    return lambda w: 2.0 * tf.round(tf.clip_by_value((w + 1.0) / 2.0, 0.0, 1.0)) - 1.0


def react_net_sign(tf: Any) -> Function:
    """RSign: a threshold for each channel."""

    def quantize(x: Any) -> Any:
        count = x.shape[-1]
        shift = tf.constant([(i % 7 - 3) / 10 for i in range(count)], tf.float32)
        return tf.where(x + shift >= 0, 1.0, -1.0)

    return quantize


def pact_1(tf: Any) -> Function:
    return lambda x: tf.round(tf.clip_by_value(x, 0.0, 1.5) / 1.5) * 1.5


def abc_net_kernel(tf: Any) -> Function:
    """Two bases."""

    def quantize(w: Any) -> Any:
        spread = tf.math.reduce_std(w, _axes(w), keepdims=True)
        first, second = (tf.where(w + shift * spread >= 0, 1.0, -1.0) for shift in (-0.5, 0.5))
        return 0.7 * first + 0.3 * second

    return quantize


def greater_than_zero(tf: Any) -> Function:
    return lambda x: tf.where(x > 0, 1.0, -1.0)


def zero_one_kernel(tf: Any) -> Function:
    return lambda w: tf.cast(w >= 0, tf.float32)


_NO_INPUT = {"input": None, "verdict": FLOAT, "reason": "is not binary"}
_PLAIN = {"verdict": FLOAT, "reason": "a plain sign, which is 0 at 0"}

STYLES = (
    Style("larq", "ste_sign"),
    Style("larq", "approx_sign", "approx_sign"),
    Style("larq", "swish_sign", "swish_sign"),
    Style("larq", "magnitude_aware_sign, kernel", kernel="magnitude_aware_sign"),
    Style("larq", "ste_heaviside, input", "ste_heaviside", note="half a sign, plus a bias"),
    Style("larq", "ste_tern, input", "ste_tern", verdict=FLOAT, reason="3 values, -1, 0 and 1"),
    Style("larq", "ste_tern, kernel", kernel="ste_tern", verdict=FLOAT, reason="holds zeros"),
    Style("larq", "dorefa_quantizer, input", "dorefa_quantizer", verdict=FLOAT, reason="4 values"),
    Style("QKeras", "binary", qkeras_binary, qkeras_binary),
    Style("QKeras", "binary(use_01), input", qkeras_binary_01),
    Style("QKeras", 'binary(alpha="auto"), kernel', qkeras_binary, qkeras_auto_alpha),
    Style("QKeras", "quantized_relu(1), input", qkeras_relu_1, note="0 and 0.5"),
    Style("QKeras", "ternary, input", qkeras_ternary, verdict=FLOAT, reason="3 values"),
    Style("QKeras", "quantized_bits(2), input", qkeras_bits_2, verdict=FLOAT, reason="4 values"),
    Style("Brevitas", "BinaryQuant", brevitas_binary, brevitas_binary),
    Style("Brevitas", "ClampedBinaryQuant", brevitas_clamped, brevitas_clamped),
    Style("Brevitas", "TernaryQuant, input", brevitas_ternary, verdict=FLOAT, reason="3 values"),
    Style("XNOR-Net", "kernel with a scale", sign_with, xnor_kernel),
    Style("XNOR-Net", "torch.sign as input", plain_sign, xnor_kernel, **_PLAIN),
    Style("IR-Net", "balanced kernel, shifted by bits", sign_with, ir_net_kernel),
    Style("IR-Net", "torch.sign as input", plain_sign, ir_net_kernel, **_PLAIN),
    Style("ReCU", "rectified, clamped kernel", sign_with, recu_kernel),
    Style("BinaryConnect", "kernel, input in float", kernel=binary_connect, **_NO_INPUT),
    Style("BinaryConnect", "kernel and input", binary_connect, binary_connect),
    Style("ReActNet", "RSign, input", react_net_sign, note="a threshold for each channel"),
    Style("PACT", "1 bit, input", pact_1, note="0 and the clipping level"),
    Style("PyTorch", "x > 0, input", greater_than_zero, note="0 itself is -1"),
    Style("ABC-Net", "kernel of two bases", kernel=abc_net_kernel, verdict=FLOAT, reason="holds"),
    Style("any", "kernel of 0 and 1", kernel=zero_one_kernel, verdict=FLOAT, reason="holds zeros"),
)
