"""QuickNet (arXiv:2011.09398): residual binary convolutions made for LCE's speed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

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


def quicknet(
    input_shape: Sequence[int] = IMAGENET_SHAPE,
    classes: int = IMAGENET_CLASSES,
    *,
    filters: Sequence[int] = (64, 128, 256, 512),
    blocks: Sequence[int] = (4, 4, 4, 4),
    latent_weights: bool = True,
    name: str = "quicknet",
) -> Any:
    """Build QuickNet (Medium), as in larq-zoo.

    Between sections, a fixed blur filters what the stride leaves out (arXiv:1904.11486). Binary
    convolutions pad with +1.

    Args:
        input_shape: (height, width, channels).
        classes: at least 2.
        filters: numbers of filters of each section, multiples of 4.
        blocks: binary convolutions in each section.
        latent_weights: False for Bop.
        name: name of the model.

    Returns:
        An uncompiled Keras model: float32 images to probabilities (N, classes).

    Raises:
        InputError: an argument is out of range.
    """
    if len(filters) != len(blocks) or filters[0] % 4 or min(*filters, *blocks) < 1:
        raise InputError(
            f"quicknet({filters=}, {blocks=}): needs as many blocks as filters, all at least 1, "
            "and first filters that are a multiple of 4."
        )
    check_image(name, input_shape, classes, divisor=2 ** (len(filters) + 1))
    tf, layers, _ = tools()

    def late_norm(x: Any) -> Any:
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    def residual(x: Any) -> Any:
        y = binary_conv(
            x,
            x.shape[-1],
            latent_weights=latent_weights,
            clip=_CLIP,
            activation="relu",
            pad_values=1.0,
        )
        return late_norm(y) + x

    def transition(x: Any, count: int) -> Any:
        x = layers.MaxPool2D(2, strides=1)(layers.ReLU()(x))
        x = layers.DepthwiseConv2D(
            3,
            strides=2,
            padding="same",
            use_bias=False,
            depthwise_initializer=_blur(x.shape[-1]),
            trainable=False,
        )(x)
        return late_norm(float_conv(x, count, 1))

    image = tf.keras.Input(tuple(input_shape))
    x = float_conv(image, filters[0] // 4, 3, strides=2, start="he_normal")
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization(scale=False, center=False)(x)
    x = layers.BatchNormalization()(float_conv(x, filters[0], 1, start="he_normal"))
    for section, (count, number) in enumerate(zip(filters, blocks, strict=True)):
        if section:
            x = transition(x, count)
        for _ in range(number):
            x = residual(x)
    x = average_pool(layers.ReLU()(x))
    x = layers.Dense(classes, kernel_initializer="glorot_normal")(x)
    return tf.keras.Model(image, softmax(x), name=name)


def quicknet_small(
    input_shape: Sequence[int] = IMAGENET_SHAPE, classes: int = IMAGENET_CLASSES, **more: Any
) -> Any:
    """QuickNet Small: half the filters in the first two sections; arguments as `quicknet`."""
    options = {"filters": (32, 64, 256, 512), "name": "quicknet_small", **more}
    return quicknet(input_shape, classes, **options)


def quicknet_large(
    input_shape: Sequence[int] = IMAGENET_SHAPE, classes: int = IMAGENET_CLASSES, **more: Any
) -> Any:
    """QuickNet Large: twice as deep; arguments as `quicknet`."""
    options = {"blocks": (6, 8, 12, 6), "name": "quicknet_large", **more}
    return quicknet(input_shape, classes, **options)


def quicknet_cifar(input_shape: Sequence[int] = (32, 32, 3), classes: int = 10, **more: Any) -> Any:
    """QuickNet of two short sections for 32×32 images; arguments as `quicknet`."""
    options = {"filters": (64, 128), "blocks": (2, 2), "name": "quicknet_cifar", **more}
    return quicknet(input_shape, classes, **options)


def _blur(channels: int) -> Any:
    """Binomial 3×3 filter of sum 1 in every channel, as an initializer."""
    tf, _, _ = tools()
    row = np.array([math.comb(2, k) for k in range(3)], np.float64) / 4
    kernel = np.outer(row, row).astype(np.float32)[:, :, None, None]
    return tf.keras.initializers.Constant(np.tile(kernel, (1, 1, channels, 1)))
