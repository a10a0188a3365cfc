from __future__ import annotations

import pytest

from bnn_lab.measure.units import format_factor, format_seconds


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2.13e-5, "21.3 µs"),
        (4.2e-7, "0.42 µs"),
        (3.631e-4, "363 µs"),
        (1.1655e-3, "1.17 ms"),
        (9.996e-3, "10.0 ms"),
        (2.5, "2.50 s"),
    ],
)
def test_seconds_are_readable(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text


def test_factors_are_readable() -> None:
    assert [format_factor(f) for f in (1.04, 4.92, 9.96, 17.4)] == ["1.0", "4.9", "10", "17"]
