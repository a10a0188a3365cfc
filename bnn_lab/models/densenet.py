"""BinaryDenseNet (arXiv:1906.08637): binary convolutions whose outputs are concatenated."""

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

_CLIP = 1.3
_GROWTH = 64


def binary_densenet28(
    input_shape: Sequence[int] = IMAGENET_SHAPE, classes: int = IMAGENET_CLASSES
) -> Any:
    """BinaryDenseNet 28; arguments, result and errors as `binary_densenet`."""
    return binary_densenet(
        input_shape, classes, (6, 6, 6, 5), (2.7, 2.7, 2.2), name="binary_densenet28"
    )


def binary_densenet37(
    input_shape: Sequence[int] = IMAGENET_SHAPE, classes: int = IMAGENET_CLASSES
) -> Any:
    """BinaryDenseNet 37; arguments, result and errors as `binary_densenet`."""
    return binary_densenet(
        input_shape, classes, (6, 8, 12, 6), (3.3, 3.3, 4.0), name="binary_densenet37"
    )


def binary_densenet37_dilated(
    input_shape: Sequence[int] = IMAGENET_SHAPE, classes: int = IMAGENET_CLASSES
) -> Any:
    """BinaryDenseNet 37, the last two sections dilated, not pooled; else as `binary_densenet`."""
    return binary_densenet(
        input_shape,
        classes,
        (6, 8, 12, 6),
        (3.3, 3.3, 4.0),
        dilations=(1, 1, 2, 4),
        name="binary_densenet37_dilated",
    )


def binary_densenet45(
    input_shape: Sequence[int] = IMAGENET_SHAPE, classes: int = IMAGENET_CLASSES
) -> Any:
    """BinaryDenseNet 45; arguments, result and errors as `binary_densenet`."""
    return binary_densenet(
        input_shape, classes, (6, 12, 14, 8), (2.7, 3.3, 4.0), name="binary_densenet45"
    )


def binary_densenet(
    input_shape: Sequence[int],
    classes: int,
    blocks: Sequence[int],
    reductions: Sequence[float],
    *,
    dilations: Sequence[int] = (),
    latent_weights: bool = True,
    name: str = "binary_densenet",
) -> Any:
    """Build a BinaryDenseNet, as in larq-zoo.

    Args:
        input_shape: (height, width, channels); images under 50 pixels get a 3×3 stem without
            stride and pooling.
        classes: at least 2.
        blocks: binary convolutions in each section, each adds 64 channels.
        reductions: the factors by which the float 1×1 convolution after each section but the last
            divides the channels (rounded to a multiple of 32).
        dilations: of the binary convolutions in each section, default 1; before a section with
            more than 1 there is no pooling.
        latent_weights: False for Bop.
        name: name of the model.

    Returns:
        An uncompiled Keras model: float32 images to probabilities (N, classes).

    Raises:
        InputError: an argument is out of range.
    """
    if len(reductions) != len(blocks) - 1 or any(r < 1 for r in reductions):
        raise InputError(
            f"{name}: {len(blocks)} sections need {len(blocks) - 1} reductions of at least 1, not "
            f"{tuple(reductions)}."
        )
    rates = tuple(dilations) or (1,) * len(blocks)
    if len(rates) != len(blocks) or any(rate < 1 for rate in rates):
        raise InputError(
            f"{name}: {len(blocks)} sections need as many dilations of at least 1, not {rates}."
        )
    small = len(input_shape) == 3 and input_shape[0] < 50
    pools = sum(rate == 1 for rate in rates[1:])
    check_image(name, input_shape, classes, divisor=2 ** (pools + 2 * (not small)))
    tf, layers, _ = tools()

    def norm(x: Any) -> Any:
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    def conv(x: Any, filters: int, size: int, strides: int = 1) -> Any:
        return float_conv(x, filters, size, strides=strides, start="he_normal")

    image = tf.keras.Input(tuple(input_shape))
    if small:
        x = conv(image, _GROWTH, 3)
    else:
        x = layers.ReLU()(norm(conv(image, _GROWTH, 7, strides=2)))
        x = layers.MaxPool2D(3, strides=2, padding="same")(x)
    for section, count in enumerate(blocks):
        for _ in range(count):
            y = binary_conv(
                norm(x),
                _GROWTH,
                latent_weights=latent_weights,
                clip=_CLIP,
                dilation_rate=rates[section],
            )
            x = layers.concatenate([x, y])
        x = norm(x)
        if section < len(reductions):
            if rates[section + 1] == 1:
                x = layers.MaxPool2D(2)(x)
            x = layers.ReLU()(x)
            # Floor division first: this is how the published networks were built.
            x = conv(x, round(x.shape[-1] // reductions[section] / 32) * 32, 1)
    x = layers.Dense(classes, kernel_initializer="he_normal")(average_pool(layers.ReLU()(x)))
    return tf.keras.Model(image, softmax(x), name=name)
