"""Plain names of ops, for readers who have not met TFLite's."""

from __future__ import annotations

PLAIN = {
    "ADD": "addition",
    "AVERAGE_POOL_2D": "average pool",
    "BnnLabDepthwise2d": "binary depthwise convolution",
    "BnnLabTernaryDense": "ternary dense layer",
    "BnnLabTranspose2d": "binary transposed convolution",
    "CONCATENATION": "concatenation",
    "CONV_2D": "convolution",
    "DEPTHWISE_CONV_2D": "depthwise convolution",
    "DEQUANTIZE": "int8 to floats",
    "FULLY_CONNECTED": "dense layer",
    "LceBMaxPool2d": "binary max pool",
    "LceBconv2d": "binary convolution",
    "LceDequantize": "bits to floats",
    "LceQuantize": "floats to bits",
    "MAX_POOL_2D": "max pool",
    "MEAN": "average",
    "MUL": "multiplication",
    "PAD": "padding",
    "PADV2": "padding",
    "QUANTIZE": "floats to int8",
    "RELU": "ReLU",
    "RESHAPE": "reshape",
    "SOFTMAX": "softmax",
    "SUB": "subtraction",
}


def plain(kind: str) -> str:
    """A name in words.

    Args:
        kind: TFLite's names of one op or of several that run as one, joined by " + ".

    Returns:
        The same number of names; of an op without a plain one TFLite's, in small letters.
    """
    names = kind.split(" + ")
    return " + ".join(PLAIN.get(name, name.lower().replace("_", " ")) for name in names)
