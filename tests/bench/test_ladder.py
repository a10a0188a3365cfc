from __future__ import annotations

import numpy as np
import pytest

from bnn_lab import kernels, reference
from bnn_lab.bench import ladder
from bnn_lab.bench.kernels import FLOAT, INT8, PAPER_CONVS, ConvCase
from bnn_lab.errors import BnnLabError, InputError


@pytest.mark.parametrize("channels", [32, 40, 64])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_numpy_rungs_compute_the_convolution(channels: int, kernel: int) -> None:
    rng = np.random.default_rng(0)
    image = rng.random((6, 7, channels)) < 0.5
    filters = rng.random((5, kernel, kernel, channels)) < 0.5
    words, packed = reference.pack_bits(image), reference.pack_bits(filters)
    expected = reference.bconv2d_accumulators(
        words[None], packed, channels_in=channels, padding="same", pad_values=1
    )[0]
    assert np.array_equal(ladder.numpy_bit_conv(words, packed, channels), expected)
    x, w = (np.where(negative, -1, 1).astype(np.float32) for negative in (image, filters))
    assert np.array_equal(ladder.numpy_float_conv(x, w), expected)
    assert not np.array_equal(ladder.numpy_float_conv(x, w, pad_value=0.0), expected) or kernel == 1


def test_all_rungs_are_measured() -> None:
    result = ladder.measure_ladder(ConvCase(6, 32, 32), rounds=2)
    backends = kernels.available_backends()
    assert result.table.names == (
        ladder.NUMPY_FLOAT,
        ladder.NUMPY_BITS,
        *(f"bnn_lab {backend}" for backend in backends),
        FLOAT,
        INT8,
    )
    assert set(result.ceilings) <= set(backends)
    assert all(speed > 0 for speed in result.ceilings.values())


def test_rungs_that_disagree_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "numpy_bit_conv", lambda x, w, channels: 0)
    with pytest.raises(BnnLabError, match="NumPy, bits and NumPy, floats give different"):
        ladder.measure_ladder(ConvCase(6, 32, 32), rounds=1, float_peers=False)


def test_cases_that_the_numpy_rungs_do_not_know() -> None:
    with pytest.raises(InputError, match="stride 1"):
        ladder.measure_ladder(ConvCase(6, 32, 32, stride=2))


def test_machine() -> None:
    machine = ladder.measure_machine(rounds=1)
    assert machine.float_best > 0
    assert set(machine.bandwidths) == {ladder.IN_CACHE, ladder.IN_MEMORY}
    assert min(machine.bandwidths.values()) > 0


def test_bytes_of_a_convolution() -> None:
    case = ConvCase(56, 64, 64)
    image, filters, floats = 56 * 56 * 8, 64 * 9 * 8, 56 * 56 * 64 * 4
    assert ladder.conv_bytes(case, 1) == image + filters + floats
    assert ladder.conv_bytes(case, 1, 1) == image + filters + 56 * 56 * 8
    assert ladder.conv_bytes(case, 32) == (56 * 56 + 64 * 9) * 64 * 4 + floats
    assert ladder.conv_bytes(ConvCase(2, 33, 1, kernel=1), 1) == (4 + 1) * 8 + 4 * 4
    assert PAPER_CONVS[0] == case
