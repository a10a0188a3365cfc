"""Real-to-Binary Net (Martinez et al., ICLR 2020): outputs scaled by what the inputs are."""

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
    tools,
)

_REDUCTION = 8


def real_to_binary(
    input_shape: Sequence[int] = IMAGENET_SHAPE,
    classes: int = IMAGENET_CLASSES,
    *,
    filters: int = 64,
    blocks: Sequence[int] = (2, 2, 2, 2),
    momentum: float = 0.99,
    binary_kernels: bool = True,
    binary_inputs: bool = True,
    latent_weights: bool = True,
) -> Any:
    """Build the Real-to-Binary network, as in larq-zoo.

    Each binary convolution's channels are multiplied by a factor in 0..1, which two small dense
    layers compute from the mean of the convolution's input (section 4.3 of the paper). The blocks'
    outputs are the layers ``block_1``, ``block_2`` and so on, so that a network may teach another.

    Args:
        input_shape: (height, width, channels); images under 50 pixels get a 3×3 stem without stride
            and pooling.
        classes: at least 2.
        filters: number of filters of the first section, a multiple of 8; each section doubles them.
        blocks: blocks of two binary convolutions in each section, each at least 1.
        momentum: of batch normalization.
        binary_kernels: False leaves the kernels as they are: the first stages of training.
        binary_inputs: False takes tanh in place of signs of the convolutions' inputs.
        latent_weights: False for Bop.

    Returns:
        An uncompiled Keras model: float32 images to probabilities (N, classes).

    Raises:
        InputError: an argument is out of range.
    """
    small = len(input_shape) == 3 and input_shape[0] < 50
    divisor = 2 ** (len(blocks) - 1 + 2 * (not small))
    check_image("real_to_binary", input_shape, classes, divisor=divisor)
    if filters < 1 or filters % _REDUCTION or not blocks or any(count < 1 for count in blocks):
        raise InputError(
            f"real_to_binary({filters=}, {blocks=}): needs a multiple of {_REDUCTION} filters and "
            "at least one block in each section."
        )
    tf, layers, _ = tools()
    kernels: dict[str, Any] = {}
    if not binary_kernels:
        kernels |= {"kernel_quantizer": None, "kernel_constraint": None}
    if not binary_inputs:
        kernels["input_quantizer"] = tf.keras.activations.tanh

    def norm(x: Any) -> Any:
        return layers.BatchNormalization(momentum=momentum)(x)

    def dense(x: Any, units: int, activation: str) -> Any:
        return layers.Dense(
            units, activation=activation, use_bias=False, kernel_initializer="he_normal"
        )(x)

    def half_block(x: Any, downsample: bool, **name: str) -> Any:
        channels = x.shape[-1]
        width = 2 * channels if downsample else channels
        shortcut = x
        if downsample:
            shortcut = layers.AvgPool2D(2, strides=2, padding="same")(x)
            shortcut = norm(float_conv(shortcut, width, 1))
        x = norm(x)
        strides = 2 if downsample else 1
        y = binary_conv(x, width, strides=strides, latent_weights=latent_weights, **kernels)
        scale = dense(average_pool(x), channels // _REDUCTION, "relu")
        scale = layers.Reshape((1, 1, width))(dense(scale, width, "sigmoid"))
        y = layers.PReLU(shared_axes=[1, 2])(layers.multiply([y, scale]))
        return layers.add([y, shortcut], **name)

    image = tf.keras.Input(tuple(input_shape))
    x = float_conv(image, filters, 3 if small else 7, strides=1 if small else 2)
    x = layers.PReLU(shared_axes=[1, 2])(norm(x))
    if not small:
        x = layers.MaxPool2D(3, strides=2, padding="same")(x)
    done = 0
    for section, count in enumerate(blocks):
        for number in range(count):
            done += 1
            x = half_block(x, downsample=section > 0 and number == 0)
            x = half_block(x, downsample=False, name=f"block_{done}")
    x = layers.Dense(classes)(average_pool(x))
    return tf.keras.Model(image, layers.Softmax(dtype="float32")(x), name="real_to_binary")
