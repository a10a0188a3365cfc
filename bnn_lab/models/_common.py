"""What the families of networks share."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab.errors import InputError

IMAGENET_SHAPE = (224, 224, 3)
IMAGENET_CLASSES = 1000


def tools() -> tuple[Any, Any, Any]:
    """(tensorflow, tf.keras.layers, larq)."""
    tf = require_tensorflow()
    import larq as lq

    return tf, tf.keras.layers, lq


def keras_classes(make: Callable[[], Iterable[type]]) -> Callable[[], dict[str, Any]]:
    """A function of classes by name, which `make` makes on first use: their bases need TensorFlow.

    Keras then finds each of them when it loads a file.
    """

    @cache
    def classes() -> dict[str, Any]:
        _, _, lq = tools()
        made = {each.__name__: each for each in make()}
        for each in made.values():
            lq.utils.register_keras_custom_object(each)
        return made

    return classes


def binary_kernel(latent_weights: bool, clip: float = 1.0) -> dict[str, Any]:
    """Options of one larq layer: how its kernel becomes ±1.

    Args:
        latent_weights: True: straight-through sign with weight clipping; False: ``NoOp``, for Bop.
        clip: where the straight-through gradient ends and latent weights are clipped.
    """
    _, _, lq = tools()
    if not latent_weights:
        return {"kernel_quantizer": lq.quantizers.NoOp(precision=1)}
    return {
        "kernel_quantizer": lq.quantizers.SteSign(clip_value=clip),
        "kernel_constraint": lq.constraints.WeightClip(clip_value=clip),
    }


def binary_conv(
    x: Any, filters: int, size: int = 3, *, latent_weights: bool, clip: float = 1.0, **options: Any
) -> Any:
    """Convolution of ±1 with ±1, without bias, padded to the same size.

    Args:
        x: symbolic tensor; its sign is taken.
        filters: output channels.
        size: size of the kernel.
        latent_weights: False for Bop, see `binary_kernel`.
        clip: limit of the straight-through gradients, also the input's.
        **options: others of `larq.layers.QuantConv2D`, or instead of these.
    """
    _, _, lq = tools()
    settings = {
        "padding": "same",
        "use_bias": False,
        "input_quantizer": lq.quantizers.SteSign(clip),
        "kernel_initializer": "glorot_normal",
        **binary_kernel(latent_weights, clip),
        **options,
    }
    return lq.layers.QuantConv2D(filters, size, **settings)(x)


def float_conv(
    x: Any, filters: int, size: int, *, strides: int = 1, start: str = "glorot_normal"
) -> Any:
    """Float convolution without bias, padded to the same size; `start` initialises its kernel."""
    _, layers, _ = tools()
    return layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer=start,
    )(x)


@contextmanager
def without_clip_advice() -> Iterator[None]:
    """No advice from larq to clip latent weights, where their absence is the point."""
    log = logging.getLogger("larq.layers_base")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def check_image(name: str, input_shape: Sequence[int], classes: int, divisor: int = 32) -> None:
    """Refuse sizes that the network's strides cannot halve.

    Raises:
        InputError: see above, or fewer than 2 classes.
    """
    sizes = tuple(input_shape)
    if len(sizes) != 3 or any(not isinstance(s, int) or s < 1 for s in sizes):
        raise InputError(
            f"{name}(input_shape={input_shape!r}): must be (height, width, channels), all known."
        )
    if sizes[0] % divisor or sizes[1] % divisor:
        raise InputError(
            f"{name}(input_shape={sizes}): height and width must be multiples of {divisor}."
        )
    if classes < 2:
        raise InputError(f"{name}({classes=}): must be at least 2.")


def average_pool(x: Any) -> Any:
    """Mean over height and width by a pooling of fixed size, which converts to a quick op."""
    _, layers, _ = tools()
    return layers.Flatten()(layers.AveragePooling2D(x.shape[1:3])(x))


def softmax(x: Any) -> Any:
    """Class probabilities in float32, also under mixed precision."""
    _, layers, _ = tools()
    return layers.Activation("softmax", dtype="float32")(x)


def check_images(
    network: str, input_shape: tuple[int, int, int], classes: int, *, smallest: int
) -> None:
    """Refuse images or classes that a network cannot be built for.

    Args:
        network: its name, for the message.
        input_shape: (height, width, channels).
        classes: number of classes.
        smallest: least height and width.

    Raises:
        InputError: it cannot.
    """
    if len(input_shape) != 3 or min(input_shape[:2]) < smallest or input_shape[2] < 1:
        raise InputError(
            f"{network}({input_shape=}): needs (height, width, channels) with at least {smallest} "
            "pixels a side and one channel."
        )
    if classes < 2:
        raise InputError(f"{network}({classes=}): needs at least 2 classes.")
