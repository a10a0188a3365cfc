"""The networks named in the literature on binarized neural networks, at a small width.

Each builder follows the layer order of the paper it names; `width` scales channels and `image` the
input, so that conversion takes seconds while every structural feature stays. The output is
that before the softmax, which would hide differences.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import larq as lq

from bnn_lab._keras import require_tensorflow

tf = require_tensorflow()
layers = tf.keras.layers
Conv = lq.layers.QuantConv2D
Dense = lq.layers.QuantDense
BINARY = {
    "input_quantizer": "ste_sign",
    "kernel_quantizer": "ste_sign",
    "kernel_constraint": "weight_clip",
    "use_bias": False,
}
KERNEL_ONLY = {"kernel_quantizer": "ste_sign", "kernel_constraint": "weight_clip"}


def norm(x: Any, **options: Any) -> Any:
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, **options)(x)


def binary_net(width: int = 32, image: int = 16, classes: int = 10) -> tf.keras.Model:
    """Courbariaux et al. 2016, for CIFAR-10: conv, [pool], BN, sign; three dense layers."""
    inputs = x = tf.keras.Input((image, image, 3))
    for index, factor in enumerate([1, 1, 2, 2, 4, 4]):
        options = {**BINARY, "padding": "same", "pad_values": 1}
        if index == 0:
            options.update(KERNEL_ONLY, input_quantizer=None, pad_values=0)
        x = Conv(width * factor, 3, **options)(x)
        if index % 2:
            x = layers.MaxPool2D(2)(x)
        x = norm(x, scale=False)
    x = layers.Flatten()(x)
    for units in (8 * width, 8 * width, classes):
        x = norm(Dense(units, **BINARY)(x), scale=False)
    return tf.keras.Model(inputs, x, name="binary_net")


def binary_alex_net(width: int = 32, image: int = 67, classes: int = 10) -> tf.keras.Model:
    """Hubara et al. 2016: a large first window with stride 4, overlapping pools, dense layers."""
    inputs = x = tf.keras.Input((image, image, 3))
    plan = [(2, 11, 4, True), (4, 5, 1, True), (6, 3, 1, False), (6, 3, 1, False), (4, 3, 1, True)]
    for index, (factor, size, stride, pool) in enumerate(plan):
        options = {**BINARY, "padding": "same", "pad_values": 1, "strides": stride}
        if index == 0:
            options.update(KERNEL_ONLY, input_quantizer=None, pad_values=0)
        x = Conv(width * factor // 2, size, **options)(x)
        if pool:
            x = layers.MaxPool2D(3, 2)(x)
        x = norm(x, scale=False)
    x = layers.Flatten()(x)
    for units in (16 * width, 16 * width, classes):
        x = norm(Dense(units, **BINARY)(x), scale=False)
    return tf.keras.Model(inputs, x, name="binary_alex_net")


def xnor_net(width: int = 32, image: int = 67, classes: int = 10) -> tf.keras.Model:
    """Rastegari et al. 2016: BN, sign, conv, ReLU; kernels scaled by their mean magnitude."""
    quantizer = lq.quantizers.MagnitudeAwareSign
    inputs = x = tf.keras.Input((image, image, 3))
    x = layers.Conv2D(width, 11, 4, padding="same", use_bias=False)(x)
    x = layers.Activation("relu")(norm(x, scale=False, center=False))
    x = layers.MaxPool2D(3, 2)(x)
    for factor, size, pool in [(2, 5, True), (3, 3, False), (3, 3, False), (2, 3, True)]:
        x = norm(x)
        x = Conv(
            width * factor,
            size,
            padding="same",
            input_quantizer="ste_sign",
            kernel_quantizer=quantizer(),
            use_bias=False,
            activation="relu",
        )(x)
        if pool:
            x = layers.MaxPool2D(3, 2)(x)
    x = norm(x)
    for index in range(2):
        x = Conv(
            16 * width,
            x.shape[1],
            padding="valid",
            input_quantizer="ste_sign",
            kernel_quantizer=quantizer(),
            use_bias=False,
        )(x)
        x = norm(x)
        if index == 0:
            x = layers.Activation("relu")(x)
    x = layers.Flatten()(layers.Activation("relu")(x))
    return tf.keras.Model(inputs, layers.Dense(classes)(x), name="xnor_net")


def bireal_net(width: int = 32, image: int = 64, classes: int = 10) -> tf.keras.Model:
    """Liu et al. 2018: a shortcut around every binary convolution."""
    inputs = x = tf.keras.Input((image, image, 3))
    x = norm(layers.Conv2D(width, 7, 2, padding="same", use_bias=False)(x))
    x = layers.MaxPool2D(3, 2, padding="same")(x)
    for stage in range(3):
        for block in range(2):
            stride = 2 if stage and not block else 1
            shortcut = x
            if stride == 2:
                shortcut = layers.AvgPool2D(2, 2)(shortcut)
                shortcut = norm(layers.Conv2D(width << stage, 1, use_bias=False)(shortcut))
            options = {
                **BINARY,
                "input_quantizer": "approx_sign",
                "kernel_quantizer": "magnitude_aware_sign",
            }
            y = Conv(width << stage, 3, stride, padding="same", **options)(x)
            x = layers.add([norm(y), shortcut])
    x = layers.GlobalAvgPool2D()(x)
    return tf.keras.Model(inputs, layers.Dense(classes)(x), name="bireal_net")


def binary_dense_net(
    growth: int = 32, image: int = 64, classes: int = 10, dilated: bool = False
) -> tf.keras.Model:
    """Bethge et al. 2019: concatenated features; optionally dilated instead of subsampled."""
    inputs = x = tf.keras.Input((image, image, 3))
    x = norm(layers.Conv2D(2 * growth, 7, 2, padding="same", use_bias=False)(x))
    x = layers.MaxPool2D(3, 2, padding="same")(layers.Activation("relu")(x))
    dilation = 1
    for stage, count in enumerate((2, 2, 2)):
        if stage:
            x = norm(x)
            if dilated:
                dilation *= 2
            else:
                x = layers.MaxPool2D(2)(x)
            x = layers.Conv2D(x.shape[-1] // 2, 1, use_bias=False)(layers.Activation("relu")(x))
        for _ in range(count):
            y = Conv(growth, 3, padding="same", dilation_rate=dilation, **BINARY)(norm(x))
            x = layers.concatenate([x, y])
    x = layers.GlobalAvgPool2D()(layers.Activation("relu")(norm(x)))
    name = "binary_dense_net_dilated" if dilated else "binary_dense_net"
    return tf.keras.Model(inputs, layers.Dense(classes)(x), name=name)


def dorefa_net(width: int = 32, image: int = 32, classes: int = 10) -> tf.keras.Model:
    """Zhou et al. 2016: 1-bit kernels, 2-bit activations: nothing here is binary throughout."""
    inputs = x = tf.keras.Input((image, image, 3))
    x = layers.Conv2D(width, 5, 2, use_bias=False)(x)
    for factor in (2, 3):
        quantizers = {
            "input_quantizer": lq.quantizers.DoReFa(k_bit=2, mode="activations"),
            "kernel_quantizer": "magnitude_aware_sign",
        }
        x = Conv(width * factor, 3, padding="same", use_bias=False, **quantizers)(x)
        x = layers.MaxPool2D(2)(norm(x))
    x = layers.Flatten()(x)
    return tf.keras.Model(inputs, layers.Dense(classes)(x), name="dorefa_net")


def real_to_binary_net(width: int = 32, image: int = 64, classes: int = 10) -> tf.keras.Model:
    """Martinez et al. 2020: each convolution scaled by a small gate computed from its input."""
    inputs = x = tf.keras.Input((image, image, 3))
    x = norm(layers.Conv2D(width, 7, 2, padding="same", use_bias=False)(x))
    x = layers.MaxPool2D(3, 2, padding="same")(layers.PReLU(shared_axes=[1, 2])(x))
    for stage in range(2):
        for block in range(2):
            stride = 2 if stage and not block else 1
            channels = width << stage
            shortcut = x
            if stride == 2:
                shortcut = layers.AvgPool2D(2, 2, padding="same")(shortcut)
                shortcut = norm(layers.Conv2D(channels, 1, use_bias=False)(shortcut))
            y = norm(x)
            gate = layers.GlobalAvgPool2D()(y)
            gate = layers.Dense(channels // 8, activation="relu", use_bias=False)(gate)
            gate = layers.Dense(channels, activation="sigmoid", use_bias=False)(gate)
            gate = layers.Reshape((1, 1, channels))(gate)
            y = Conv(channels, 3, stride, padding="same", pad_values=1, **BINARY)(y)
            y = layers.PReLU(shared_axes=[1, 2])(layers.multiply([y, gate]))
            x = layers.add([y, shortcut])
    x = layers.GlobalAvgPool2D()(x)
    output = layers.Dense(classes)(x)
    return tf.keras.Model(inputs, output, name="real_to_binary_net")


def melius_net(width: int = 32, image: int = 64, classes: int = 10) -> tf.keras.Model:
    """Bethge et al. 2020: a dense block adds channels, an improvement block refines them."""
    inputs = x = tf.keras.Input((image, image, 3))
    x = norm(layers.Conv2D(width, 3, 2, padding="same", use_bias=False)(x))
    x = layers.Conv2D(width, 3, padding="same", groups=4, use_bias=False)(layers.ReLU()(x))
    x = layers.MaxPool2D(3, 2, padding="same")(layers.ReLU()(norm(x)))
    for stage in range(2):
        if stage:
            x = layers.MaxPool2D(2)(norm(x))
            x = layers.Conv2D(2 * width, 1, use_bias=False)(layers.ReLU()(x))
        for _ in range(2):
            y = Conv(32, 3, padding="same", pad_values=1, **BINARY)(norm(x))
            x = layers.concatenate([x, y])
            y = Conv(32, 3, padding="same", pad_values=1, **BINARY)(norm(x))
            old = x.shape[-1] - 32
            kept = layers.Lambda(lambda t, old=old: t[..., :old])(x)
            new = layers.Lambda(lambda t, old=old: t[..., old:])(x)
            x = layers.concatenate([kept, layers.add([new, y])])
    x = layers.GlobalAvgPool2D()(layers.ReLU()(norm(x)))
    return tf.keras.Model(inputs, layers.Dense(classes)(x), name="melius_net")


def quick_net(
    blocks: tuple[int, ...], width: int = 32, image: int = 64, classes: int = 10
) -> tf.keras.Model:
    """Bannink et al. 2021: residual binary convolutions, ReLU before BN, cheap transitions."""
    inputs = x = tf.keras.Input((image, image, 3))
    x = layers.Conv2D(max(width // 8, 4), 3, 2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(norm(x))
    x = layers.DepthwiseConv2D(3, 2, padding="same", use_bias=False)(x)
    x = norm(layers.Conv2D(width, 1, use_bias=False)(norm(x, scale=False, center=False)))
    for stage, count in enumerate(blocks):
        if stage:
            x = layers.MaxPool2D(3, 1, padding="same")(layers.ReLU()(x))
            x = layers.DepthwiseConv2D(3, 2, padding="same", use_bias=False)(x)
            x = norm(layers.Conv2D(width << stage, 1, use_bias=False)(x))
        for _ in range(count):
            y = Conv(width << stage, 3, padding="same", pad_values=1, activation="relu", **BINARY)(
                x
            )
            x = layers.add([x, norm(y)])
    x = layers.GlobalAvgPool2D()(layers.ReLU()(x))
    x = layers.Dense(classes)(x)
    return tf.keras.Model(inputs, x, name=f"quick_net_{sum(blocks)}")


NETWORKS: dict[str, Callable[[], tf.keras.Model]] = {
    "BinaryNet": binary_net,
    "BinaryAlexNet": binary_alex_net,
    "XNOR-Net": xnor_net,
    "BiRealNet": bireal_net,
    "BinaryDenseNet": binary_dense_net,
    "BinaryDenseNet dilated": lambda: binary_dense_net(dilated=True),
    "DoReFa-Net": dorefa_net,
    "RealToBinaryNet": real_to_binary_net,
    "MeliusNet": melius_net,
    "QuickNet Small": lambda: quick_net((4, 4, 4, 4)),
    "QuickNet Medium": lambda: quick_net((2, 3, 4, 4)),
    "QuickNet Large": lambda: quick_net((6, 8, 12, 6), width=32, image=32),
}
