"""bitpack and unpack of every backend equal the oracle exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bnn_lab import kernels, reference
from bnn_lab.errors import BackendError, InputError

SIZES = [0, 1, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65, 97, 128, 511, 512, 513]
SPECIAL = np.array(
    [0.0, -0.0, 1.0, -1.0, np.nan, -np.nan, np.inf, -np.inf, 1e-45, -1e-45, 3e38, -3e38],
    np.float32,
)

shapes = hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=70)
relaxed = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("channels", SIZES)
@pytest.mark.parametrize("rows", [0, 1, 3])
def test_awkward_sizes(backend, channels, rows):
    rng = np.random.default_rng(channels)
    floats = rng.choice(SPECIAL, (rows, channels))
    integers = rng.integers(-128, 128, (rows, channels)).astype(np.int8)
    for x, zero_point in [(floats, 0), (integers, 0), (integers, -128), (integers, 127)]:
        got = kernels.bitpack(x, zero_point=zero_point, backend=backend)
        np.testing.assert_array_equal(got, reference.quantize(x, zero_point))
    flags = rng.random((rows, channels)) < 0.5
    words = kernels.bitpack(flags, backend=backend)
    np.testing.assert_array_equal(words, reference.quantize(flags))
    for dtype in ("float32", "int8", "bool"):
        got = kernels.unpack(words, channels, dtype=dtype, backend=backend)
        expected = reference.dequantize(words, channels, dtype)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got, expected)


@relaxed
@given(x=hnp.arrays(np.float32, shapes))
def test_any_float(backend, x):
    np.testing.assert_array_equal(kernels.bitpack(x, backend=backend), reference.quantize(x))


@relaxed
@given(x=hnp.arrays(np.int8, shapes), zero_point=st.integers(-128, 127))
def test_any_int8(backend, x, zero_point):
    got = kernels.bitpack(x, zero_point=zero_point, backend=backend)
    np.testing.assert_array_equal(got, reference.quantize(x, zero_point))


def test_strided_input(backend):
    x = np.random.default_rng(0).normal(size=(6, 70)).astype(np.float32)[::2, ::-1]
    np.testing.assert_array_equal(kernels.bitpack(x, backend=backend), reference.quantize(x))


MASKED = np.ma.masked_array(np.zeros(3, np.float32), mask=True)


def test_larq_sign_of_zero_is_plus_one(backend):
    words = kernels.bitpack(np.array([0.0, -0.0, -1e-30], np.float32), backend=backend)
    assert words.tolist() == [0b100]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: kernels.bitpack(np.zeros(3)),
            "x must be float32 or int8 or bool, not float64. Fix: x.astype",
        ),
        (lambda: kernels.bitpack(np.zeros(3, ">f4")), "not >f4. Fix: x.astype"),
        (lambda: kernels.bitpack(np.zeros(3, complex)), "not complex128. Fix: give real numbers"),
        (lambda: kernels.bitpack(np.array([None])), "not object. Fix: give real numbers"),
        (lambda: kernels.bitpack(MASKED), r"x is a masked array.*Fix: x.filled"),
        (lambda: kernels.bitpack([1.0]), r"not list. Fix: numpy.asarray\(x, numpy.float32\)"),
        (lambda: kernels.bitpack(np.float32(1)[()]), "not float32"),
        (lambda: kernels.bitpack(np.zeros((), np.float32)), "at least one dimension"),
        (lambda: kernels.bitpack(np.zeros(3, np.float32), zero_point=1), "applies to int8"),
        (lambda: kernels.bitpack(np.zeros(3, np.int8), zero_point=200), "zero_point must lie in"),
        (lambda: kernels.unpack(np.zeros(2, np.int32), 65), "do not hold 65 channels"),
        (lambda: kernels.unpack(np.zeros(2, np.int32), 64, dtype="int4"), "dtype must be one of"),
        (lambda: kernels.unpack(np.zeros(2, np.int64), 64), "words must be int32"),
    ],
)
def test_bad_arguments(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_unknown_backend():
    with pytest.raises(BackendError, match="unknown kernel backend"):
        kernels.bitpack(np.zeros(3, np.float32), backend="mmx")
