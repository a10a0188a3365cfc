from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from bnn_lab.data import Digits, load_digits


class TrainedDigits(NamedTuple):
    """The lesson's network after its full training."""

    model: Any
    history: Any
    data: Digits


@pytest.fixture(scope="session")
def trained_digits() -> TrainedDigits:
    """Train once for the whole test run (about 15 s)."""
    from bnn_lab.lab import train_digits

    model, history = train_digits(seed=0)
    return TrainedDigits(model, history, load_digits())
