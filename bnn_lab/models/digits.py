"""A small convolutional BNN for the 8×8 digits, or other small images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab.data.digits import CLASSES, IMAGE_SHAPE
from bnn_lab.errors import InputError
from bnn_lab.models._common import check_images

WORD_CHANNELS = 32
BINARY = (2, 3, 4)  # numbers of the binary convolutions


def digits_bnn(
    channels: int = 128,
    seed: int = 0,
    *,
    input_shape: tuple[int, int, int] = IMAGE_SHAPE,
    classes: int = CLASSES,
    stride: int = 1,
    pools: Sequence[int] = (3,),
) -> Any:
    """Build the digits network: four 3×3 convolutions with ±1 weights.

    The first one reads the grey image, so its input is float ("binary weights, float input", as in
    BinaryNet, arXiv:1602.02830). The other three are binary on both sides and do over 99 % of the
    multiply-accumulates (MACs). They pad with +1, which costs nothing when bitpacked. Each
    convolution is followed by batch normalization without scale: a positive scale cannot change a
    sign. The classifier is float.

    The kernels carry larq's ``NoOp(precision=1)`` quantizer: they hold the binary weights
    themselves and no latent weights, which is what Bop trains (arXiv:1906.02107, section 4).
    Call `bnn_lab.training.set_binary_signs` before training; Keras initialises them to small
    floats.

    Args:
        channels: output channels of the binary convolutions, a multiple of 64; the first
            convolution has half as many, so that all inputs fill whole 32-bit words.
        seed: seed of the initial weights; the global random state is not touched.
        input_shape: (height, width, channels) of an image, at least (2, 2, 1).
        classes: number of classes, at least 2.
        stride: of the first convolution, 1 or 2; 2 halves larger images at once.
        pools: the binary convolutions, of 2, 3 and 4, whose results a 2×2 max pool halves.

    Returns:
        An uncompiled `tf.keras.Sequential`: float32 (N, *input_shape) in [-1, 1] to logits
        (N, classes).

    Raises:
        InputError: `channels` is not a positive multiple of 64, there is no such image, number of
            classes, stride or pool, or the image is too small to be halved so often.
        BnnLabError: TensorFlow is not installed.
    """
    if channels <= 0 or channels % (2 * WORD_CHANNELS):
        raise InputError(
            f"digits_bnn(channels={channels}): must be a positive multiple of 64, so that half of "
            "it fills whole 32-bit words. Fix: try 64, 128 or 192."
        )
    if stride not in (1, 2) or not set(pools) <= set(BINARY):
        raise InputError(
            f"digits_bnn({stride=}, {pools=}): the stride is 1 or 2, and pools are among "
            f"{BINARY}. Fix: stride=2, pools=(2, 3) suit images of 28×28."
        )
    check_images("digits_bnn", input_shape, classes, smallest=stride * 2 ** len(set(pools)))
    tf = require_tensorflow()
    import larq as lq

    layers = tf.keras.layers
    seeds = iter(range(seed * 100, seed * 100 + 100))

    def glorot() -> Any:
        return tf.keras.initializers.GlorotUniform(next(seeds))

    def norm(name: str) -> Any:
        # Few steps are made per epoch, so the moving averages must follow quickly.
        return layers.BatchNormalization(scale=False, momentum=0.9, name=name)

    def binary_weights(filters: int, name: str, **options: Any) -> Any:
        return lq.layers.QuantConv2D(
            filters,
            3,
            padding="same",
            use_bias=False,
            # larq wants one quantizer instance a layer.
            kernel_quantizer=lq.quantizers.NoOp(precision=1),
            kernel_initializer=glorot(),
            name=name,
            **options,
        )

    def binary_conv(filters: int, number: int) -> Any:
        # The quantizer is a layer too; its name is what students find in the converted graph.
        sign = lq.quantizers.SteSign(name=f"sign_{number}")
        name = f"conv_{number}_binary"
        return binary_weights(filters, name, pad_values=1.0, input_quantizer=sign)

    def block(number: int) -> list[Any]:
        pool = [layers.MaxPool2D(name=f"pool_{number}")] if number in pools else []
        return [binary_conv(channels, number), norm(f"norm_{number}"), *pool]

    return tf.keras.Sequential(
        [
            tf.keras.Input(input_shape, name="image"),
            binary_weights(channels // 2, "conv_1_float_input", strides=stride),
            norm("norm_1"),
            *(layer for number in BINARY for layer in block(number)),
            layers.GlobalAveragePooling2D(name="average"),
            layers.Dense(classes, kernel_initializer=glorot(), name="classifier"),
        ],
        name="digits_bnn",
    )
