"""Narrow, deep BNNs for small grey images, whose shortcuts and two ends can be chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bnn_lab.errors import InputError
from bnn_lab.models._common import check_images, tools

FLOAT, BINARY_WEIGHTS, BINARY = "float", "binary weights", "all binary"
ENDS = (FLOAT, BINARY_WEIGHTS, BINARY)


def deep_digits(
    shortcuts: bool = True,
    ends: str = FLOAT,
    *,
    depth: int = 8,
    channels: int = 32,
    input_shape: tuple[int, int, int] = (28, 28, 1),
    classes: int = 10,
    seed: int = 0,
) -> Any:
    """Build a network of `depth` binary 3×3 convolutions between a first and a last layer.

    The first layer is a 3×3 convolution with stride 2 and a max pool; the last one is dense, after
    a global average. Each binary convolution is followed by batch normalization; with shortcuts
    its input is added to that, as in Bi-Real Net (arXiv:1808.00278). Weights are latent ones under
    a straight-through sign.

    Args:
        shortcuts: add each binary convolution's input to its output.
        ends: of the first and the last layer: ``float``; ``binary weights`` (±1 weights, real
            inputs); ``all binary`` (their inputs become signs, too).
        depth: binary convolutions, at least 1.
        channels: of all of them, a multiple of 32.
        input_shape: (height, width, channels) of an image, at least (4, 4, 1).
        classes: number of classes, at least 2.
        seed: seed of the initial weights.

    Returns:
        An uncompiled `tf.keras.Model`: float32 (N, *input_shape) in [-1, 1] to logits (N, classes).

    Raises:
        InputError: an argument is out of range.
        BnnLabError: TensorFlow is not installed.
    """
    if ends not in ENDS:
        raise InputError(f"deep_digits(ends={ends!r}): must be one of {', '.join(ENDS)}.")
    if depth < 1 or channels < 32 or channels % 32:
        raise InputError(
            f"deep_digits({depth=}, {channels=}): needs a depth of at least 1 and channels that "
            "fill 32-bit words. Fix: try channels=32 or 64."
        )
    check_images("deep_digits", input_shape, classes, smallest=4)
    tf, layers, lq = tools()
    glorot = _initializers(seed)

    def norm(x: Any) -> Any:
        return layers.BatchNormalization(momentum=0.9)(x)

    end = {} if ends == FLOAT else _binary(inputs=ends == BINARY)
    padded = {"padding": "same", "use_bias": False}
    image = layers.Input(input_shape, name="image")
    x = lq.layers.QuantConv2D(
        channels, 3, strides=2, name="first", kernel_initializer=glorot(), **padded, **end
    )(image)
    x = layers.MaxPool2D()(norm(x))
    for number in range(1, depth + 1):
        y = lq.layers.QuantConv2D(
            channels,
            3,
            name=f"binary_{number}",
            pad_values=1.0,
            kernel_initializer=glorot(),
            **padded,
            **_binary(inputs=True),
        )(x)
        y = norm(y)
        x = layers.Add()([x, y]) if shortcuts else y
    x = layers.GlobalAveragePooling2D()(x)
    # Signs of averages need a zero that lies among them.
    x = norm(x) if ends == BINARY else x
    end = {} if ends == FLOAT else _binary(inputs=ends == BINARY)
    x = lq.layers.QuantDense(
        classes, name="last", use_bias=False, kernel_initializer=glorot(), **end
    )(x)
    return tf.keras.Model(image, norm(x), name="deep_digits")


def sectioned_digits(
    shortcuts: Sequence[bool] = (True, True, True),
    *,
    convolutions: int = 2,
    channels: int = 32,
    input_shape: tuple[int, int, int] = (28, 28, 1),
    classes: int = 10,
    seed: int = 0,
) -> Any:
    """Build a network of sections, each with its shortcuts or without, between float ends.

    The first layer is a 3×3 convolution with stride 2. A section is a number of binary 3×3
    convolutions, each followed by batch normalization, and by the addition of its input where the
    section has shortcuts. Between sections an average pooling halves the size and a float 1×1
    convolution doubles the channels, as in QuickNet (arXiv:2011.09398), with and without shortcuts.

    Args:
        shortcuts: for each section, whether its input is added around every convolution.
        convolutions: of each section, at least 1.
        channels: of the first section, a multiple of 32.
        input_shape: (height, width, channels) of an image; each section needs a pixel.
        classes: number of classes, at least 2.
        seed: seed of the initial weights.

    Returns:
        An uncompiled `tf.keras.Model`: float32 (N, *input_shape) in [-1, 1] to logits (N, classes).

    Raises:
        InputError: an argument is out of range.
        BnnLabError: TensorFlow is not installed.
    """
    if not shortcuts or convolutions < 1 or channels < 32 or channels % 32:
        raise InputError(
            f"sectioned_digits(shortcuts={tuple(shortcuts)}, {convolutions=}, {channels=}): needs "
            "a section, a convolution in it, and channels that fill 32-bit words."
        )
    check_images("sectioned_digits", input_shape, classes, smallest=2 ** len(shortcuts))
    tf, layers, lq = tools()
    glorot = _initializers(seed)

    def conv(x: Any, width: int, size: int, **options: Any) -> Any:
        made = lq.layers.QuantConv2D(
            width, size, padding="same", use_bias=False, kernel_initializer=glorot(), **options
        )
        return layers.BatchNormalization(momentum=0.9)(made(x))

    image = layers.Input(input_shape, name="image")
    x = conv(image, channels, 3, strides=2)
    for number, added in enumerate(shortcuts):
        width = channels * 2**number
        if number:
            x = conv(layers.AvgPool2D()(x), width, 1)
        for _ in range(convolutions):
            y = conv(x, width, 3, pad_values=1.0, **_binary(inputs=True))
            x = layers.Add()([x, y]) if added else y
    x = layers.Dense(classes, kernel_initializer=glorot())(layers.GlobalAveragePooling2D()(x))
    return tf.keras.Model(image, x, name="sectioned_digits")


def _initializers(seed: int) -> Callable[[], Any]:
    """Gives each layer an initializer with a seed of its own."""
    tf, _, _ = tools()
    seeds = iter(range(seed * 1000, seed * 1000 + 1000))
    return lambda: tf.keras.initializers.GlorotUniform(next(seeds))


def _binary(inputs: bool) -> dict[str, Any]:
    """Options of a layer with latent weights under a straight-through sign."""
    _, _, lq = tools()
    return {
        "kernel_quantizer": lq.quantizers.SteSign(clip_value=1.0),
        "kernel_constraint": lq.constraints.WeightClip(clip_value=1.0),
        "input_quantizer": lq.quantizers.SteSign(clip_value=1.0) if inputs else None,
    }
