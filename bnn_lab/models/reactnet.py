"""ReActNet-A (arXiv:2003.03488): MobileNet's shape, signs and PReLUs that learn where to bend."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from bnn_lab.errors import InputError
from bnn_lab.models._common import (
    IMAGENET_CLASSES,
    IMAGENET_SHAPE,
    average_pool,
    binary_kernel,
    check_image,
    float_conv,
    keras_classes,
    softmax,
    tools,
)

CHANNELS = (32, 64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)


def reactnet_a(
    input_shape: Sequence[int] = IMAGENET_SHAPE,
    classes: int = IMAGENET_CLASSES,
    *,
    channels: Sequence[int] = CHANNELS,
    binary_kernels: bool = True,
    latent_weights: bool = True,
) -> Any:
    """Build ReActNet-A after the authors' public code.

    Each block has a 3×3 and a 1×1 binary convolution with a shortcut around each. Where channels
    double, there are two 1×1 convolutions whose outputs are concatenated, so no shortcut needs a
    convolution; where they double from the second block on, the size is halved. The authors' code
    pads a convolution of stride 2 on both sides, Keras on one.

    Args:
        input_shape: (height, width, channels).
        classes: at least 2.
        channels: of the first, float convolution and of each block; each is the one before or
            twice as many.
        binary_kernels: False leaves the kernels as they are: the first step of training.
        latent_weights: False for Bop.

    Returns:
        An uncompiled Keras model: float32 images to probabilities (N, classes).

    Raises:
        InputError: an argument is out of range.
    """
    counts = tuple(channels)
    steps = list(pairwise(counts))
    if not steps or counts[0] < 1 or any(after not in (n, 2 * n) for n, after in steps):
        raise InputError(
            f"reactnet_a(channels={counts}): each number must be the one before or twice as many, "
            "and there must be at least two."
        )
    halvings = 1 + sum(after != before for before, after in steps[1:])
    check_image("reactnet_a", input_shape, classes, divisor=2**halvings)
    tf, layers, lq = tools()

    def conv(x: Any, filters: int, size: int, strides: int = 1) -> Any:
        kernel = binary_kernel(False)
        if not binary_kernels:
            kernel = {}
        elif latent_weights:
            kernel = {
                "kernel_quantizer": filter_mean_sign(),
                "kernel_constraint": lq.constraints.WeightClip(1.0),
            }
        x = lq.layers.QuantConv2D(
            filters,
            size,
            strides=strides,
            padding="same",
            use_bias=False,
            # x is ±1 already: this says so to larq, and changes nothing.
            input_quantizer=lq.quantizers.SteSign(),
            kernel_initializer="glorot_normal",
            **kernel,
        )(x)
        return norm(x)

    def norm(x: Any) -> Any:
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    image = tf.keras.Input(tuple(input_shape))
    x = norm(float_conv(image, counts[0], 3, strides=2))
    for number, (before, after) in enumerate(steps):
        strides = 2 if number and after != before else 1
        shortcut = layers.AvgPool2D(2, strides=2)(x) if strides == 2 else x
        y = conv(rsign()(x), before, 3, strides)
        x = rprelu()(layers.add([y, shortcut]))
        signs = rsign()(x)
        halves = [layers.add([conv(signs, before, 1), x]) for _ in range(after // before)]
        x = rprelu()(layers.concatenate(halves) if len(halves) > 1 else halves[0])
    x = layers.Dense(classes)(average_pool(x))
    return tf.keras.Model(image, softmax(x), name="reactnet_a")


def rsign(**options: Any) -> Any:
    """RSign: the sign of x plus a learned shift for each channel (arXiv:2003.03488, section 4.2).

    Its gradient is Bi-Real Net's: 2 - 2|x + shift| within ±1, else 0.

    Args:
        **options: of a Keras layer, such as ``name``.

    Returns:
        A new Keras layer, also a larq quantizer of precision 1: float (N, ..., C) to ±1.
    """
    return _classes()["RSign"](**options)


def rprelu(**options: Any) -> Any:
    """RPReLU: PReLU with a learned shift before and after it (arXiv:2003.03488, section 4.2).

    max(x - s, 0) + slope min(x - s, 0) + t, with s, slope and t for each channel.

    Args:
        **options: of a Keras layer, such as ``name``.

    Returns:
        A new Keras layer: float (N, ..., C) to the same shape.
    """
    return _classes()["RPReLU"](**options)


def filter_mean_sign() -> Any:
    """ReActNet's quantizer of kernels: sign(w) times the filter's mean |w|.

    The gradient goes past the mean: it is 1 where |w| is at most 1, else 0, as in the authors'
    code; `bnn_lab.models.alexnet.filter_scaled_sign` is XNOR-Net's, whose gradient goes through it.

    Returns:
        A new larq quantizer of precision 1.
    """
    return _classes()["FilterMeanSign"]()


@keras_classes
def _classes() -> tuple[type, ...]:
    tf, layers, lq = tools()
    quantizer: Any = lq.quantizers.Quantizer
    layer: Any = layers.Layer

    class RSign(quantizer):
        """See `rsign`."""

        precision = 1

        def build(self, input_shape: Any) -> None:
            self.shift = self.add_weight(
                name="shift", shape=(int(input_shape[-1]),), initializer="zeros"
            )
            super().build(input_shape)

        def call(self, inputs: Any) -> Any:
            return super().call(lq.quantizers.approx_sign(inputs + self.shift))

    class RPReLU(layer):
        """See `rprelu`."""

        def build(self, input_shape: Any) -> None:
            shape = (int(input_shape[-1]),)
            self.before = self.add_weight(name="before", shape=shape, initializer="zeros")
            self.after = self.add_weight(name="after", shape=shape, initializer="zeros")
            slope = tf.keras.initializers.Constant(0.25)
            self.slope = self.add_weight(name="slope", shape=shape, initializer=slope)
            super().build(input_shape)

        def call(self, inputs: Any) -> Any:
            x = inputs - self.before
            return tf.maximum(x, 0.0) + self.slope * tf.minimum(x, 0.0) + self.after

    class FilterMeanSign(quantizer):
        """See `filter_mean_sign`."""

        precision = 1

        def call(self, inputs: Any) -> Any:
            axes = list(range(len(inputs.shape) - 1))

            @tf.custom_gradient
            def scaled(w: Any) -> Any:
                size = tf.reduce_mean(tf.abs(w), axis=axes, keepdims=True)

                def gradient(dy: Any) -> Any:
                    return tf.where(tf.abs(w) <= 1.0, dy, tf.zeros_like(dy))

                return size * lq.math.sign(w), gradient

            return super().call(scaled(inputs))

    return RSign, RPReLU, FilterMeanSign
