from __future__ import annotations

import numpy as np
import pytest

from bnn_lab import kernels, reference
from bnn_lab.bench import backend_comparison as comparison
from bnn_lab.bench import machine as limits
from bnn_lab.bench.kernels import PAPER_CONVS, ConvCase
from bnn_lab.errors import BnnLabError, InputError


@pytest.mark.parametrize("channels", [32, 40, 64])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_numpy_computes_the_convolution(channels: int, kernel: int) -> None:
    rng = np.random.default_rng(0)
    image = rng.random((6, 7, channels)) < 0.5
    filters = rng.random((5, kernel, kernel, channels)) < 0.5
    words, packed = reference.pack_bits(image), reference.pack_bits(filters)
    expected = reference.bconv2d_accumulators(
        words[None], packed, channels_in=channels, padding="same", pad_values=1
    )[0]
    assert np.array_equal(comparison.numpy_bit_conv(words, packed, channels), expected)
    x, w = (np.where(negative, -1, 1).astype(np.float32) for negative in (image, filters))
    assert np.array_equal(comparison.numpy_float_conv(x, w), expected)
    assert (
        not np.array_equal(comparison.numpy_float_conv(x, w, pad_value=0.0), expected)
        or kernel == 1
    )


def test_numpy_backends_and_baselines_are_measured() -> None:
    result = comparison.measure_backends(ConvCase(6, 32, 32), rounds=2)
    backends = kernels.available_backends()
    assert result.table.names == (
        comparison.NUMPY_FLOAT,
        comparison.NUMPY_BITS,
        *(f"bnn_lab {backend}" for backend in backends),
        "float32 TFLite",
        "int8 TFLite",
    )
    assert set(result.ceilings) <= set(backends)
    assert all(speed > 0 for speed in result.ceilings.values())


def test_different_results_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "numpy_bit_conv", lambda x, w, channels: 0)
    with pytest.raises(BnnLabError, match="NumPy, bits and NumPy, floats give different"):
        comparison.measure_backends(ConvCase(6, 32, 32), rounds=1, float_baselines=False)


def test_cases_that_numpy_does_not_know() -> None:
    with pytest.raises(InputError, match="stride 1"):
        comparison.measure_backends(ConvCase(6, 32, 32, stride=2))


def test_machine() -> None:
    machine = limits.measure_machine(rounds=1)
    assert machine.float_best > 0
    assert set(machine.bandwidths) == {limits.IN_CACHE, limits.IN_MEMORY}
    assert min(machine.bandwidths.values()) > 0


def test_bytes_of_a_convolution() -> None:
    case = ConvCase(56, 64, 64)
    image, filters, floats = 56 * 56 * 8, 64 * 9 * 8, 56 * 56 * 64 * 4
    assert limits.conv_bytes(case, 1) == image + filters + floats
    assert limits.conv_bytes(case, 1, 1) == image + filters + 56 * 56 * 8
    assert limits.conv_bytes(case, 32) == (56 * 56 + 64 * 9) * 64 * 4 + floats
    assert limits.conv_bytes(ConvCase(2, 33, 1, kernel=1), 1) == (4 + 1) * 8 + 4 * 4
    assert PAPER_CONVS[0] == case
