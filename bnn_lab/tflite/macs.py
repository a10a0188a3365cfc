"""How many multiply-accumulates an op does: the one definition.

Every output pixel meets the whole window, so positions in the padding count; so larq's
`larq.models.summary` and the delegate (`BConv2D::macs`) count too. A transposed convolution is
counted from its input: each of its pixels meets the whole filter. Biases are not counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod
from typing import Any

from bnn_lab.reference import word_count

Shape = Sequence[int]

# Kinds that `op_macs` counts -> positions of the input and of the filter among their operands.
MULTIPLYING = {
    "CONV_2D": (0, 1),
    "DEPTHWISE_CONV_2D": (0, 1),
    "FULLY_CONNECTED": (0, 1),
    "TRANSPOSE_CONV": (2, 1),
    "CONV_3D": (0, 1),
    "CONV_3D_TRANSPOSE": (2, 1),
    "BATCH_MATMUL": (0, 1),
    "LceBconv2d": (0, 1),
    "BnnLabDepthwise2d": (0, 1),
    "BnnLabTranspose2d": (0, 1),
    "BnnLabTernaryDense": (0, 1),
}
BINARY_OPS = ("LceBconv2d", "BnnLabDepthwise2d", "BnnLabTranspose2d")  # ±1 with ±1


def over_pixels(image: Shape, filter_elements: int) -> int:
    """Each pixel of an image (..., C) meets a whole filter, all of its output channels counted."""
    return prod(image[:-1]) * filter_elements


def op_macs(
    kind: str, operands: Sequence[Shape], output: Shape, options: Mapping[str, Any] | None = None
) -> int | None:
    """Multiply-accumulates of one op.

    Args:
        kind: TFLite's name of a builtin op such as "CONV_2D", or a custom code.
        operands: their shapes as in the file: of packed ones in words.
        output: shape of the first result.
        options: options of a binary op, as `tflite.options.decode` gives them; of BATCH_MATMUL, as
            `tflite.options.builtin_values` does.

    Returns:
        The number, None where it is not defined: the op does not multiply and add.
    """
    if kind not in MULTIPLYING:
        return None
    options = options or {}
    at_source, at_filter = MULTIPLYING[kind]
    source, filters = operands[at_source], operands[at_filter]
    match kind:
        case "BATCH_MATMUL":
            return prod(output) * source[-2 if options.get("adjX") else -1]
        case "FULLY_CONNECTED":  # the input may have any shape
            return prod(output) * filters[-1]
        case "BnnLabTernaryDense":  # its weights lie several in a byte
            return prod(output) * options["channels_in"]
        case "TRANSPOSE_CONV" | "CONV_3D_TRANSPOSE":
            return over_pixels(source, prod(filters))
        case "LceBconv2d":
            channels = options["channels_in"]
            groups = max(1, word_count(channels) // filters[3])  # each reads its share of the words
            return over_pixels(output, prod(filters[:3]) * (channels // groups))
        case "BnnLabDepthwise2d":
            channels = options["channels_in"] * options["depth_multiplier"]
            return over_pixels(output, prod(filters[1:3]) * channels)
        case "BnnLabTranspose2d":
            return over_pixels(source, prod(filters[:3]) * options["channels_in"])
    return over_pixels(output, prod(filters))
