"""Ternary dense layers on every backend, against the oracle."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from bnn_lab import kernels
from bnn_lab import ternary_reference as ternary
from bnn_lab.errors import BackendError, InputError

# Depths around a group of 16, and past what 16-bit sums of a backend hold.
DEPTHS = [1, 3, 15, 16, 17, 64, 239, 241, 500, 1000, 4099]
OUTPUTS = [1, 7, 8, 9, 16, 31, 32, 33, 65]
SAMPLES = [1, 2, 3, 5, 6, 7, 8, 13, 32, 33]


def trits_of(rng: np.random.Generator, *shape: int) -> ternary.Trits:
    return rng.integers(-1, 2, shape).astype(np.int8)


@pytest.fixture(params=ternary.PACK)
def dense(request: pytest.FixtureRequest) -> Callable[..., kernels.TernaryDense]:
    """Makes a layer of trits, packed as 2 bits or to the base 3."""
    pack = ternary.PACK[request.param]

    def make(trits: ternary.Trits, backend: str, **options: Any) -> kernels.TernaryDense:
        options |= {"channels_in": trits.shape[1], "trits_per_byte": request.param}
        return kernels.TernaryDense(pack(trits), backend=backend, **options)

    return make


Dense = Callable[..., kernels.TernaryDense]


def test_both_forms_are_multiplied_as_they_are_or_as_2_bits(backend: str) -> None:
    """The scalar backend has a kernel for each; another one may leave out base 3."""
    trits = np.ones((5, 8), np.int8)
    for count, pack in ternary.PACK.items():
        layer = kernels.TernaryDense(
            pack(trits), channels_in=8, trits_per_byte=count, backend=backend
        )
        assert layer.trits_per_byte in {4, count}
        if backend == "scalar":
            assert layer.trits_per_byte == count


def test_accumulators_equal_the_oracle(dense: Dense, backend: str) -> None:
    """Each depth with each number of outputs; samples take turns."""
    rng = np.random.default_rng(0)
    count = 0
    for depth in DEPTHS:
        for outputs in OUTPUTS:
            samples = SAMPLES[count % len(SAMPLES)]
            count += 1
            trits = trits_of(rng, outputs, depth)
            x = rng.integers(-128, 128, (samples, depth)).astype(np.int8)
            got = dense(trits, backend).accumulators(x)
            assert got.dtype == np.int32
            assert np.array_equal(got, ternary.ternary_gemm(x, trits)), (depth, outputs, samples)


@pytest.mark.parametrize("value", [-128, 127])
@pytest.mark.parametrize("trit", [-1, 1])
@pytest.mark.parametrize("samples", [1, 9])
def test_the_largest_sums_are_exact(
    dense: Dense, backend: str, value: int, trit: int, samples: int
) -> None:
    """16-bit sums would overflow, were they not widened in time."""
    depth = 20_011
    x = np.full((samples, depth), value, np.int8)
    trits = np.full((33, depth), trit, np.int8)
    got = dense(trits, backend).accumulators(x)
    assert (got == value * trit * depth).all()


def test_more_depth_than_32_bit_sums_of_a_backend_hold(dense: Dense, backend: str) -> None:
    depth = 600_000
    x = np.full((1, depth), -128, np.int8)
    trits = np.stack([np.full(depth, t, np.int8) for t in (1, 0, -1)])
    got = dense(trits, backend).accumulators(x)
    assert got.tolist() == [[-128 * depth, 0, 128 * depth]]


@pytest.mark.parametrize("samples", [1, 32, 40])
@pytest.mark.parametrize("shape", [(33, 257), (64, 512)])
@pytest.mark.parametrize("with_bias", [False, True])
def test_float_output_equals_the_oracle(
    dense: Dense, backend: str, samples: int, shape: tuple[int, int], with_bias: bool
) -> None:
    rng = np.random.default_rng(samples)
    trits, scale = ternary.absmean(rng.normal(size=shape).astype(np.float32))
    x = rng.normal(size=(samples, shape[1])).astype(np.float32)
    x[0, 3] = np.nan
    x[-1, :2] = [0.5, -0.0]
    bias = rng.normal(size=shape[0]).astype(np.float32) if with_bias else None
    layer = dense(trits, backend, scale=float(scale), bias=bias)
    expected = ternary.ternary_dense(x, trits, scale, bias)
    for threads in (1, 2, 3):
        assert np.array_equal(layer(x, num_threads=threads), expected)
    layer.repeat(x, 2)
    assert layer.backend == backend


def test_activations_on_the_border_of_two_values(dense: Dense, backend: str) -> None:
    """Halves round to even, in C++ as in NumPy, and so does what lies one bit beside them."""
    halves = np.arange(-127, 127, dtype=np.float32) + np.float32(0.5)
    x = np.concatenate([[127.0], halves, np.nextafter(halves, np.float32(1000))])
    x = np.concatenate([x, np.nextafter(halves, np.float32(-1000))]).astype(np.float32)[None]
    trits = np.eye(x.shape[1], dtype=np.int8)
    values, _ = ternary.absmax(x)
    assert np.array_equal(dense(trits, backend)(x), values.astype(np.float32))


@pytest.mark.parametrize("x", [[0.0, 0.0], [1e-30, -1e-38], [3e38, -3e38], [np.nan, np.nan]])
def test_extreme_activations(dense: Dense, backend: str, x: list[float]) -> None:
    rows = np.array([x], np.float32)
    trits = np.array([[1, 0], [-1, 1]], np.int8)
    expected = ternary.ternary_dense(rows, trits, 0.5)
    assert np.array_equal(dense(trits, backend, scale=0.5)(rows), expected, equal_nan=True)


def test_infinite_activations(dense: Dense, backend: str) -> None:
    rows = np.array([[np.inf, 1.0], [1.0, 2.0]], np.float32)
    trits = np.array([[1, -1]], np.int8)
    with np.errstate(invalid="ignore"):
        expected = ternary.ternary_dense(rows, trits, 1.0)
    assert np.array_equal(dense(trits, backend)(rows), expected, equal_nan=True)


def test_no_sample_at_all(dense: Dense, backend: str) -> None:
    layer = dense(np.ones((5, 8), np.int8), backend)
    assert layer(np.zeros((0, 8), np.float32)).shape == (0, 5)
    assert layer.accumulators(np.zeros((0, 8), np.int8)).shape == (0, 5)


def test_one_layer_serves_several_threads(dense: Dense, backend: str) -> None:
    rng = np.random.default_rng(2)
    trits = trits_of(rng, 65, 300)
    layer = dense(trits, backend)
    inputs = [rng.integers(-128, 128, (1 + i % 9, 300)).astype(np.int8) for i in range(40)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(layer.accumulators, inputs))
    for x, got in zip(inputs, results, strict=True):
        assert np.array_equal(got, ternary.ternary_gemm(x, trits))


def test_a_view_is_read_as_what_it_shows(dense: Dense, backend: str) -> None:
    rng = np.random.default_rng(3)
    trits = trits_of(rng, 9, 40)
    x = rng.integers(-128, 128, (80, 6)).astype(np.int8)[::2].T
    assert np.array_equal(dense(trits, backend).accumulators(x), ternary.ternary_gemm(x, trits))


PACKED = ternary.pack_2bit(np.zeros((4, 10), np.int8))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"channels_in": 0}, r"channels_in must lie in \[1, 4194304\]"),
        ({"channels_in": 2**22 + 1}, r"channels_in must lie in"),
        ({"channels_in": 13}, r"weights for 13 input channels, 4 in a byte, have shape \(O, 4\)"),
        ({"channels_in": 8}, r"weights for 8 input channels, .* shape \(O, 2\).*pack_2bit"),
        ({"trits_per_byte": 5}, r"5 in a byte, have shape \(O, 2\).*pack_base3"),
        ({"trits_per_byte": 3}, r"trits_per_byte must lie in \[4, 5\]"),
        ({"weights": PACKED.astype(np.int8)}, "weights must be uint8, not int8"),
        ({"weights": PACKED[0]}, "weights must have 2 dimensions"),
        ({"weights": PACKED[:0]}, "with O at least 1"),
        ({"weights": np.full((4, 3), 255, np.uint8)}, "a weight's code is 3"),
        ({"weights": np.full((4, 2), 243, np.uint8), "trits_per_byte": 5}, "above 242"),
        ({"scale": float("nan")}, "scale must be a finite number"),
        ({"scale": 10**400}, "scale must be a finite number"),
        ({"scale": 1e300}, "scale must be a finite number"),
        ({"scale": True}, "scale must be a finite number"),
        ({"scale": "1"}, "scale must be a finite number"),
        ({"bias": np.zeros(3, np.float32)}, "bias must have 4 values, not 3"),
        ({"bias": np.zeros(4)}, "bias must be float32"),
    ],
)
def test_wrong_weights_are_refused(change: dict[str, Any], words: str) -> None:
    options: dict[str, Any] = {"weights": PACKED, "channels_in": 10, **change}
    with pytest.raises(InputError, match=words):
        kernels.TernaryDense(options.pop("weights"), **options)


def test_wrong_input_is_refused() -> None:
    layer = kernels.TernaryDense(PACKED, channels_in=10)
    with pytest.raises(InputError, match=r"x must have shape \(M, 10\), not \(1, 12\)"):
        layer(np.zeros((1, 12), np.float32))
    with pytest.raises(InputError, match="x must be float32, not float64"):
        layer(np.zeros((1, 10)))
    with pytest.raises(InputError, match="x must be int8, not float32"):
        layer.accumulators(np.zeros((1, 10), np.float32))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="num_threads must lie in"):
        layer(np.zeros((1, 10), np.float32), num_threads=0)
    with pytest.raises(BackendError, match="unknown kernel backend"):
        kernels.TernaryDense(PACKED, channels_in=10, backend="turbo")
