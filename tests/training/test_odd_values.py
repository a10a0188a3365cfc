"""What is given in place of a number: every function says which argument is wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bnn_lab.data import load_synthetic
from bnn_lab.errors import InputError
from bnn_lab.training import (
    InertiaRecorder,
    QuantizerSchedule,
    binary_variables,
    bop_optimizer,
    closed_forms,
    gamma_decay,
    optimizers,
    schedules,
    set_binary_signs,
    train_digits,
)
from bnn_lab.training.simulate import (
    Bop,
    Bop2ndOrder,
    LatentAdam,
    LatentSGD,
    Trajectory,
    simulate_weights,
)

NO_NUMBERS = ("1e-3", None, np.array([1e-3, 1e-2]), [1e-3], True, np.True_, 1j, object())
NOT_FINITE = (float("nan"), float("inf"), np.float32("nan"), 10**400)
NUMBERS: dict[str, Callable[[Any], Any]] = {
    "bop_optimizer(gamma": lambda value: bop_optimizer(gamma=value),
    "bop_optimizer(threshold": lambda value: bop_optimizer(threshold=value),
    "bop_optimizer(sigma": lambda value: bop_optimizer(order=2, sigma=value),
    "Bop(threshold": lambda value: optimizers.Bop(threshold=value),
    "Bop(gamma": lambda value: optimizers.Bop(gamma=value),
    "Bop2ndOrder(threshold": lambda value: optimizers.Bop2ndOrder(threshold=value),
    "Bop2ndOrder(gamma": lambda value: optimizers.Bop2ndOrder(gamma=value),
    "Bop2ndOrder(sigma": lambda value: optimizers.Bop2ndOrder(sigma=value),
    "Bop2ndOrder(epsilon": lambda value: optimizers.Bop2ndOrder(epsilon=value),
    "gamma_decay(start": lambda value: gamma_decay(value, 1e-4, 10),
    "gamma_decay(start=0.1, end": lambda value: gamma_decay(0.1, value, 10),
    "step_decay(start": lambda value: schedules.step_decay(value, 0.1, 10),
    "linear_decay(start": lambda value: schedules.linear_decay(value, 0.0, 10),
    "warmup_cosine(peak": lambda value: schedules.warmup_cosine(value, 10, 100),
    "ema_spread(gamma": lambda value: closed_forms.ema_spread(value, 1.0),
    "ema_spread(noise": lambda value: closed_forms.ema_spread(0.1, value),
    "bop_flip_step(gamma": lambda value: closed_forms.bop_flip_step(value, 1e-3, 0.1),
    "bop_flip_rate(gamma": lambda value: closed_forms.bop_flip_rate(value),
    "latent_flip_step(initial": lambda value: closed_forms.latent_flip_step(value, 0.1, 0.1),
    "LatentSGD(learning_rate": lambda value: LatentSGD(learning_rate=value),
    "LatentAdam(learning_rate=0.001, beta1=0.9, beta2": lambda value: LatentAdam(beta2=value),
    "Bop(gamma=": lambda value: Bop(gamma=value),
    "Bop(gamma=0.001, threshold": lambda value: Bop(threshold=value),
    "Bop2ndOrder(gamma=0.001, sigma": lambda value: Bop2ndOrder(sigma=value),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_finite_and_no_text(name: str) -> None:
    for value in (*NO_NUMBERS, *NOT_FINITE):
        with pytest.raises(InputError) as raised:
            NUMBERS[name](value)
        assert str(raised.value).startswith(name)


def simulated(**changes: Any) -> Trajectory:
    return simulate_weights(Bop(), **{"steps": 3, "weights": 2, **changes})


COUNTS: dict[str, Callable[[Any], Any]] = {
    "gamma_decay(steps": lambda value: gamma_decay(0.1, 0.01, value),
    "step_decay(every": lambda value: schedules.step_decay(0.1, 0.1, value),
    "linear_decay(steps": lambda value: schedules.linear_decay(0.1, 0.0, value),
    "QuantizerSchedule(epochs": QuantizerSchedule,
    "InertiaRecorder(every": InertiaRecorder,
    "train_digits(epochs": lambda value: train_digits(epochs=value),
    "train_digits(epochs=1, batch_size": lambda value: train_digits(epochs=1, batch_size=value),
    "simulate_weights(steps": lambda value: simulated(steps=value),
    "simulate_weights(steps=3, weights": lambda value: simulated(weights=value),
    "simulate_weights(seed": lambda value: simulated(seed=value),
    "load_synthetic(train": lambda value: load_synthetic(train=value),
    "load_synthetic(train=10, test": lambda value: load_synthetic(train=10, test=value),
    "load_synthetic(seed": lambda value: load_synthetic(10, 10, seed=value),
}


@pytest.mark.parametrize("name", COUNTS)
def test_a_count_is_an_integer(name: str) -> None:
    for value in (*NO_NUMBERS, *NOT_FINITE[:-1], 1.5, np.float64(20)):
        with pytest.raises(InputError) as raised:
            COUNTS[name](value)
        assert str(raised.value).startswith(name)


def test_numbers_of_numpy_are_numbers() -> None:
    assert simulated(steps=np.int64(3), seed=np.uint8(1)).signs.shape[1] == 2
    assert Bop(gamma=np.float32(0.5)).gamma == 0.5  # type: ignore[arg-type]
    bop_optimizer(gamma=np.float64(0.1), threshold=np.float32(0))
    optimizers.Bop(gamma=gamma_decay(0.1, np.float32(0.01), np.int32(7)))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["drift", "noise", "coupling"])
def test_tables_of_a_simulation_hold_numbers(name: str) -> None:
    for value in ("1", "x", [[1.0], [1.0, 2.0]], [None, 1.0], object(), 1j, 10**400):
        with pytest.raises(InputError, match=f"simulate_weights: {name} "):
            simulated(**{name: value})


def test_a_training_needs_both_ends_of_gamma() -> None:
    for value in (0.01, (0.01,), "12", None):
        with pytest.raises(InputError, match=r"train_digits\(gamma=.*must be a pair"):
            train_digits(gamma=value)  # type: ignore[arg-type]


def test_binary_weights_of_what_is_no_model() -> None:
    for model in (3, None, [1]):
        for look in (binary_variables, set_binary_signs):
            with pytest.raises(InputError, match=r"expected a tf_keras model, not \w+"):
                look(model)
