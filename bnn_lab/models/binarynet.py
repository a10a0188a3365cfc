"""BinaryNet (arXiv:1602.02830): the VGG-like network on which Bop was studied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnn_lab.errors import InputError
from bnn_lab.models._common import binary_kernel, check_image, tools


def binarynet(
    input_shape: Sequence[int] = (32, 32, 3),
    classes: int = 10,
    *,
    filters: Sequence[int] = (128, 256, 512),
    units: int = 1024,
    latent_weights: bool = True,
    momentum: float = 0.9,
    first_padding: str = "same",
) -> Any:
    """Build BinaryNet: pairs of 3×3 convolutions, then three dense layers, all with ±1 weights.

    Args:
        input_shape: (height, width, channels); height and width multiples of 2^pairs.
        classes: at least 2.
        filters: numbers of filters of each pair of convolutions; each pair ends in 2×2 max pooling.
        units: numbers of units of the two hidden dense layers.
        latent_weights: False for Bop.
        momentum: momentum of batch normalization's moving averages.
        first_padding: ``same``, or ``valid``, which with a momentum of 0.99 is the network of
            arXiv:1906.02107's public code: 10,363,550 parameters for CIFAR-10.

    Returns:
        An uncompiled `tf.keras.Sequential`: float32 images to logits (N, classes).

    Raises:
        InputError: an argument is out of range.
    """
    if not filters or any(f < 1 for f in filters) or units < 1:
        raise InputError(f"binarynet({filters=}, {units=}): all must be at least 1.")
    if first_padding not in ("same", "valid"):
        raise InputError(f"binarynet({first_padding=}): must be 'same' or 'valid'.")
    check_image("binarynet", input_shape, classes, divisor=2 ** len(filters))
    if first_padding == "valid" and min(input_shape[:2]) // 2 ** len(filters) < 2:
        raise InputError(
            f"binarynet(input_shape={tuple(input_shape)}): without padding nothing is left after "
            f"{len(filters)} poolings. Fix: use larger images, or first_padding='same'."
        )
    tf, layers, lq = tools()
    model = tf.keras.Sequential(name="binarynet")
    model.add(tf.keras.Input(tuple(input_shape), name="image"))

    def options() -> dict[str, Any]:
        first = not any(hasattr(layer, "kernel") for layer in model.layers)
        quantizer = None if first else lq.quantizers.SteSign()
        return {
            "input_quantizer": quantizer,
            "use_bias": False,
            **binary_kernel(latent_weights),
        }

    def norm() -> None:
        model.add(layers.BatchNormalization(scale=False, momentum=momentum))

    for number, count in enumerate(filters):
        padding = "same" if number else first_padding
        model.add(lq.layers.QuantConv2D(count, 3, padding=padding, **options()))
        norm()
        model.add(lq.layers.QuantConv2D(count, 3, padding="same", **options()))
        model.add(layers.MaxPool2D())
        norm()
    model.add(layers.Flatten())
    for count in (units, units, classes):
        model.add(lq.layers.QuantDense(count, **options()))
        norm()
    return model


def binarynet_small(
    input_shape: Sequence[int] = (32, 32, 3), classes: int = 10, **more: Any
) -> Any:
    """BinaryNet with a quarter of the filters: trains on a laptop; arguments as `binarynet`."""
    return binarynet(input_shape, classes, **{"filters": (32, 64, 128), "units": 256, **more})
