from __future__ import annotations

import statistics

import numpy as np
import pytest

from bnn_lab.errors import InputError
from bnn_lab.training import counter_random
from bnn_lab.training.simulate import LatentSGD, simulate_weights


def test_quantiles_are_the_normal_distributions() -> None:
    words = np.concatenate(
        [
            np.arange(2**32, step=2**22 + 1, dtype=np.int64),
            [0, 1, 322122547, 322122548, 2**31 - 1, 2**31, 2**32 - 1],
        ]
    ).astype(np.uint32)
    exact = [statistics.NormalDist().inv_cdf((int(word) + 0.5) / 2**32) for word in words]
    np.testing.assert_allclose(counter_random.quantile(words), exact, rtol=1e-14)
    np.testing.assert_array_equal(
        counter_random.quantile(words), -counter_random.quantile(~words)
    )  # symmetric to the last bit


def test_a_million_numbers_look_normal_and_independent() -> None:
    x = counter_random.normal_table(0, 1000, 1000)
    n = x.size
    assert abs(x.mean()) < 5 / np.sqrt(n) and abs(x.var() - 1) < 5 * np.sqrt(2 / n)
    assert abs((x**4).mean() - 3) < 5 * np.sqrt(96 / n)
    for limit, share in ((2.0, 0.0227501), (3.0, 0.0013499), (4.0, 3.167e-5)):
        seen = (np.abs(x) > limit).mean()
        assert abs(seen - 2 * share) < 5 * np.sqrt(2 * share / n)
    other = counter_random.normal_table(1, 1000, 1000)
    pairs = {
        "next step": (x[1:], x[:-1]),
        "next weight": (x[:, 1:], x[:, :-1]),
        "64 weights on": (x[:, 64:], x[:, :-64]),
        "next seed": (x, other),
        "next seed, next step": (x[1:], other[:-1]),
    }
    for what, (a, b) in pairs.items():
        for left, right in ((a, b), (a**2 - 1, b**2 - 1)):
            z = (left * right).sum() / np.sqrt((left**2).sum() * (right**2).sum())
            assert abs(z) * np.sqrt(a.size) < 5, what


def test_a_number_depends_on_seed_step_and_weight_alone() -> None:
    large = counter_random.normal_table(7, 50, 40)
    np.testing.assert_array_equal(counter_random.normal_table(7, 20, 9), large[:20, :9])
    assert counter_random.normal(7, 13, 31) == large[13, 31]
    assert counter_random.normal(7 + 2**32, 13, 31) == large[13, 31]
    one = simulate_weights(LatentSGD(0.1), steps=50, weights=1, seed=7)
    many = simulate_weights(LatentSGD(0.1), steps=80, weights=9, seed=7)
    np.testing.assert_array_equal(one.watched[:, 0], many.watched[:51, 0])


@pytest.mark.parametrize(("steps", "weights"), [(0, 1), (1, 0), (2**16 + 1, 1), (1, 2**16 + 1)])
def test_counts_out_of_range_are_refused(steps: int, weights: int) -> None:
    with pytest.raises(InputError):
        counter_random.normal_table(0, steps, weights)
    with pytest.raises(InputError):
        simulate_weights(LatentSGD(), steps=steps, weights=weights)
