"""Quantities that a layer's time is a weighted sum of; `cost_model` fits the weights.

Each kind of layer does some work per multiply-accumulate, per pixel, per value read and written,
and something per call. Counts are rounded up to what a vector register holds, because a half-filled
register takes as long as a full one. What does not fit a typical L2 cache counts once more.
"""

from __future__ import annotations

from bnn_lab.reference import WORD_BITS, word_count
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.layer_shapes import LayerShape

_LANES = 16  # floats, or 32-bit words of output channels, in the widest registers
_BLOCK = 32  # output channels that the binary kernels compute together
_CACHE = 700_000  # bytes that find room in an L2 cache of 1 MiB beside other things
_LAST_CACHE = 8_000_000
_FEW_CHANNELS = 16
_WORDS = 8  # in a register of 256 bits


def features(shape: LayerShape) -> dict[str, float]:
    """Name to quantity, each at least 0; the same kind has the same names, absent ones are 0."""
    if shape.kind == kinds.BINARY_CONV:
        found = _binary_conv(shape)
    elif shape.kind == kinds.CONV:
        found = _conv(shape)
    elif shape.kind == kinds.DENSE:
        found = _dense(shape)
    elif shape.kind == kinds.QUANTIZE:
        found = _quantize(shape)
    elif shape.kind in kinds.WINDOWED:
        found = _window(shape)
    else:
        found = _elementwise(shape)
    return {"call": 1.0, **found}


def _binary_conv(shape: LayerShape) -> dict[str, float]:
    words = word_count(shape.channels_in // shape.groups)
    blocks = shape.pixels * _up(shape.channels_out, _BLOCK) / _BLOCK
    floats = 0 if shape.bits_only else shape.out_elements * (1 + shape.shortcuts)
    return {
        "macs": blocks * _BLOCK * shape.window * words * WORD_BITS,
        "pixel_blocks": blocks,
        "window_rows": blocks * shape.kernel[0],
        # Scalar code counts two words at once.
        "odd_words": blocks * shape.kernel[0] * (shape.kernel[1] * words % 2),
        "image_rows": blocks / shape.out_width * shape.kernel[0],
        "input_bits": shape.height * shape.width * word_count(shape.channels_in) * WORD_BITS,
        "floats_written": 0 if shape.bits_only else shape.out_elements,
        "bits_written": shape.out_elements if shape.bits_only else 0,
        "shortcuts_read": shape.out_elements * shape.shortcuts,
        "signs_written": shape.out_elements * shape.quantize,
        "weight_bytes": shape.weight_bytes,
        "bytes_beyond_cache": max(0, 4 * floats - _CACHE),
    }


def _conv(shape: LayerShape) -> dict[str, float]:
    depth = shape.channels_in // shape.groups
    macs = shape.pixels * _up(shape.channels_out, _LANES) * shape.window * depth
    matrix = shape.window == 1 and shape.stride == 1
    return {
        "macs_1x1" if matrix else "macs_window": macs,
        "macs_of_few_channels": macs if shape.channels_in < _FEW_CHANNELS else 0,
        "window_pixels": 0
        if matrix
        else shape.pixels * shape.window * _up(shape.channels_out, _LANES) / _LANES,
        "values_read": shape.in_elements,
        "values_written": shape.out_elements,
        "pixels": shape.pixels,
        "weights": shape.weights,
        "weight_bytes_beyond_cache": max(0, 4 * shape.weights - _CACHE),
        "bytes_beyond_cache": _beyond(shape),
    }


def _dense(shape: LayerShape) -> dict[str, float]:
    return {
        "weights": shape.weights,
        "weight_bytes_beyond_cache": max(0, 4 * shape.weights - _CACHE),
        "weight_bytes_beyond_last_cache": max(0, 4 * shape.weights - _LAST_CACHE),
        "values_read": shape.channels_in,
        "values_written": shape.channels_out,
    }


def _quantize(shape: LayerShape) -> dict[str, float]:
    pixels = shape.height * shape.width
    return {
        "values_read": shape.in_elements,
        "words_written": pixels * word_count(shape.channels_in),
        "pixels": pixels,
        "half_words": pixels if shape.channels_in % WORD_BITS else 0,
        "bytes_beyond_cache": max(0, 4 * shape.in_elements - _CACHE),
    }


def _window(shape: LayerShape) -> dict[str, float]:
    lanes = WORD_BITS if shape.kind == kinds.BINARY_MAX_POOL else _LANES
    channels = _up(shape.channels_in, lanes)
    beyond = 0 if shape.kind == kinds.BINARY_MAX_POOL else _beyond(shape)
    return {
        "macs": shape.pixels * channels * shape.window,
        # Words that do not fill a vector of eight are taken one by one.
        "single_words": shape.pixels * shape.window * (channels // lanes % _WORDS)
        if shape.kind == kinds.BINARY_MAX_POOL
        else 0,
        "pixels": shape.pixels,
        "window_pixels": shape.pixels * shape.window,
        "values_read": shape.height * shape.width * channels,
        "values_written": shape.pixels * channels,
        "weights": shape.weights,
        "bytes_beyond_cache": beyond,
    }


def _elementwise(shape: LayerShape) -> dict[str, float]:
    return {
        "values": shape.in_elements,
        "pixels": shape.height * shape.width,
        "bytes_beyond_cache": _beyond(shape),
        "bytes_beyond_small_cache": max(0, 4 * shape.in_elements - 100_000),
    }


def _beyond(shape: LayerShape) -> float:
    return max(0, 4 * (shape.in_elements + shape.out_elements) - _CACHE)


def _up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
