"""Bi-Real Net (arXiv:1808.00278): a shortcut of floats around every binary convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnn_lab.errors import InputError
from bnn_lab.models._common import (
    IMAGENET_CLASSES,
    IMAGENET_SHAPE,
    average_pool,
    check_image,
    softmax,
    tools,
    without_clip_advice,
)


def birealnet(
    input_shape: Sequence[int] = IMAGENET_SHAPE,
    classes: int = IMAGENET_CLASSES,
    *,
    filters: int = 64,
    blocks: Sequence[int] = (4, 4, 4, 4),
    latent_weights: bool = True,
) -> Any:
    """Build Bi-Real Net 18, as in larq-zoo.

    Activations use the paper's ApproxSign, latent weights its magnitude-aware sign, so weights are
    ±alpha; with Bop they are ±1.

    Args:
        input_shape: (height, width, channels); images under 50 pixels get a 3×3 stem without
            stride and pooling.
        classes: at least 2.
        filters: numbers of filters of the first section; each section doubles them.
        blocks: binary convolutions in each section, each at least 1.
        latent_weights: False for Bop.

    Returns:
        An uncompiled Keras model: float32 images to probabilities (N, classes).

    Raises:
        InputError: an argument is out of range.
    """
    small = len(input_shape) == 3 and input_shape[0] < 50
    check_image("birealnet", input_shape, classes, divisor=2 ** (len(blocks) - 1 + 2 * (not small)))
    if filters < 1 or any(count < 1 for count in blocks):
        raise InputError(f"birealnet({filters=}, {blocks=}): all must be at least 1.")
    tf, layers, lq = tools()

    def norm(x: Any) -> Any:
        return layers.BatchNormalization(momentum=0.8)(x)

    def kernel() -> dict[str, Any]:
        if not latent_weights:
            return {"kernel_quantizer": lq.quantizers.NoOp(precision=1)}
        return {
            "kernel_quantizer": lq.quantizers.MagnitudeAwareSign(),
            "kernel_constraint": lq.constraints.WeightClip(1.0),
        }

    def residual(x: Any, count: int) -> Any:
        shortcut, strides = x, 1
        if x.shape[-1] != count:
            strides = 2
            shortcut = layers.AvgPool2D(2, strides=2, padding="same")(x)
            shortcut = norm(
                layers.Conv2D(count, 1, kernel_initializer="glorot_normal", use_bias=False)(
                    shortcut
                )
            )
        x = lq.layers.QuantConv2D(
            count,
            3,
            strides=strides,
            padding="same",
            use_bias=False,
            input_quantizer=lq.quantizers.ApproxSign(),
            kernel_initializer="glorot_normal",
            **kernel(),
        )(x)
        return layers.add([norm(x), shortcut])

    with without_clip_advice():
        image = tf.keras.Input(tuple(input_shape))
        x = layers.Conv2D(
            filters,
            3 if small else 7,
            strides=1 if small else 2,
            padding="same",
            kernel_initializer="glorot_normal",
            use_bias=False,
        )(image)
        x = norm(x)
        if not small:
            x = layers.MaxPool2D(3, strides=2, padding="same")(x)
        for section, count in enumerate(blocks):
            for _ in range(count):
                x = residual(x, filters * 2**section)
        x = layers.Dense(classes)(average_pool(x))
        return tf.keras.Model(image, softmax(x), name="birealnet")


def birealnet_small(
    input_shape: Sequence[int] = (32, 32, 3), classes: int = 10, **more: Any
) -> Any:
    """Bi-Real Net of 6 binary convolutions for 32×32 images; arguments as `birealnet`."""
    return birealnet(input_shape, classes, **{"filters": 32, "blocks": (2, 2, 2), **more})
