"""Quantizers of IR-Net and ReCU: signs of standardised weights, with gradients that change.

Both centre each filter's weights before they take signs, so a filter has about as many +1 as -1,
and a weight may flip because the others of its filter moved. Both have a parameter that changes
during training; `bnn_lab.training.quantizer_schedule.QuantizerSchedule` sets it before each epoch.
"""

from __future__ import annotations

import math
from typing import Any

from bnn_lab.errors import InputError
from bnn_lab.models._common import keras_classes, tools

LEAST_SCALE = -24  # IR-Net's power of two never falls below 2^-24, which keeps kernels from being 0
RECU_EPSILON = 1e-5


def ede_sign(t_min: float = 1e-3, t_max: float = 10.0, **options: Any) -> Any:
    """The sign with IR-Net's gradient, the error decay estimator (arXiv:1909.10788).

    The gradient is k t (1 - tanh²(t x)) with k = max(1, 1 / t). Early in training, with a small t,
    it is 1 nearly everywhere; as t rises, it approaches the derivative of a sign. t rises from
    `t_min` to `t_max` by an equal factor in each epoch.

    Args:
        t_min: t at the beginning, above 0. The default is that of the authors' code for CIFAR-10.
        t_max: t at the end, at least `t_min`.
        **options: of a Keras layer, such as ``name``.

    Returns:
        A new larq quantizer of precision 1 for inputs or kernels: float of any shape to ±1.

    Raises:
        InputError: a value is out of range.
    """
    return _classes()["EdeSign"](t_min, t_max, **options)


def libra_sign(t_min: float = 1e-3, t_max: float = 10.0, **options: Any) -> Any:
    """IR-Net's quantizer of kernels: balanced signs times a power of two (arXiv:1909.10788).

    Each filter's weights are centred and divided by their standard deviation; what is left, v, is
    binarized as sign(v) 2^s with s = round(log2(mean |v|)). The gradient of the sign is that of
    `ede_sign`; none passes through the power of two.

    Args:
        t_min: see `ede_sign`.
        t_max: see `ede_sign`.
        **options: of a Keras layer, such as ``name``.

    Returns:
        A new larq quantizer of precision 1 for kernels, (..., filters) with at least 2 weights a
        filter.

    Raises:
        InputError: a value is out of range; at its first call: a filter has only one weight.
    """
    return _classes()["LibraSign"](t_min, t_max, **options)


def recu_sign(tau_min: float = 0.85, tau_max: float = 0.99, **options: Any) -> Any:
    """ReCU's quantizer of kernels, the rectified clamp unit (arXiv:2103.12369).

    Each filter's weights are centred and scaled to a standard deviation of 2 sqrt(2), then clamped
    to the quantiles 1 - tau and tau. As in the authors' code the quantiles are those of a Laplace
    distribution whose mean size is the layer's: -mean |v| ln(2 - 2 tau), through which no gradient
    passes. The sign's gradient is 1. Signs do not change by clamping, gradients do: beyond the
    quantiles a weight gets none of its own, and moves only as its filter's mean and spread do.

    tau rises from `tau_min` to `tau_max`, as exp(progress) does. The factor that the authors learn
    for each channel is `channel_scale`.

    Args:
        tau_min: tau at the beginning, above 0.5.
        tau_max: tau at the end, from `tau_min` to 1; 1 clamps nothing.
        **options: of a Keras layer, such as ``name``.

    Returns:
        A new larq quantizer of precision 1 for kernels, (..., filters) with at least 2 weights a
        filter, to ±1.

    Raises:
        InputError: a value is out of range; at its first call: a filter has only one weight.
    """
    return _classes()["RecuSign"](tau_min, tau_max, **options)


def recu_input_sign(**options: Any) -> Any:
    """ReCU's quantizer of activations: a sign, in whose gradient inputs have a spread of 1.

    The gradient is that of ApproxSign, 2 - 2|v| within ±1 and 0 beyond, of v = x / sqrt(variance of
    the sample + 1e-5), and passes through that division, too. Dividing changes no sign, so a
    converted file takes that of x itself, as the authors' code does when it does not train.

    Args:
        **options: of a Keras layer, such as ``name``.

    Returns:
        A new larq quantizer of precision 1 for inputs: float (N, ...) to ±1, at least 2 values a
        sample.
    """
    return _classes()["RecuInputSign"](**options)


def channel_scale(**options: Any) -> Any:
    """A learned factor for each channel, as ReCU puts after its convolutions (arXiv:2103.12369).

    Args:
        **options: of a Keras layer, such as ``name``.

    Returns:
        A new Keras layer: float (N, ..., C) to the same shape. Factors begin between 0 and 1.
    """
    return _classes()["ChannelScale"](**options)


