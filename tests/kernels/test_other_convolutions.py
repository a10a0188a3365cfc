"""Depthwise, transposed and dense layers, and the fused residual epilogue, equal the oracle."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bnn_lab import kernels, reference
from bnn_lab.errors import InputError

relaxed = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
CHANNELS = st.sampled_from([1, 7, 16, 31, 32, 33, 63, 65, 96, 129])
SMALL = st.integers(1, 3)


def words(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return reference.pack_bits(rng.random(shape) < 0.5)


def transform(draw, rng: np.random.Generator, channels: int, depth: int) -> dict:
    output = draw(st.sampled_from(["float32", "int8", "bits"]))
    if output == "bits":
        return {
            "output": output,
            "threshold": rng.integers(-1, depth + 2, channels).astype(np.int32),
        }
    options = {
        "output": output,
        "activation": draw(st.sampled_from(["none", "relu", "relu6"])),
        "multiplier": rng.normal(size=channels).astype(np.float32),
        "bias": rng.normal(size=channels).astype(np.float32),
    }
    if output == "int8":
        options |= {"output_scale": 0.25, "output_zero_point": draw(st.integers(-20, 20))}
    return options


@relaxed
@given(data=st.data())
def test_depthwise(backend, data):
    draw = data.draw
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels, multiplier = draw(CHANNELS), draw(st.sampled_from([1, 1, 2, 3]))
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    options = {
        "channels_in": channels,
        "depth_multiplier": multiplier,
        "stride": draw(st.tuples(SMALL, SMALL)),
        "dilation": draw(st.tuples(SMALL, SMALL)),
        "padding": draw(st.sampled_from(["same", "valid"])),
        "pad_values": draw(st.integers(0, 1)),
        **transform(draw, rng, channels * multiplier, kernel[0] * kernel[1]),
    }
    x = words(rng, draw(st.integers(0, 2)), draw(SMALL) * 4, draw(SMALL) * 3, channels)
    filters = words(rng, *kernel, channels * multiplier)
    expected = reference.bdepthwise2d(x, filters, **options)
    np.testing.assert_array_equal(
        kernels.bdepthwise2d(x, filters, backend=backend, **options), expected
    )


@relaxed
@given(data=st.data())
def test_transposed(backend, data):
    draw = data.draw
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels, out_channels = draw(CHANNELS), draw(CHANNELS)
    kernel = draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    options = {
        "channels_in": channels,
        "stride": stride,
        "padding": draw(st.sampled_from(["same", "valid"])),
        **transform(draw, rng, out_channels, kernel[0] * kernel[1] * channels),
    }
    x = words(rng, draw(st.integers(0, 2)), draw(st.integers(1, 6)), draw(SMALL), channels)
    filters = words(rng, out_channels, *kernel, channels)
    expected = reference.btranspose2d(x, filters, **options)
    got = kernels.btranspose2d(
        x, filters, backend=backend, num_threads=draw(st.sampled_from([1, 2])), **options
    )
    np.testing.assert_array_equal(got, expected)


def test_transposed_to_a_given_size(backend):
    """A convolution with stride 2 maps 7 and 8 to 4 alike, so both sizes are possible."""
    rng = np.random.default_rng(0)
    x, filters = words(rng, 1, 4, 4, 33), words(rng, 9, 3, 3, 33)
    for size in itertools.product((7, 8), (7, 8)):
        options = {
            "channels_in": 33,
            "stride": (2, 2),
            "padding": "same",
            "output_size": size,
        }
        expected = reference.btranspose2d(x, filters, **options)
        assert expected.shape[1:3] == size
        got = kernels.btranspose2d(x, filters, backend=backend, **options)
        np.testing.assert_array_equal(got, expected)
    with pytest.raises(InputError, match="an output of 9 x 8 does not fit an input of 4 x 4"):
        kernels.btranspose2d(x, filters, **{**options, "output_size": (9, 8)})


@relaxed
@given(data=st.data())
def test_fused_shortcut_and_signs(backend, data):
    draw = data.draw
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    channels, out_channels = draw(CHANNELS), draw(CHANNELS)
    options = {
        "channels_in": channels,
        "padding": draw(st.sampled_from(["same", "valid"])),
        "pad_values": draw(st.integers(0, 1)),
        "stride": draw(st.tuples(SMALL, SMALL)),
        "activation": draw(st.sampled_from(["none", "relu"])),
        "output_activation": draw(st.sampled_from(["none", "relu", "relu_n1_to_1", "relu6"])),
        "sum_activation": draw(st.sampled_from(["none", "relu", "relu_n1_to_1"])),
        "multiplier": rng.normal(size=out_channels).astype(np.float32),
        "bias": rng.normal(size=out_channels).astype(np.float32),
    }
    x = words(rng, 2, draw(st.integers(3, 9)), draw(st.integers(3, 9)), channels)
    filters = words(rng, out_channels, 3, 3, channels)
    plain = reference.bconv2d(x, filters, **options)
    shortcut = rng.normal(size=plain.shape).astype(np.float32)
    shortcut[rng.random(plain.shape) < 0.1] = 0
    if not draw(st.booleans()):
        shortcut = None
    expected = reference.bconv2d(x, filters, shortcut=shortcut, **options)
    conv = kernels.BConv2D(filters, backend=backend, **options)
    result, signs = conv.with_signs(x, shortcut=shortcut, num_threads=draw(st.sampled_from([1, 2])))
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(signs, reference.quantize(expected))
    np.testing.assert_array_equal(conv(x, shortcut=shortcut), expected)


@pytest.mark.parametrize("channels_in", [64, 288])
@pytest.mark.parametrize("sum_activation", [None, "none", "relu", "relu6"])
@pytest.mark.parametrize("activation", ["none", "relu"])
def test_residual_block(backend, activation, sum_activation, channels_in):
    """What backends have fast code for, beside and in blocks that take the general path.

    sum_activation None: signs alone. Widths make tiles of every size; with pad_values 0 the border
    is corrected, the middle not.
    """
    rng = np.random.default_rng(4)
    for channels, width, pad_values in itertools.product((16, 32, 72), range(1, 10), (0, 1)):
        options = {
            "channels_in": channels_in,
            "padding": "same",
            "pad_values": pad_values,
            "activation": activation,
            "sum_activation": sum_activation or "none",
            "multiplier": rng.normal(size=channels).astype(np.float32),
            "bias": rng.normal(size=channels).astype(np.float32),
        }
        x = words(rng, 1, 3, width, channels_in)
        filters = words(rng, channels, 3, 3, channels_in)
        shortcut = None
        if sum_activation is not None:
            shortcut = (30 * rng.normal(size=(1, 3, width, channels))).astype(np.float32)
        expected = reference.bconv2d(x, filters, shortcut=shortcut, **options)
        conv = kernels.BConv2D(filters, backend=backend, **options)
        result, signs = conv.with_signs(x, shortcut=shortcut)
        np.testing.assert_array_equal(result.view(np.int32), expected.view(np.int32))
        np.testing.assert_array_equal(signs, reference.quantize(expected))


def test_fused_epilogue_keeps_nan(backend):
    """A diverged model must show NaN, fused or not."""
    rng = np.random.default_rng(1)
    x, filters = words(rng, 1, 3, 3, 32), words(rng, 32, 1, 1, 32)
    bias = np.zeros(32, np.float32)
    bias[5] = np.nan
    for activation in ("none", "relu", "relu6"):
        conv = kernels.BConv2D(
            filters, channels_in=32, bias=bias, output_activation=activation, backend=backend
        )
        result, _ = conv.with_signs(x)
        assert np.all(np.isnan(result[..., 5])) and not np.any(np.isnan(result[..., 6]))
        shortcut = np.zeros_like(result)
        shortcut[..., 7] = np.nan
        conv = kernels.BConv2D(
            filters, channels_in=32, bias=bias, sum_activation=activation, backend=backend
        )
        result, signs = conv.with_signs(x, shortcut=shortcut)
        assert np.all(np.isnan(result[..., [5, 7]])) and not np.any(np.isnan(result[..., 6]))
        assert not np.any(signs & (1 << 5 | 1 << 7)), "NaN counts as +1"


def test_fused_options_that_do_not_apply(backend):
    x, filters = np.zeros((1, 2, 2, 1), np.int32), np.zeros((8, 1, 1, 1), np.int32)
    conv = kernels.BConv2D(filters, channels_in=32, output="int8", backend=backend)
    with pytest.raises(InputError, match="are for float output"):
        conv.with_signs(x)
    with pytest.raises(InputError, match="output_activation and sum_activation are for float"):
        kernels.bconv2d(x, filters, channels_in=32, output="int8", output_activation="relu")
    conv = kernels.BConv2D(filters, channels_in=32, backend=backend)
    with pytest.raises(InputError, match="shortcut must have the shape of the output"):
        conv(x, shortcut=np.zeros((1, 2, 2, 9), np.float32))


def test_signs_of_groups_that_share_a_word(backend):
    rng = np.random.default_rng(2)
    x, filters = words(rng, 2, 5, 4, 64), words(rng, 2 * 21, 3, 3, 32)
    options = {"channels_in": 64, "groups": 2, "padding": "same", "pad_values": 1}
    expected = reference.bconv2d(x, filters, **options)
    result, signs = kernels.BConv2D(filters, backend=backend, **options).with_signs(x)
    np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(signs, reference.quantize(expected))


@pytest.mark.parametrize("samples", [0, 1, 2, 5, 64])
def test_dense(backend, samples):
    rng = np.random.default_rng(samples)
    for channels, out_channels in [(1, 1), (33, 31), (512, 100), (1000, 65)]:
        x, weights = words(rng, samples, channels), words(rng, out_channels, channels)
        np.testing.assert_array_equal(
            kernels.binary_gemm(x, weights, channels, backend=backend),
            reference.binary_gemm(x, weights, channels),
        )
        for options in (
            {"bias": rng.normal(size=out_channels).astype(np.float32)},
            {"output": "int8", "output_scale": 0.5},
            {"output": "bits", "threshold": np.full(out_channels, channels // 2, np.int32)},
        ):
            np.testing.assert_array_equal(
                kernels.bdense(
                    x, weights, channels_in=channels, backend=backend, num_threads=2, **options
                ),
                reference.bdense(x, weights, channels_in=channels, **options),
            )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda w: kernels.bdepthwise2d(w(1, 4, 4, 1), w(3, 3, 2), channels_in=32), "filters of"),
        (lambda w: kernels.bdepthwise2d(w(1, 4, 4, 1), w(1, 3, 3, 1), channels_in=32), "dimens"),
        (lambda w: kernels.btranspose2d(w(1, 4, 4, 1), w(8, 3, 3, 2), channels_in=32), "filters"),
        (lambda w: kernels.btranspose2d(w(1, 4, 4, 2), w(8, 3, 3, 1), channels_in=32), "x of"),
        (lambda w: kernels.bdense(w(1, 2), w(8, 1), channels_in=32), "x of shape"),
        (lambda w: kernels.bdense(w(1, 1), w(8, 1, 1), channels_in=32), "weights must have 2"),
        (lambda w: kernels.bdense(w(1, 1), w(8, 1), channels_in=32, groups=2), "unknown option"),
        (lambda w: kernels.binary_gemm(w(1, 1), w(8, 1), 2**25), "channels must be at most"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(InputError, match=message):
        call(lambda *shape: np.zeros(shape, np.int32))
