"""ResNet-E 18 (arXiv:1906.08637): ResNet with a shortcut around every binary convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnn_lab.errors import InputError
from bnn_lab.models._common import (
    IMAGENET_CLASSES,
    IMAGENET_SHAPE,
    average_pool,
    binary_conv,
    check_image,
    float_conv,
    softmax,
    tools,
)

_CLIP = 1.25


def resnet_e18(
    input_shape: Sequence[int] = IMAGENET_SHAPE,
    classes: int = IMAGENET_CLASSES,
    *,
    filters: int = 64,
    blocks: Sequence[int] = (4, 4, 4, 4),
    latent_weights: bool = True,
) -> Any:
    """Build ResNet-E 18, as in larq-zoo.

    Args:
        input_shape: (height, width, channels); images under 50 pixels get a 3×3 stem without
            stride and pooling.
        classes: at least 2.
        filters: number of filters of the first section; each section doubles them.
        blocks: binary convolutions in each section, each at least 1.
        latent_weights: False for Bop.

    Returns:
        An uncompiled Keras model: float32 images to probabilities (N, classes).

    Raises:
        InputError: an argument is out of range.
    """
    small = len(input_shape) == 3 and input_shape[0] < 50
    check_image(
        "resnet_e18", input_shape, classes, divisor=2 ** (len(blocks) - 1 + 2 * (not small))
    )
    if filters < 1 or not blocks or any(count < 1 for count in blocks):
        raise InputError(f"resnet_e18({filters=}, {blocks=}): all must be at least 1.")
    tf, layers, _ = tools()

    def norm(x: Any) -> Any:
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    image = tf.keras.Input(tuple(input_shape))
    if small:
        x = float_conv(image, filters, 3, start="he_normal")
    else:
        x = layers.ReLU()(norm(float_conv(image, filters, 7, strides=2, start="he_normal")))
        x = norm(layers.MaxPool2D(3, strides=2, padding="same")(x))
    for section, count in enumerate(blocks):
        for number in range(count):
            strides = 2 if section and not number else 1
            shortcut = x
            if strides == 2:
                shortcut = layers.AvgPool2D(2, strides=2)(x)
                shortcut = norm(float_conv(shortcut, filters * 2**section, 1))
            y = binary_conv(
                x, filters * 2**section, strides=strides, latent_weights=latent_weights, clip=_CLIP
            )
            x = layers.add([norm(y), shortcut])
    x = average_pool(layers.ReLU()(x))
    x = layers.Dense(classes, kernel_initializer="glorot_normal")(x)
    return tf.keras.Model(image, softmax(x), name="resnet_e18")
