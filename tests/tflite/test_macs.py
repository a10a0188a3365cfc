"""MACs of each kind of op, worked out by hand.

`tests/convert/topologies` compares whole networks with larq's summary and with the kernels.
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from bnn_lab.reference import window_axis
from bnn_lab.tflite import layer_shapes as kinds
from bnn_lab.tflite.layer_shapes import LayerShape
from bnn_lab.tflite.macs import MULTIPLYING, op_macs

HEIGHT, WIDTH, CIN, COUT, KERNEL = 7, 5, 64, 6, (3, 2)
OUT = tuple(
    window_axis(side, k, 2, 1, "same").out for side, k in zip((HEIGHT, WIDTH), KERNEL, strict=True)
)
IMAGE = (1, HEIGHT, WIDTH)
TAPS = math.prod(KERNEL)


PIXELS = math.prod(OUT)
# Kind: (shapes of the operands, shape of the output, options, count).
CASES: dict[str, tuple[list[tuple[int, ...]], tuple[int, ...], dict[str, Any], int]] = {
    "CONV_2D": (
        [(*IMAGE, CIN), (COUT, *KERNEL, CIN)],
        (1, *OUT, COUT),
        {},
        PIXELS * COUT * TAPS * CIN,
    ),
    "DEPTHWISE_CONV_2D": (
        [(*IMAGE, CIN), (1, *KERNEL, 2 * CIN)],
        (1, *OUT, 2 * CIN),
        {},
        PIXELS * 2 * CIN * TAPS * 1,
    ),
    "FULLY_CONNECTED": ([(2, 3, CIN), (COUT, CIN)], (2, 3, COUT), {}, 2 * 3 * CIN * COUT),
    "TRANSPOSE_CONV": (
        [(4,), (COUT, *KERNEL, CIN), (*IMAGE, CIN)],
        (1, 14, 10, COUT),
        {},
        HEIGHT * WIDTH * CIN * TAPS * COUT,
    ),
    "CONV_3D": (
        [(1, 4, *IMAGE[1:], 2), (3, *KERNEL, 2, COUT)],
        (1, 2, *OUT, COUT),
        {},
        2 * PIXELS * COUT * 3 * TAPS * 2,
    ),
    "CONV_3D_TRANSPOSE": (
        [(5,), (3, *KERNEL, COUT, 2), (1, 4, *IMAGE[1:], 2)],
        (1, 6, 14, 10, COUT),
        {},
        4 * HEIGHT * WIDTH * 2 * 3 * TAPS * COUT,
    ),
    "BATCH_MATMUL": ([(2, 3, 4), (2, 4, 5)], (2, 3, 5), {"adjX": False}, 2 * 3 * 5 * 4),
    "LceBconv2d": (
        [(*IMAGE, 2), (COUT, *KERNEL, 2)],
        (1, *OUT, COUT),
        {"channels_in": 40},
        PIXELS * COUT * TAPS * 40,
    ),
    "BnnLabDepthwise2d": (
        [(*IMAGE, 2), (1, *KERNEL, 3)],
        (1, *OUT, 3),
        {"channels_in": 40, "depth_multiplier": 2},
        PIXELS * 80 * TAPS * 1,
    ),
    "BnnLabTranspose2d": (
        [(*IMAGE, 2), (COUT, *KERNEL, 2)],
        (1, 14, 10, 1),
        {"channels_in": 40},
        HEIGHT * WIDTH * 40 * TAPS * COUT,
    ),
    "BnnLabTernaryDense": ([(2, 3, 40), (5, 10), (1,)], (2, 3, 5), {"channels_in": 40}, 6 * 5 * 40),
}


@pytest.mark.parametrize("kind", MULTIPLYING)
def test_each_kind(kind: str) -> None:
    operands, output, options, expected = CASES[kind]
    assert op_macs(kind, operands, output, options) == expected


def test_variants() -> None:
    transposed = [(2, 4, 3), (2, 4, 5)]
    assert op_macs("BATCH_MATMUL", transposed, (2, 3, 5), {"adjX": True}) == 2 * 3 * 5 * 4
    # Two groups of 64 channels: a filter holds the words of one.
    grouped = [(*IMAGE, 4), (COUT, *KERNEL, 2)]
    found = op_macs("LceBconv2d", grouped, (1, *OUT, COUT), {"channels_in": 128})
    assert found == PIXELS * COUT * TAPS * 64
    # Packed output: the filters say how many channels there are.
    bits = op_macs("LceBconv2d", [(*IMAGE, 1), (40, *KERNEL, 1)], (1, *OUT, 2), {"channels_in": 9})
    assert bits == PIXELS * 40 * TAPS * 9
    assert op_macs("ADD", [(1, 2), (1, 2)], (1, 2)) is None


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (LayerShape(kinds.CONV, 7, 5, 6, 8, (3, 2), stride=2, groups=2), (4, 3, 8, 6, 3)),
        (LayerShape(kinds.BINARY_CONV, 7, 5, 40, 8, (3, 2), stride=2), (4, 3, 8, 6, 40)),
        (LayerShape(kinds.DEPTHWISE_CONV, 7, 5, 6, kernel=(3, 2), stride=2), (4, 3, 6, 6, 1)),
        (LayerShape(kinds.DENSE, channels_in=9, channels_out=4), (1, 1, 4, 1, 9)),
        (LayerShape(kinds.ADD, 7, 5, 6), (0,)),
    ],
    ids=lambda value: value.kind if isinstance(value, LayerShape) else "",
)
def test_layer_shapes(shape: LayerShape, expected: tuple[int, ...]) -> None:
    """Height, width, channels, window and depth of the sums."""
    assert shape.macs == math.prod(expected)
    assert shape.weights == (math.prod(expected[2:]) if shape.macs else 0)