@keras_classes
def _classes() -> tuple[type, ...]:
    tf, layers, lq = tools()
    quantizer: Any = lq.quantizers.Quantizer
    layer: Any = layers.Layer

    def centre(w: Any) -> Any:
        """Weights minus their filter's mean."""
        return w - tf.reduce_mean(w, axis=_axes(w), keepdims=True)

    def variance(centred: Any, name: str) -> Any:
        """Each filter's, with one degree of freedom less than weights."""
        count = math.prod(centred.shape[:-1])
        if count < 2:
            raise InputError(
                f"{name}: a filter of shape {tuple(centred.shape[:-1])} has one weight, which has "
                "no spread. Fix: use larq.quantizers.SteSign for this layer."
            )
        total = tf.reduce_sum(tf.square(centred), axis=_axes(centred), keepdims=True)
        return total / (count - 1)

    def estimated(x: Any, t: Any) -> Any:
        """The sign of x with the gradient of `ede_sign`."""

        @tf.custom_gradient
        def sign(x: Any) -> Any:
            def gradient(dy: Any) -> Any:
                rate = tf.cast(t, x.dtype)
                k = tf.maximum(tf.ones_like(rate), 1.0 / rate)
                return dy * k * rate * (1.0 - tf.square(tf.tanh(x * rate)))

            return lq.math.sign(x), gradient

        return sign(x)

    class Scheduled(quantizer):
        """A quantizer with one parameter that changes as training goes on."""

        precision = 1

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            # A .h5 file wants names that differ within a layer, which may have two quantizers.
            self.value = self.add_weight(
                name=f"{self.name}/{self.parameter}",
                shape=(),
                trainable=False,
                initializer="zeros",
            )
            self.set_progress(0.0)

        def set_progress(self, progress: float) -> None:
            """Set the parameter for a share of the training that is over, 0 to 1."""
            self.value.assign(self.at(progress))

    class EdeSign(Scheduled):
        """See `ede_sign`."""

        parameter = "t"

        def __init__(self, t_min: float = 1e-3, t_max: float = 10.0, **options: Any) -> None:
            if not 0 < t_min <= t_max < math.inf:
                raise InputError(f"t_min={t_min!r}, t_max={t_max!r}: needs 0 < t_min <= t_max.")
            self.t_min, self.t_max = float(t_min), float(t_max)
            super().__init__(**options)

        def at(self, progress: float) -> float:
            """t for a share of the training that is over."""
            return float(self.t_min * (self.t_max / self.t_min) ** progress)

        def call(self, inputs: Any) -> Any:
            return super().call(estimated(inputs, self.value))

        def negative(self, w: Any) -> Any:
            """Whether each weight becomes negative, bool, in its shape."""
            return w < 0.0

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "t_min": self.t_min, "t_max": self.t_max}

    class LibraSign(EdeSign):
        """See `libra_sign`."""

        def call(self, inputs: Any) -> Any:
            centred = centre(inputs)
            # Filters of equal weights have no spread; they stay as they are.
            spread = tf.maximum(variance(centred, "libra_sign"), 1e-24)
            balanced = centred / tf.sqrt(spread)
            size = tf.reduce_mean(tf.abs(balanced), axis=_axes(balanced), keepdims=True)
            power = tf.round(tf.math.log(tf.maximum(size, 2.0**LEAST_SCALE)) / math.log(2.0))
            return super().call(balanced) * tf.stop_gradient(2.0**power)

        def negative(self, w: Any) -> Any:
            return centre(w) < 0.0

    class RecuSign(Scheduled):
        """See `recu_sign`."""

        parameter = "tau"

        def __init__(self, tau_min: float = 0.85, tau_max: float = 0.99, **options: Any) -> None:
            if not 0.5 < tau_min <= tau_max <= 1:
                raise InputError(
                    f"recu_sign({tau_min=}, {tau_max=}): needs 0.5 < tau_min <= tau_max <= 1."
                )
            self.tau_min, self.tau_max = float(tau_min), float(tau_max)
            super().__init__(**options)

        def at(self, progress: float) -> float:
            """Tau for a share of the training that is over."""
            share = math.expm1(progress) / math.expm1(1.0)
            return self.tau_min + (self.tau_max - self.tau_min) * share

        def call(self, inputs: Any) -> Any:
            centred = centre(inputs)
            deviation = tf.sqrt(variance(centred, "recu_sign") + RECU_EPSILON)
            scaled = centred / (deviation / (2.0 * math.sqrt(2.0)))

            @tf.custom_gradient
            def sign(v: Any) -> Any:
                def gradient(dy: Any) -> Any:
                    tau = tf.cast(self.value, v.dtype)
                    bound = -tf.reduce_mean(tf.abs(v)) * tf.math.log(2.0 - 2.0 * tau)
                    return tf.where(tf.abs(v) <= bound, dy, tf.zeros_like(dy))

                return lq.math.sign(v), gradient

            return super().call(sign(scaled))

        def negative(self, w: Any) -> Any:
            """Whether each weight becomes negative, bool, in its shape."""
            return centre(w) < 0.0

        def get_config(self) -> dict[str, Any]:
            return {**super().get_config(), "tau_min": self.tau_min, "tau_max": self.tau_max}

    class RecuInputSign(quantizer):
        """See `recu_input_sign`."""

        precision = 1

        def call(self, inputs: Any) -> Any:
            axes = list(range(1, len(inputs.shape)))

            @tf.custom_gradient
            def sign(x: Any) -> Any:
                def gradient(dy: Any) -> Any:
                    others = tf.cast(tf.reduce_prod(tf.shape(x)[1:]) - 1, x.dtype)
                    centred = x - tf.reduce_mean(x, axis=axes, keepdims=True)
                    squares = tf.reduce_sum(tf.square(centred), axis=axes, keepdims=True)
                    rate = tf.math.rsqrt(squares / others + RECU_EPSILON)
                    direct = dy * tf.nn.relu(2.0 - 2.0 * tf.abs(x * rate))
                    along = tf.reduce_sum(direct * x, axis=axes, keepdims=True)
                    return rate * direct - rate**3 * centred * along / others

                return lq.math.sign(x), gradient

            return super().call(sign(inputs))

    class ChannelScale(layer):
        """See `channel_scale`."""

        def build(self, input_shape: Any) -> None:
            start = tf.keras.initializers.RandomUniform(0.0, 1.0)
            self.scale = self.add_weight(
                name="scale", shape=(int(input_shape[-1]),), initializer=start
            )
            super().build(input_shape)

        def call(self, inputs: Any) -> Any:
            return inputs * self.scale

    return EdeSign, LibraSign, RecuSign, RecuInputSign, ChannelScale


def _axes(w: Any) -> list[int]:
    """All but the filters'."""
    return list(range(len(w.shape) - 1))
