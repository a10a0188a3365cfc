"""Real-to-Binary Net (Martinez et al., ICLR 2020): outputs scaled by what the inputs are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnn_lab.models._common import (
    IMAGENET_CLASSES,
    IMAGENET_SHAPE,
    average_pool,
    binary_conv,
    check_image,
    float_conv,
    tools,
)

_REDUCTION = 8


def real_to_binary(
    input_shape: Sequence[int] = IMAGENET_SHAPE,
    classes: int = IMAGENET_CLASSES,
    *,
    latent_weights: bool = True,
) -> Any:
    """Build the binary Real-to-Binary network, as in larq-zoo.

    Each binary convolution's channels are multiplied by a factor in 0..1, which two small dense
    layers compute from the mean of the convolution's input (section 4.3 of the paper).

    Args:
        input_shape: (height, width, channels).
        classes: at least 2.
        latent_weights: False for Bop.

    Returns:
        An uncompiled Keras model: float32 images to probabilities (N, classes).

    Raises:
        InputError: an argument is out of range.
    """
    check_image("real_to_binary", input_shape, classes)
    tf, layers, _ = tools()

    def norm(x: Any) -> Any:
        return layers.BatchNormalization(momentum=0.99)(x)

    def dense(x: Any, units: int, activation: str) -> Any:
        return layers.Dense(
            units, activation=activation, use_bias=False, kernel_initializer="he_normal"
        )(x)

    def block(x: Any, downsample: bool) -> Any:
        channels = x.shape[-1]
        filters = 2 * channels if downsample else channels
        shortcut = x
        if downsample:
            shortcut = layers.AvgPool2D(2, strides=2, padding="same")(x)
            shortcut = norm(float_conv(shortcut, filters, 1))
        x = norm(x)
        y = binary_conv(x, filters, strides=2 if downsample else 1, latent_weights=latent_weights)
        scale = dense(average_pool(x), channels // _REDUCTION, "relu")
        scale = layers.Reshape((1, 1, filters))(dense(scale, filters, "sigmoid"))
        y = layers.PReLU(shared_axes=[1, 2])(layers.multiply([y, scale]))
        return layers.add([y, shortcut])

    image = tf.keras.Input(tuple(input_shape))
    x = layers.PReLU(shared_axes=[1, 2])(norm(float_conv(image, 64, 7, strides=2)))
    x = layers.MaxPool2D(3, strides=2, padding="same")(x)
    for number in range(16):
        x = block(x, downsample=number in (4, 8, 12))
    x = layers.Dense(classes)(average_pool(x))
    return tf.keras.Model(image, layers.Softmax(dtype="float32")(x), name="real_to_binary")
