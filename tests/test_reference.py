"""The oracle itself, against hand-made values and against TensorFlow's float convolution."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bnn_lab import reference
from bnn_lab._keras import require_tensorflow


def test_bits_by_hand():
    x = np.array([1.0, -1.0, 0.0, -0.0, -2.5], np.float32)
    assert reference.quantize(x).tolist() == [0b10010]
    assert reference.unpack_signs(np.array([0b10010], np.int32), 5).tolist() == [1, -1, 1, 1, -1]


def test_word_boundary():
    negative = np.zeros(33, bool)
    negative[[31, 32]] = True
    assert reference.pack_bits(negative).tolist() == [-(2**31), 1]


def test_gemm_by_hand():
    a = reference.quantize(np.array([[1, -1, 1], [1, 1, 1]], np.float32))
    b = reference.quantize(np.array([[-1, -1, -1], [1, -1, 1]], np.float32))
    assert reference.binary_gemm(a, b, 3).tolist() == [[-1, 3], [-3, 1]]


def test_gemm_is_the_dot_product():
    rng = np.random.default_rng(0)
    for channels in (1, 31, 32, 33, 100):
        a, b = rng.choice([-1.0, 1.0], (4, channels)), rng.choice([-1.0, 1.0], (5, channels))
        got = reference.binary_gemm(reference.quantize(a), reference.quantize(b), channels)
        np.testing.assert_array_equal(got, a @ b.T)


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("pad_values", [0, 1])
@pytest.mark.parametrize("groups", [1, 2])
def test_bconv2d_equals_tensorflow(padding, pad_values, groups):
    tf = require_tensorflow()
    rng = np.random.default_rng(1)
    channels = 6
    for stride, dilation, kernel in itertools.product((1, 2, 3), (1, 2), ((1, 1), (3, 2))):
        if stride > 1 and dilation > 1:
            continue  # TensorFlow has no such convolution
        x = rng.choice([-1.0, 1.0], (2, 9, 8, channels)).astype(np.float32)
        w = rng.choice([-1.0, 1.0], (*kernel, channels // groups, 4)).astype(np.float32)
        ys = reference.window_axis(9, kernel[0], stride, dilation, padding)
        xs = reference.window_axis(8, kernel[1], stride, dilation, padding)
        padded = np.pad(
            x,
            [(0, 0), (ys.before, ys.after), (xs.before, xs.after), (0, 0)],
            constant_values=pad_values,
        )
        parts = [
            tf.nn.conv2d(image, filters, stride, "VALID", dilations=dilation)
            for image, filters in zip(
                np.split(padded, groups, axis=-1), np.split(w, groups, axis=-1), strict=True
            )
        ]
        expected = np.concatenate(parts, axis=-1)
        if padding == "same":
            same = tf.nn.conv2d(
                x[..., : channels // groups],
                w[..., : 4 // groups],
                stride,
                "SAME",
                dilations=dilation,
            )
            assert same.shape[1:3] == (ys.out, xs.out)
        got = reference.bconv2d(
            reference.quantize(x),
            reference.quantize(w.transpose(3, 0, 1, 2)),
            channels_in=channels,
            stride=(stride, stride),
            dilation=(dilation, dilation),
            padding=padding,
            pad_values=pad_values,
            groups=groups,
        )
        np.testing.assert_array_equal(got, expected)


def test_activation_clamps_before_multiplier_and_bias():
    x = reference.pack_bits(np.ones((1, 1, 1, 8), bool))  # all -1
    w = reference.pack_bits(np.zeros((1, 1, 1, 8), bool))  # all +1: accumulator -8
    constants = {"multiplier": np.float32([-2]), "bias": np.float32([5])}
    relu = reference.bconv2d(x, w, channels_in=8, activation="relu", **constants)
    narrow = reference.bconv2d(x, w, channels_in=8, activation="relu_n1_to_1", **constants)
    plain = reference.bconv2d(x, w, channels_in=8, **constants)
    assert (relu.item(), narrow.item(), plain.item()) == (5, 7, 21)


def test_threshold_counts_differing_bits():
    x = reference.pack_bits(np.arange(8)[None, None, None] < 3)  # three of eight differ from +1
    w = reference.pack_bits(np.zeros((3, 1, 1, 8), bool))
    got = reference.bconv2d(
        x, w, channels_in=8, output="bits", threshold=np.array([2, 3, -1], np.int32)
    )
    assert got.item() == 0b101


def test_int8_output_rounds_half_away_and_saturates():
    x = reference.pack_bits(np.zeros((1, 1, 1, 1), bool))
    w = reference.pack_bits(np.zeros((6, 1, 1, 1), bool))
    got = reference.bconv2d(
        x,
        w,
        channels_in=1,
        output="int8",
        multiplier=np.zeros(6, np.float32),
        bias=np.float32([0.5, -0.5, 1.25, 300, -300, 0.2]),
        output_scale=0.5,
        output_zero_point=3,
    )
    assert got.ravel().tolist() == [4, 2, 6, 127, -128, 3]


def test_maxpool_is_the_maximum():
    rng = np.random.default_rng(2)
    x = rng.choice([-1.0, 1.0], (2, 7, 6, 40), p=[0.8, 0.2]).astype(np.float32)
    tf = require_tensorflow()
    for padding in ("same", "valid"):
        expected = tf.nn.max_pool2d(x, (3, 2), (2, 3), padding.upper()).numpy()
        got = reference.bmaxpool2d(
            reference.quantize(x), pool=(3, 2), stride=(2, 3), padding=padding
        )
        np.testing.assert_array_equal(reference.dequantize(got, 40), expected)


def test_dequantize_int8():
    words = np.array([0b01], np.int32)
    got = reference.dequantize(words, 2, "int8", scale=0.02, zero_point=100)
    assert got.tolist() == [50, 127]
