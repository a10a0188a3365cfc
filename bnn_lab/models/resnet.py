"""Float ResNets that teach binary networks, with blocks as Real-to-Binary Net has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnn_lab.errors import InputError
from bnn_lab.models._common import (
    IMAGENET_CLASSES,
    IMAGENET_SHAPE,
    average_pool,
    check_image,
    float_conv,
    softmax,
    tools,
)


def resnet18(
    input_shape: Sequence[int] = IMAGENET_SHAPE,
    classes: int = IMAGENET_CLASSES,
    *,
    filters: int = 64,
    blocks: Sequence[int] = (2, 2, 2, 2),
    momentum: float = 0.99,
) -> Any:
    """Build a float ResNet of two 3×3 convolutions a block (arXiv:1512.03385).

    Where filters double, the shortcut is an average pooling and a 1×1 convolution, as in the binary
    networks that it teaches. The blocks' outputs are the layers ``block_1``, ``block_2`` and so on.

    Args:
        input_shape: (height, width, channels); images under 50 pixels get a 3×3 stem without stride
            and pooling.
        classes: at least 2.
        filters: number of filters of the first section; each section doubles them.
        blocks: blocks of each section, each at least 1.
        momentum: of batch normalization.

    Returns:
        An uncompiled Keras model: float32 images to probabilities (N, classes).

    Raises:
        InputError: an argument is out of range.
    """
    return _resnet("resnet18", input_shape, classes, filters, blocks, momentum)


def resnet34(
    input_shape: Sequence[int] = IMAGENET_SHAPE,
    classes: int = IMAGENET_CLASSES,
    *,
    filters: int = 64,
    blocks: Sequence[int] = (3, 4, 6, 3),
    momentum: float = 0.99,
) -> Any:
    """Build a float ResNet of 34 layers; arguments as `resnet18`."""
    return _resnet("resnet34", input_shape, classes, filters, blocks, momentum)


def _resnet(
    name: str,
    input_shape: Sequence[int],
    classes: int,
    filters: int,
    blocks: Sequence[int],
    momentum: float,
) -> Any:
    small = len(input_shape) == 3 and input_shape[0] < 50
    check_image(name, input_shape, classes, divisor=2 ** (len(blocks) - 1 + 2 * (not small)))
    if filters < 1 or not blocks or any(count < 1 for count in blocks):
        raise InputError(f"{name}({filters=}, {blocks=}): all must be at least 1.")
    tf, layers, _ = tools()

    def norm(x: Any) -> Any:
        return layers.BatchNormalization(momentum=momentum)(x)

    image = tf.keras.Input(tuple(input_shape))
    x = float_conv(image, filters, 3 if small else 7, strides=1 if small else 2)
    x = layers.ReLU()(norm(x))
    if not small:
        x = layers.MaxPool2D(3, strides=2, padding="same")(x)
    done = 0
    for section, count in enumerate(blocks):
        for number in range(count):
            width, strides, shortcut = filters * 2**section, 2 if section and not number else 1, x
            if strides == 2:
                shortcut = layers.AvgPool2D(2, strides=2, padding="same")(x)
                shortcut = norm(float_conv(shortcut, width, 1))
            x = layers.ReLU()(norm(float_conv(x, width, 3, strides=strides)))
            x = layers.add([norm(float_conv(x, width, 3)), shortcut])
            done += 1
            x = layers.ReLU(name=f"block_{done}")(x)
    return tf.keras.Model(image, softmax(layers.Dense(classes)(average_pool(x))), name=name)
