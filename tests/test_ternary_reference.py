"""The oracle of ternary operations against plain arithmetic and known values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bnn_lab import kernels, reference
from bnn_lab import ternary_reference as ternary

FORMS = {
    "2 bits": (ternary.pack_2bit, ternary.unpack_2bit, 4),
    "5 in a byte": (ternary.pack_base3, ternary.unpack_base3, 5),
}


def random_trits(rng: np.random.Generator, *shape: int) -> ternary.Trits:
    return rng.integers(-1, 2, shape).astype(np.int8)


def test_absmean_of_known_weights() -> None:
    weights = np.array([[0.0, 0.5, -0.5, 1.0], [-2.0, 0.51, -0.49, 3.0]], np.float32)
    trits, scale = ternary.absmean(weights)
    assert scale == np.float32(1.0)
    # Half of the mean is still 0, as halves round to even.
    assert trits.tolist() == [[0, 0, 0, 1], [-1, 1, 0, 1]]


@pytest.mark.parametrize("weights", [np.zeros((2, 3)), np.full((2, 3), 1e-9), np.zeros((0, 4))])
def test_absmean_of_next_to_nothing(weights: np.ndarray) -> None:
    trits, scale = ternary.absmean(weights.astype(np.float32))
    assert not trits.any() and scale == ternary.LEAST


def test_absmean_of_equal_magnitudes_has_no_zero() -> None:
    weights = np.array([0.3, -0.3, 0.3], np.float32)
    trits, scale = ternary.absmean(weights)
    assert trits.tolist() == [1, -1, 1] and scale == np.float32(0.3)


def test_absmax_of_known_activations() -> None:
    x = np.array([[127.0, -63.5, 0.5, 1.5], [0, 0, 0, 0], [-2, 1, 0, 2]], np.float32)
    values, scale = ternary.absmax(x)
    assert values.tolist() == [[127, -64, 0, 2], [0, 0, 0, 0], [-127, 64, 0, 127]]
    largest = np.array([127, ternary.LEAST, 2], np.float32)
    assert np.array_equal(scale, largest * ternary.STEP)


def test_absmax_of_what_is_not_finite() -> None:
    x = np.array([[np.nan, 1.0, -0.5], [np.inf, 1.0, -np.inf], [np.nan] * 3], np.float32)
    values, scale = ternary.absmax(x)
    assert values.tolist() == [[0, 127, -64], [0, 0, 0], [0, 0, 0]]
    assert np.isinf(scale[1]) and scale[2] == ternary.LEAST * ternary.STEP


@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.integers(0, 90))
@settings(max_examples=60)
def test_packed_forms_round_trip(seed: int, rows: int, channels: int) -> None:
    trits = random_trits(np.random.default_rng(seed), rows, channels)
    for pack, unpack, in_byte in FORMS.values():
        packed = pack(trits)
        assert packed.shape == (rows, -(-channels // in_byte)) and packed.dtype == np.uint8
        assert np.array_equal(unpack(packed, channels), trits)


def test_bytes_of_known_trits() -> None:
    trits = np.array([1, 0, -1, 1, -1], np.int8)
    assert ternary.pack_2bit(trits).tolist() == [2 + 1 * 4 + 0 * 16 + 2 * 64, 0]
    assert ternary.pack_base3(trits).tolist() == [2 + 1 * 3 + 0 * 9 + 2 * 27 + 0 * 81]


def test_every_byte_of_five_trits() -> None:
    """3^5 bytes and no other: the form is as dense as bytes allow."""
    every = np.stack(np.meshgrid(*[[-1, 0, 1]] * 5, indexing="ij"), axis=-1).reshape(-1, 5)
    packed = ternary.pack_base3(every.astype(np.int8))
    assert sorted(packed[:, 0].tolist()) == list(range(3**5))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 257, 33), (3, 64, 5), (2, 1000, 7)])
def test_one_ternary_product_is_16_binary_ones(shape: tuple[int, int, int]) -> None:
    samples, channels, outputs = shape
    rng = np.random.default_rng(channels)
    x = rng.integers(-128, 128, (samples, channels)).astype(np.int8)
    trits = random_trits(rng, outputs, channels)
    expected = x.astype(np.int64) @ trits.T.astype(np.int64)
    assert np.array_equal(ternary.ternary_gemm(x, trits), expected)
    assert np.array_equal(ternary.by_binary_products(x, trits), expected)


def test_the_16_products_are_the_kernels_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The identity holds on the compiled binary kernels, which count how often they are asked."""
    rng = np.random.default_rng(1)
    x = rng.integers(-128, 128, (2, 200)).astype(np.int8)
    trits = random_trits(rng, 48, 200)
    calls = []

    def compiled(a: reference.Words, b: reference.Words, channels: int) -> np.ndarray:
        calls.append(len(a))
        return kernels.binary_gemm(a, b, channels)

    monkeypatch.setattr(ternary, "binary_gemm", compiled)
    assert np.array_equal(ternary.by_binary_products(x, trits), ternary.ternary_gemm(x, trits))
    assert calls.count(len(x)) == 16  # the others are sums of the weights


def test_extremes_stay_exact() -> None:
    x = np.full((1, 4096), -128, np.int8)
    trits = np.ones((1, 4096), np.int8)
    assert ternary.ternary_gemm(x, trits)[0, 0] == -128 * 4096
    assert ternary.by_binary_products(x, -trits)[0, 0] == 128 * 4096


def test_dense_is_near_the_float_product() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 256)).astype(np.float32)
    trits, scale = ternary.absmean(rng.normal(size=(32, 256)).astype(np.float32))
    bias = rng.normal(size=32).astype(np.float32)
    exact = x @ (trits.T * scale) + bias
    result = ternary.ternary_dense(x, trits, scale, bias)
    assert result.dtype == np.float32
    # Rounding to int8 errs by at most half a step, over all weights that are not 0.
    step = np.abs(x).max(axis=1, keepdims=True) / 127
    bound = 0.5 * step * scale * np.abs(trits).sum(axis=1) + 1e-3
    assert (np.abs(result - exact) <= bound).all()
