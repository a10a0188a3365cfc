"""A fully connected BNN for small images; on the 8×8 digits it trains in a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab.data.digits import CLASSES, IMAGE_SHAPE
from bnn_lab.errors import InputError
from bnn_lab.models._common import check_images


def digits_mlp(
    hidden: Sequence[int] = (128, 128),
    seed: int = 0,
    *,
    kernel_quantizer: Callable[[], Any] | None = None,
    input_quantizer: Callable[[], Any] | None = None,
    kernel_constraint: Callable[[], Any] | None = None,
    kernel_regularizer: Callable[[], Any] | None = None,
    binary: bool = True,
    input_shape: tuple[int, int, int] = IMAGE_SHAPE,
    classes: int = CLASSES,
) -> Any:
    """Build pixels - hidden - classes with batch normalization after each dense layer.

    All kernels are binary, also the first, which reads the image as it is, and the last. The
    factories are called once a layer: larq wants one quantizer instance each.

    Args:
        hidden: units of the hidden layers, each at least 1.
        seed: seed of the initial weights (Glorot uniform); the global random state is not touched.
        kernel_quantizer: default ``larq.quantizers.NoOp(precision=1)``, for Bop; with latent
            weights ``lambda: larq.quantizers.SteSign()``.
        input_quantizer: quantizer of all but the first layer, default
            ``larq.quantizers.SteSign()``.
        kernel_constraint: default none.
        kernel_regularizer: default none.
        binary: False builds the float network of the same shape, with ReLU; the two quantizers
            must then be left out.
        input_shape: (height, width, channels) of an image.
        classes: number of classes, at least 2.

    Returns:
        An uncompiled `tf.keras.Sequential`: float32 (N, *input_shape) in [-1, 1] to logits
        (N, classes).

    Raises:
        InputError: a layer has no units, there is no such image or number of classes, or a
            quantizer was given for a float network.
        BnnLabError: TensorFlow is not installed.
    """
    if any(units < 1 for units in hidden):
        raise InputError(f"digits_mlp({hidden=}): every layer needs at least one unit.")
    if not binary and (kernel_quantizer or input_quantizer):
        raise InputError("digits_mlp(binary=False): a float network has no quantizers.")
    check_images("digits_mlp", input_shape, classes, smallest=1)
    tf = require_tensorflow()
    import larq as lq

    layers = [tf.keras.Input(input_shape, name="image"), tf.keras.layers.Flatten(name="flatten")]
    for number, units in enumerate([*hidden, classes], start=1):
        options: dict[str, Any] = {
            "use_bias": False,
            "kernel_initializer": tf.keras.initializers.GlorotUniform(seed * 100 + number),
            "kernel_constraint": kernel_constraint() if kernel_constraint else None,
            "kernel_regularizer": kernel_regularizer() if kernel_regularizer else None,
            "name": f"dense_{number}",
        }
        if binary:
            make_kernel = kernel_quantizer or (lambda: lq.quantizers.NoOp(precision=1))
            make_input = input_quantizer or lq.quantizers.SteSign
            options["kernel_quantizer"] = make_kernel()
            options["input_quantizer"] = make_input() if number > 1 else None
            layers.append(lq.layers.QuantDense(units, **options))
        else:
            layers.append(tf.keras.layers.Dense(units, **options))
        # Few steps are made per epoch, so the moving averages must follow quickly.
        layers.append(
            tf.keras.layers.BatchNormalization(scale=False, momentum=0.9, name=f"norm_{number}")
        )
        if not binary and number <= len(hidden):
            layers.append(tf.keras.layers.ReLU(name=f"relu_{number}"))
    return tf.keras.Sequential(layers, name="digits_mlp" if binary else "digits_mlp_float")
