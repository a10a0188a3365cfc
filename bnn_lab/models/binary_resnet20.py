"""ResNet-20 for small images with binary convolutions, as IR-Net and ReCU train it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnn_lab.errors import InputError
from bnn_lab.models._common import (
    average_pool,
    binary_kernel,
    check_image,
    float_conv,
    tools,
    without_clip_advice,
)
from bnn_lab.models.weight_quantizers import (
    channel_scale,
    ede_sign,
    libra_sign,
    recu_input_sign,
    recu_sign,
)

SIGN, IR_NET, RECU = "sign", "ir-net", "recu"
QUANTIZERS = (SIGN, IR_NET, RECU)


def binary_resnet20(
    input_shape: Sequence[int] = (32, 32, 3),
    classes: int = 10,
    *,
    filters: int = 16,
    blocks: Sequence[int] = (3, 3, 3),
    quantizers: str = SIGN,
    latent_weights: bool = True,
) -> Any:
    """Build the ResNet-20 of IR-Net's and ReCU's public codes for CIFAR-10: 269,850 parameters.

    Between a float convolution and a float dense layer there are 18 binary 3×3 convolutions, each
    with a shortcut and a clip of the sum to [-1, 1]. Where filters double, the shortcut is
    subsampled (ReCU: averaged) and its new channels are zeros, half of them on each side. The
    authors' codes pad a convolution of stride 2 on both sides, Keras on one.

    Args:
        input_shape: (height, width, channels); sides must be multiples of 2^(sections - 1).
        classes: at least 2.
        filters: of the first section, a multiple of 4; each section doubles them.
        blocks: pairs of binary convolutions in each section, each at least 1.
        quantizers: ``ir-net``: `ede_sign` and `libra_sign` (arXiv:1909.10788); ``recu``:
            `recu_input_sign`, `recu_sign` and `channel_scale` (arXiv:2103.12369); ``sign``:
            straight-through signs and clipped latent weights, to compare with.
        latent_weights: False for Bop, which goes with ``sign``.

    Returns:
        An uncompiled Keras model: float32 images to logits (N, classes).

    Raises:
        InputError: an argument is out of range.
    """
    if quantizers not in QUANTIZERS:
        raise InputError(f"binary_resnet20({quantizers=}): must be one of {', '.join(QUANTIZERS)}.")
    if not latent_weights and quantizers != SIGN:
        raise InputError(
            f"binary_resnet20({quantizers=}): it quantizes latent weights, of which Bop has none. "
            "Fix: use quantizers='sign', or another optimizer."
        )
    if filters < 4 or filters % 4 or not blocks or any(count < 1 for count in blocks):
        raise InputError(
            f"binary_resnet20({filters=}, {blocks=}): filters must be a multiple of 4 and blocks "
            "at least 1."
        )
    check_image("binary_resnet20", input_shape, classes, divisor=2 ** (len(blocks) - 1))
    tf, layers, lq = tools()

    def norm(x: Any) -> Any:
        return layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    def signs() -> dict[str, Any]:
        if quantizers == IR_NET:
            return {"input_quantizer": ede_sign(), "kernel_quantizer": libra_sign()}
        if quantizers == RECU:
            return {"input_quantizer": recu_input_sign(), "kernel_quantizer": recu_sign()}
        return {"input_quantizer": lq.quantizers.SteSign(), **binary_kernel(latent_weights)}

    def clip(x: Any) -> Any:
        return tf.clip_by_value(x, -1.0, 1.0)

    def conv(x: Any, width: int) -> Any:
        strides, shortcut = 1, x
        if x.shape[-1] != width:
            strides, new = 2, (width - x.shape[-1]) // 2
            shortcut = layers.AveragePooling2D(2 if quantizers == RECU else 1, strides=2)(x)
            shortcut = tf.pad(shortcut, [[0, 0], [0, 0], [0, 0], [new, new]])
        x = lq.layers.QuantConv2D(
            width,
            3,
            strides=strides,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            **signs(),
        )(x)
        x = channel_scale()(x) if quantizers == RECU else x
        return clip(layers.add([norm(x), shortcut]))

    with without_clip_advice():
        image = tf.keras.Input(tuple(input_shape))
        x = clip(norm(float_conv(image, filters, 3, start="he_normal")))
        for section, count in enumerate(blocks):
            for _ in range(2 * count):
                x = conv(x, filters * 2**section)
        x = layers.Dense(classes, kernel_initializer="he_normal")(norm(average_pool(x)))
        return tf.keras.Model(image, x, name="binary_resnet20")
