"""Record cases of `bnn_lab.reference` for native/tests/oracle_vectors.cc.

    python native/tests/record_vectors.py vectors.bin

The C++ runner needs no Python, so the same cases check builds for another architecture under
emulation. The file is a stream of little-endian int32: the magic number, the number of cases, then
for each case its kind, its parameters and its arrays, both preceded by their number. An array is
its size in bytes and its content, filled up to a multiple of 4 bytes; an absent one has size -1.
"""

from __future__ import annotations

import argparse
import itertools
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bnn_lab import reference
from bnn_lab import ternary_reference as ternary

MAGIC = 0x314E4E42  # "BNN1"
KINDS = [
    "bitpack", "unpack", "bconv2d", "bmaxpool2d", "depthwise", "transpose", "residual", "ternary",
]  # fmt: skip
DTYPES = ["float32", "int8", "bool"]
PADDINGS: list[reference.Padding] = ["same", "valid"]
ACTIVATIONS = ["none", "relu", "relu_n1_to_1", "relu6"]
OUTPUTS: list[reference.Output] = ["float32", "int8", "bits"]

CHANNELS = [1, 7, 31, 32, 33, 63, 64, 65, 97, 128, 129]
KERNELS = [1, 2, 3, 5]
BORDERS = [("same", 0), ("same", 1), ("valid", 0)]
# (channels in, channels out, groups): whole words, straddling words, one channel a group.
GROUPS = [
    (64, 64, 2),
    (128, 96, 4),
    (256, 64, 2),
    (62, 34, 2),
    (96, 33, 3),
    (99, 66, 33),
    (12, 8, 4),
    (7, 7, 7),
    (32, 32, 32),
    (33, 33, 33),
]
# Beyond the sizes below which the driver keeps to one thread: (size, in, out, kernel, padding).
LARGE = [
    (14, 128, 128, 3, ("same", 1)),
    (14, 256, 65, 3, ("same", 0)),
    (28, 64, 64, 3, ("same", 1)),
    (28, 32, 97, 5, ("valid", 0)),
    (7, 512, 96, 3, ("same", 1)),
    (20, 129, 130, 2, ("same", 0)),
]


class Case(NamedTuple):
    """One recorded call."""

    kind: str
    parameters: list[int]
    arrays: list[NDArray | None]


def bitpack_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Every dtype at awkward channel counts, with -0.0, NaN and infinities among the floats."""
    special = np.array([-0.0, 0.0, np.nan, -np.nan, np.inf, -np.inf, -1e-45, 1e-45], np.float32)
    for channels, rows in itertools.product([*CHANNELS, 127, 160, 257], [1, 3]):
        x = rng.standard_normal((rows, channels)).astype(np.float32)
        x = np.where(rng.random(x.shape) < 0.3, rng.choice(special, x.shape), x)
        yield bitpack_case(x, 0)
        for zero_point in (-128, int(rng.integers(-127, 127)), 127):
            yield bitpack_case(
                rng.integers(-128, 128, (rows, channels)).astype(np.int8), zero_point
            )
        yield bitpack_case(rng.random((rows, channels)) < 0.5, 0)


def bitpack_case(x: NDArray, zero_point: int) -> Case:
    """Signs of `x`, shape (rows, channels)."""
    parameters = [DTYPES.index(x.dtype.name), zero_point, *x.shape]
    return Case("bitpack", parameters, [x, reference.quantize(x, zero_point)])


def unpack_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Back to every dtype; int8 with several scales, saturating ones among them."""
    for channels, rows in itertools.product([*CHANNELS, 127, 160, 257], [1, 3]):
        words = reference.pack_bits(rng.random((rows, channels)) < 0.5)
        for dtype, scale, zero_point in [
            ("float32", 1.0, 0),
            ("bool", 1.0, 0),
            ("int8", 1.0, 0),
            ("int8", 0.01, -3),
            ("int8", 0.008, 100),
        ]:
            expected = reference.dequantize(words, channels, dtype, scale, zero_point)
            both = reference.dequantize(
                np.array([0, 1], np.int32)[:, None], 1, dtype, scale, zero_point
            )
            parameters = [DTYPES.index(dtype), int(both[0, 0]), int(both[1, 0]), rows, channels]
            yield Case("unpack", parameters, [words, expected])


