"""MeliusNet (arXiv:2001.05936): dense blocks add channels, improvement blocks refine them."""

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
    softmax,
    tools,
)

_CLIP = 1.3
_GROWTH = 64


def meliusnet22(
    input_shape: Sequence[int] = IMAGENET_SHAPE,
    classes: int = IMAGENET_CLASSES,
    *,
    latent_weights: bool = True,
) -> Any:
    """Build MeliusNet22, as in larq-zoo.

    The grouped convolutions of the stem are separate ones, because grouped ones cannot be trained
    on a CPU.

    Args:
        input_shape: (height, width, channels).
        classes: at least 2.
        latent_weights: False for Bop.

    Returns:
        An uncompiled Keras model: float32 images to probabilities (N, classes).

    Raises:
        InputError: an argument is out of range.
    """
    check_image("meliusnet22", input_shape, classes)
    tf, layers, _ = tools()

    def norm(x: Any) -> Any:
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    def grouped(x: Any, filters: int, groups: int) -> Any:
        parts = tf.split(x, groups, axis=-1)
        return layers.concatenate([float_conv(part, filters // groups, 3) for part in parts])

    def binary(x: Any) -> Any:
        return binary_conv(norm(x), _GROWTH, latent_weights=latent_weights, clip=_CLIP)

    def pool(x: Any) -> Any:
        return layers.MaxPool2D(2, padding="same")(x)

    image = tf.keras.Input(tuple(input_shape))
    x = layers.ReLU()(norm(float_conv(image, 32, 3, strides=2)))
    x = layers.ReLU()(norm(grouped(x, 32, 4)))
    x = pool(layers.ReLU()(norm(grouped(x, 64, 8))))
    for blocks, channels in ((4, 160), (5, 224), (4, 256), (4, None)):
        for _ in range(blocks):
            x = layers.concatenate([x, binary(x)])
            # The improvement block refines the newest channels and leaves the others.
            refined = binary(x)
            x += tf.pad(refined, [[0, 0], [0, 0], [0, 0], [x.shape[-1] - _GROWTH, 0]])
        x = norm(x)
        if channels is not None:
            x = float_conv(layers.ReLU()(pool(x)), channels, 1)
    x = average_pool(layers.ReLU()(x))
    x = layers.Dense(classes, kernel_initializer="glorot_normal")(x)
    return tf.keras.Model(image, softmax(x), name="meliusnet22")
