"""AlexNet in three binarizations: BinaryAlexNet, XNOR-Net and DoReFa-Net."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnn_lab.models._common import (
    IMAGENET_CLASSES,
    IMAGENET_SHAPE,
    binary_conv,
    binary_kernel,
    check_image,
    softmax,
    tools,
    without_clip_advice,
)

XNOR_DECAY = 5e-7


def binary_alexnet(
    input_shape: Sequence[int] = IMAGENET_SHAPE,
    classes: int = IMAGENET_CLASSES,
    *,
    latent_weights: bool = True,
    scale: bool = False,
) -> Any:
    """BinaryAlexNet (Hubara et al., Binarized Neural Networks, NIPS 2016), as in larq-zoo.

    Every layer has ±1 weights, the first and the last too. The dense layers are 1×1 convolutions.

    Args:
        input_shape: (height, width, channels).
        classes: at least 2.
        latent_weights: False for Bop.
        scale: whether batch normalization has factors; with them this is the network of
            arXiv:1906.02107's public code, 61,869,664 parameters.

    Returns:
        An uncompiled Keras model: float32 images to probabilities (N, classes).

    Raises:
        InputError: an argument is out of range.
    """
    check_image("binary_alexnet", input_shape, classes)
    tf, layers, _ = tools()

    def conv(x: Any, filters: int, size: int, *, strides: int = 1, first: bool = False) -> Any:
        options: dict[str, Any] = {"strides": strides, "kernel_initializer": "glorot_uniform"}
        if first:
            options["input_quantizer"] = None
        return binary_conv(x, filters, size, latent_weights=latent_weights, **options)

    def pool(x: Any) -> Any:
        return layers.MaxPool2D(3, strides=2)(x)

    def norm(x: Any) -> Any:
        return layers.BatchNormalization(scale=scale, momentum=0.9)(x)

    image = tf.keras.Input(tuple(input_shape))
    x = norm(pool(conv(image, 64, 11, strides=4, first=True)))
    x = norm(pool(conv(x, 192, 5)))
    x = norm(conv(x, 384, 3))
    x = norm(conv(x, 384, 3))
    x = norm(pool(conv(x, 256, 3)))
    x = layers.Reshape((1, 1, -1))(x)
    for units in (4096, 4096, classes):
        x = norm(conv(x, units, 1))
    return tf.keras.Model(image, softmax(layers.Flatten()(x)), name="binary_alexnet")


def xnornet(
    input_shape: Sequence[int] = IMAGENET_SHAPE,
    classes: int = IMAGENET_CLASSES,
    *,
    latent_weights: bool = True,
    scale: bool = False,
) -> Any:
    """XNOR-Net (arXiv:1603.05279), as in larq-zoo: ±alpha weights, alpha the filter's mean |w|.

    The first convolution and the last dense layer are float. With Bop there are no magnitudes to
    average, so weights are plain ±1 and only float kernels are decayed (arXiv:1906.02107).

    Args:
        input_shape: (height, width, channels).
        classes: at least 2.
        latent_weights: False for Bop.
        scale: whether batch normalization has factors; with them this is the network of
            arXiv:1906.02107's public code, 62,406,432 parameters.

    Returns:
        An uncompiled Keras model: float32 images to probabilities (N, classes).

    Raises:
        InputError: an argument is out of range.
    """
    check_image("xnornet", input_shape, classes)
    tf, layers, lq = tools()
    decay = tf.keras.regularizers.l2

    def options() -> dict[str, Any]:
        if not latent_weights:
            return binary_kernel(False)
        return {
            "kernel_quantizer": filter_scaled_sign(),
            "kernel_constraint": lq.constraints.WeightClip(1.0),
            "kernel_regularizer": decay(XNOR_DECAY),
        }

    def conv(x: Any, filters: int, size: int, padding: str = "same") -> Any:
        return lq.layers.QuantConv2D(
            filters,
            size,
            padding=padding,
            use_bias=False,
            input_quantizer=lq.quantizers.SteSign(),
            **options(),
        )(x)

    def pool(x: Any) -> Any:
        return layers.MaxPool2D(3, strides=2)(x)

    def norm(x: Any, epsilon: float = 1e-4) -> Any:
        return layers.BatchNormalization(momentum=0.9, scale=scale, epsilon=epsilon)(x)

    image = tf.keras.Input(tuple(input_shape))
    x = layers.Conv2D(
        96, 11, strides=4, padding="same", use_bias=False, kernel_regularizer=decay(XNOR_DECAY)
    )(image)
    x = norm(pool(layers.ReLU()(norm(x, 1e-5))))
    x = norm(pool(conv(x, 256, 5)))
    x = norm(conv(x, 384, 3))
    x = norm(conv(x, 384, 3))
    x = norm(pool(conv(x, 256, 3)))
    x = norm(conv(x, 4096, 6, "valid"))
    x = layers.ReLU()(norm(conv(x, 4096, 1, "valid"), 1e-3))
    x = layers.Flatten()(x)
    x = layers.Dense(classes, use_bias=False, kernel_regularizer=decay(XNOR_DECAY))(x)
    return tf.keras.Model(image, softmax(x), name="xnornet")


def dorefanet(
    input_shape: Sequence[int] = IMAGENET_SHAPE,
    classes: int = IMAGENET_CLASSES,
    *,
    activation_bits: int = 2,
) -> Any:
    """DoReFa-Net (arXiv:1606.06160), as in larq-zoo: ±alpha weights, activations of a few bits.

    alpha is the layer's mean |w|. The first and the last layer are float. Activations have 2 bits,
    so the convolutions are not bitpacked when converted.

    Args:
        input_shape: (height, width, channels).
        classes: at least 2.
        activation_bits: at least 1.

    Returns:
        An uncompiled Keras model: float32 images to probabilities (N, classes).

    Raises:
        InputError: an argument is out of range.
    """
    check_image("dorefanet", input_shape, classes)
    tf, layers, lq = tools()

    def options() -> dict[str, Any]:
        return {
            "use_bias": False,
            "input_quantizer": lq.quantizers.DoReFa(k_bit=activation_bits, mode="activations"),
            "kernel_quantizer": layer_scaled_sign(),
        }

    def norm(x: Any) -> Any:
        return layers.BatchNormalization(scale=False, momentum=0.9, epsilon=1e-4)(x)

    def conv(x: Any, filters: int, size: int) -> Any:
        return norm(lq.layers.QuantConv2D(filters, size, padding="same", **options())(x))

    def pool(x: Any, padding: str = "same") -> Any:
        return layers.MaxPool2D(3, strides=2, padding=padding)(x)

    with without_clip_advice():
        image = tf.keras.Input(tuple(input_shape))
        x = layers.Conv2D(96, 12, strides=4)(image)
        x = pool(conv(x, 256, 5))
        x = pool(conv(x, 384, 3))
        x = conv(x, 384, 3)
        x = pool(conv(x, 256, 3), "valid")
        x = layers.Flatten()(x)
        for _ in range(2):
            x = norm(lq.layers.QuantDense(4096, **options())(x))
        x = layers.ReLU(max_value=1.0)(x)
        x = softmax(layers.Dense(classes)(x))
        return tf.keras.Model(image, x, name="dorefanet")


def filter_scaled_sign() -> Any:
    """XNOR-Net's quantizer: sign(w) times the filter's mean |w| (arXiv:1603.05279, equation 6).

    Returns:
        A new larq quantizer of precision 1 for kernels of convolutions.
    """
    return _scaled_sign_class()(per_filter=True, clip_value=1.0)


def layer_scaled_sign() -> Any:
    """DoReFa-Net's quantizer: sign(w) times the layer's mean |w| (arXiv:1606.06160, equation 8).

    Returns:
        A new larq quantizer of precision 1, its gradient unclipped.
    """
    return _scaled_sign_class()(per_filter=False, clip_value=None)


_CLASSES: dict[str, Any] = {}


def _scaled_sign_class() -> Any:
    """The class is made on first use, because its base needs TensorFlow."""
    if _CLASSES:
        return _CLASSES["ScaledSign"]
    tf, _, lq = tools()
    base: Any = lq.quantizers.Quantizer

    class ScaledSign(base):
        """Sign times mean magnitude; the mean is a constant for DoReFa's gradient only."""

        precision = 1

        def __init__(self, per_filter: bool, clip_value: float | None, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.per_filter, self.clip_value = per_filter, clip_value

        def call(self, inputs: Any) -> Any:
            axes = list(range(len(inputs.shape) - 1)) if self.per_filter else None
            if self.clip_value is not None:
                inputs = tf.clip_by_value(inputs, -self.clip_value, self.clip_value)
            size = tf.reduce_mean(tf.abs(inputs), axis=axes, keepdims=self.per_filter)
            if not self.per_filter:
                size = tf.stop_gradient(size)
                # Multiplied inside, so that the gradient of the weights is the incoming one.
                return inputs + tf.stop_gradient(size * lq.math.sign(inputs) - inputs)
            return super().call(size * lq.quantizers.ste_sign(inputs, self.clip_value))

        def get_config(self) -> dict[str, Any]:
            own = {"per_filter": self.per_filter, "clip_value": self.clip_value}
            return {**super().get_config(), **own}

    lq.utils.register_keras_custom_object(ScaledSign)
    _CLASSES["ScaledSign"] = ScaledSign
    return ScaledSign