def bconv2d_case(rng: np.random.Generator, **chosen: Any) -> Case:
    """A convolution with the chosen parameters; what is not chosen is drawn."""

    def pick(name: str, options: list) -> Any:
        return chosen[name] if name in chosen else options[rng.integers(len(options))]

    channels_in, channels_out, groups = chosen.get(
        "groups", (pick("channels_in", CHANNELS), pick("channels_out", CHANNELS), 1)
    )
    height, width = pick("size", [(5, 6), (9, 7), (3, 11), (1, 1), (8, 8)])
    kernel = pick("kernel", list(itertools.product(KERNELS, KERNELS)))
    stride = pick("stride", [(1, 1), (1, 1), (2, 2), (1, 2), (3, 1)])
    dilation = pick("dilation", [(1, 1), (1, 1), (1, 1), (2, 2), (1, 3)])
    padding, pad_values = pick("border", BORDERS)
    activation, output = pick("activation", ACTIVATIONS), pick("output", OUTPUTS)
    batch = pick("batch", [1, 1, 2])

    x = reference.pack_bits(rng.random((batch, height, width, channels_in)) < 0.5)
    filters = reference.pack_bits(rng.random((channels_out, *kernel, channels_in // groups)) < 0.5)
    depth = kernel[0] * kernel[1] * channels_in // groups
    scale, zero_point = float(rng.uniform(0.05, 0.5) * np.sqrt(depth) / 8), 0
    multiplier = bias = threshold = None
    if output == "bits":
        spread = 1 + int(np.sqrt(depth))
        threshold = (depth // 2 + rng.integers(-spread, spread + 1, channels_out)).astype(np.int32)
        extreme = rng.random(channels_out) < 0.1
        threshold[extreme] = rng.choice([-(2**31), 2**31 - 1], extreme.sum())
    elif rng.random() < 0.9:
        multiplier = rng.normal(0, 1, channels_out).astype(np.float32)
        bias = rng.normal(0, 3, channels_out).astype(np.float32)
    elif output == "int8":
        scale = 2.0  # odd accumulators then lie exactly between two integers
    if output == "int8":
        zero_point = (
            int(rng.integers(-128, 128)) if rng.random() < 0.3 else int(rng.integers(-9, 9))
        )

    expected = reference.bconv2d(
        x,
        filters,
        channels_in=channels_in,
        stride=stride,
        dilation=dilation,
        padding=padding,
        pad_values=pad_values,
        groups=groups,
        activation=activation,
        multiplier=multiplier,
        bias=bias,
        threshold=threshold,
        output=output,
        output_scale=scale,
        output_zero_point=zero_point,
    )
    parameters = [batch, height, width, channels_in, channels_out, *kernel, *stride, *dilation]
    parameters += [groups, PADDINGS.index(padding), pad_values, ACTIVATIONS.index(activation)]
    parameters += [OUTPUTS.index(output), zero_point]
    scale_array = np.array([scale], np.float64)
    return Case(
        "bconv2d", parameters, [scale_array, x, filters, multiplier, bias, threshold, expected]
    )


def bconv2d_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Each axis of the grid in full against one or two others; the rest is drawn."""
    for channels, kernel, output in itertools.product(CHANNELS, KERNELS, OUTPUTS):
        yield bconv2d_case(rng, channels_in=channels, kernel=(kernel, kernel), output=output)
    for channels, border, activation in itertools.product(CHANNELS, BORDERS, ACTIVATIONS):
        yield bconv2d_case(rng, channels_out=channels, border=border, activation=activation)
    for stride, dilation, border in itertools.product([1, 2, 3], [1, 2, 3], BORDERS):
        yield bconv2d_case(
            rng, stride=(stride, stride), dilation=(dilation, dilation), border=border, size=(8, 9)
        )
    for groups, border, output in itertools.product(GROUPS, BORDERS, OUTPUTS):
        yield bconv2d_case(rng, groups=groups, border=border, output=output)
    # Byte accumulators overflow in deep windows if they are not widened in time: opposite signs
    # everywhere give the largest popcount there is.
    for channels, output in itertools.product([1000, 1024, 4001], OUTPUTS):
        case = bconv2d_case(
            rng, channels_in=channels, channels_out=37, kernel=(2, 3), output=output, size=(3, 5),
            stride=(1, 1), dilation=(1, 1), border=("same", 1), activation="none", batch=1,
        )  # fmt: skip
        yield case
        yield opposite_signs(case, channels, output)
    for size, channels_in, channels_out, kernel, border in LARGE:
        for output in OUTPUTS:
            yield bconv2d_case(
                rng, size=(size, size), channels_in=channels_in, channels_out=channels_out,
                kernel=(kernel, kernel), border=border, stride=(1, 1), dilation=(1, 1),
                output=output, batch=2,
            )  # fmt: skip
    # Dense layers: one pixel, or a few.
    for channels_in, channels_out in [(4096, 100), (1000, 10), (4095, 33)]:
        for output, width in zip(OUTPUTS, [1, 3, 4], strict=True):
            yield bconv2d_case(
                rng, size=(1, width), channels_in=channels_in, channels_out=channels_out,
                kernel=(1, 1), output=output,
            )  # fmt: skip


def opposite_signs(case: Case, channels: int, output: reference.Output) -> Case:
    """`case` with an image of +1 and filters of -1."""
    scale, x, filters, multiplier, bias, threshold, _ = case.arrays
    assert scale is not None and x is not None and filters is not None
    x = np.zeros_like(x)
    filters = reference.pack_bits(np.ones((*filters.shape[:3], channels), bool))
    expected = reference.bconv2d(
        x,
        filters,
        channels_in=channels,
        padding="same",
        pad_values=1,
        multiplier=multiplier,
        bias=bias,
        threshold=threshold,
        output=output,
        output_scale=float(scale[0]),
        output_zero_point=case.parameters[-1],
    )
    arrays = [scale, x, filters, multiplier, bias, threshold, expected]
    return Case(case.kind, case.parameters, arrays)


def bmaxpool2d_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Windows and strides around awkward numbers of words, with both paddings."""
    for words, padding, pool in itertools.product(
        [1, 2, 3, 4, 5, 8, 16, 17], PADDINGS, [(2, 2), (3, 3), (1, 2), (5, 3)]
    ):
        stride = (int(rng.integers(1, 4)), int(rng.integers(1, 4)))
        batch, height, width = (int(n) for n in rng.integers([1, 3, 2], [3, 12, 12]))
        density = rng.choice([0.5, 0.9])
        x = reference.pack_bits(rng.random((batch, height, width, 32 * words)) < density)
        expected = reference.bmaxpool2d(x, pool=pool, stride=stride, padding=padding)
        parameters = [batch, height, width, words, *pool, *stride, PADDINGS.index(padding)]
        yield Case("bmaxpool2d", parameters, [x, expected])


def transform(rng: np.random.Generator, channels: int, depth: int, output: str) -> dict[str, Any]:
    """Options of the output transform for a drawn layer."""
    if output == "bits":
        threshold = rng.integers(-1, depth + 2, channels).astype(np.int32)
        return {"output": output, "threshold": threshold}
    options = {
        "output": output,
        "activation": ACTIVATIONS[rng.integers(4)],
        "multiplier": rng.normal(0, 1, channels).astype(np.float32),
        "bias": rng.normal(0, 3, channels).astype(np.float32),
    }
    if output == "int8":
        options |= {"output_scale": 0.25, "output_zero_point": int(rng.integers(-9, 9))}
    return options


def transform_parameters(options: dict[str, Any]) -> list[int]:
    """Activation, output and zero point, as the runner reads them."""
    return [
        ACTIVATIONS.index(options.get("activation", "none")),
        OUTPUTS.index(options["output"]),
        options.get("output_zero_point", 0),
    ]


def transform_arrays(options: dict[str, Any]) -> list[NDArray | None]:
    """Multiplier, bias and threshold."""
    return [options.get(name) for name in ("multiplier", "bias", "threshold")]


def depthwise_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Depthwise convolutions with every output, padding and depth multiplier."""
    for channels, multiplier, output in itertools.product([1, 31, 33, 64, 97], [1, 2, 3], OUTPUTS):
        padding, pad_values = BORDERS[rng.integers(3)]
        kernel, stride = rng.integers(1, 6, 2).tolist(), rng.integers(1, 3, 2).tolist()
        dilation = rng.integers(1, 3, 2).tolist()
        x = reference.pack_bits(rng.random((2, 11, 9, channels)) < 0.5)
        filters = reference.pack_bits(rng.random((*kernel, channels * multiplier)) < 0.5)
        options = transform(rng, channels * multiplier, kernel[0] * kernel[1], output)
        expected = reference.bdepthwise2d(
            x, filters, channels_in=channels, depth_multiplier=multiplier, stride=tuple(stride),
            dilation=tuple(dilation), padding=padding, pad_values=pad_values, **options,
        )  # fmt: skip
        parameters = [2, 11, 9, channels, channels * multiplier, *kernel, *stride, *dilation, 1]
        parameters += [PADDINGS.index(padding), pad_values, *transform_parameters(options)]
        scale = np.array([options.get("output_scale", 1.0)], np.float64)
        yield Case(
            "depthwise", parameters, [scale, x, filters, *transform_arrays(options), expected]
        )


def transpose_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Transposed convolutions: strides above, at and below the size of the filter."""
    for channels, stride, output, padding in itertools.product(
        [1, 33, 64], [1, 2, 3, 4], OUTPUTS, PADDINGS
    ):
        kernel = rng.integers(1, 6, 2).tolist()
        out_channels = CHANNELS[rng.integers(len(CHANNELS))]
        x = reference.pack_bits(rng.random((2, 5, 4, channels)) < 0.5)
        filters = reference.pack_bits(rng.random((out_channels, *kernel, channels)) < 0.5)
        options = transform(rng, out_channels, kernel[0] * kernel[1] * channels, output)
        expected = reference.btranspose2d(
            x, filters, channels_in=channels, stride=(stride, stride), padding=padding, **options
        )
        parameters = [2, 5, 4, channels, out_channels, *kernel, stride, stride, 1, 1, 1]
        parameters += [PADDINGS.index(padding), 0, *transform_parameters(options)]
        parameters += expected.shape[1:3]
        scale = np.array([options.get("output_scale", 1.0)], np.float64)
        yield Case(
            "transpose", parameters, [scale, x, filters, *transform_arrays(options), expected]
        )


def residual_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Convolutions with a shortcut, both clamps and the signs of the sum."""
    for channels, before, after in itertools.product(CHANNELS, ACTIVATIONS, ["none", "relu"]):
        padding, pad_values = BORDERS[rng.integers(3)]
        x = reference.pack_bits(rng.random((2, 6, 9, 64)) < 0.5)
        filters = reference.pack_bits(rng.random((channels, 3, 3, 64)) < 0.5)
        options = transform(rng, channels, 9 * 64, "float32")
        window = {"channels_in": 64, "padding": padding, "pad_values": pad_values}
        plain = reference.bconv2d(x, filters, **window)
        shortcut = rng.normal(0, 3, plain.shape).astype(np.float32)
        expected = reference.bconv2d(
            x, filters, shortcut=shortcut, output_activation=before, sum_activation=after,
            **window, **options,
        )  # fmt: skip
        parameters = [2, 6, 9, 64, channels, 3, 3, 1, 1, 1, 1, 1]
        parameters += [PADDINGS.index(padding), pad_values, *transform_parameters(options)]
        parameters += [ACTIVATIONS.index(before), ACTIVATIONS.index(after)]
        arrays = [np.ones(1), x, filters, *transform_arrays(options), shortcut]
        yield Case("residual", parameters, [*arrays, reference.quantize(expected), expected])


def ternary_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Dense layers of ternary weights, as exact sums of int8 and as floats."""
    depths = [1, 15, 16, 17, 100, 239, 241, 500, 1030]
    for depth, outputs, samples in itertools.product(depths, [1, 31, 32, 33, 70], [1, 3, 8, 35]):
        trits = rng.integers(-1, 2, (outputs, depth)).astype(np.int8)
        scale = np.float32(rng.uniform(0.01, 2))
        trits_per_byte = int(rng.choice(list(ternary.PACK)))
        packed = ternary.PACK[trits_per_byte](trits)
        if rng.random() < 0.5:
            x = rng.integers(-128, 128, (samples, depth)).astype(np.int8)
            arrays = [x, packed, np.array([scale]), None, ternary.ternary_gemm(x, trits)]
        else:
            x = (3 * rng.standard_normal((samples, depth))).astype(np.float32)
            bias = rng.standard_normal(outputs).astype(np.float32) if rng.random() < 0.5 else None
            expected = ternary.ternary_dense(x, trits, float(scale), bias)
            arrays = [x, packed, np.array([scale]), bias, expected]
        parameters = [DTYPES.index(x.dtype.name), samples, depth, outputs, trits_per_byte]
        yield Case("ternary", parameters, arrays)


def encode(case: Case) -> bytes:
    """The case as the runner reads it."""
    parts = [struct.pack("<2i", KINDS.index(case.kind), len(case.parameters))]
    parts.append(struct.pack(f"<{len(case.parameters)}i", *case.parameters))
    parts.append(struct.pack("<i", len(case.arrays)))
    for array in case.arrays:
        data = b"" if array is None else np.ascontiguousarray(array).tobytes()
        parts.append(struct.pack("<i", -1 if array is None else len(data)))
        parts.append(data + bytes(-len(data) % 4))
    return b"".join(parts)


def record(path: Path, seed: int = 0) -> int:
    """Write all cases to `path` and return their number."""
    rng = np.random.default_rng(seed)
    cases = [
        *bmaxpool2d_cases(rng),
        *bconv2d_cases(rng),
        *bitpack_cases(rng),
        *unpack_cases(rng),
        *depthwise_cases(rng),
        *transpose_cases(rng),
        *residual_cases(rng),
        *ternary_cases(rng),
    ]
    with path.open("wb") as file:
        file.write(struct.pack("<2i", MAGIC, len(cases)))
        for case in cases:
            file.write(encode(case))
    return len(cases)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    print(f"{record(arguments.output, arguments.seed)} cases in {arguments.output}")
