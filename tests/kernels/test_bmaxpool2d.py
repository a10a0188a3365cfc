"""bmaxpool2d of every backend equals the oracle exactly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bnn_lab import kernels, reference
from bnn_lab.errors import InputError


@settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(0, 2), st.integers(1, 9), st.integers(1, 9), st.integers(1, 40)),
    pool=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    padding=st.sampled_from(["same", "valid"]),
)
def test_equals_reference(backend, seed, shape, pool, stride, padding):
    rng = np.random.default_rng(seed)
    # Mostly ones, or the AND of a window would nearly always be zero.
    x = reference.pack_bits(rng.random((*shape[:3], 32 * shape[3])) < 0.8)
    options = {"pool": pool, "stride": stride, "padding": padding}
    expected = reference.bmaxpool2d(x, **options)
    np.testing.assert_array_equal(kernels.bmaxpool2d(x, backend=backend, **options), expected)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pool": 2}, "pool must be a pair"),
        ({"pool": (0, 2)}, "pool must lie in"),
        ({"stride": (2, 0)}, "stride must lie in"),
        ({"padding": "SAME"}, "padding must be one of"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(InputError, match=message):
        kernels.bmaxpool2d(np.zeros((1, 4, 4, 1), np.int32), **options)
