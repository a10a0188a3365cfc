"""Hyper-parameters that change with the training step: gamma, tau or a learning rate.

All are plain Keras schedules, so they serialize with the optimizer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

from bnn_lab._keras import require_tensorflow
from bnn_lab._numbers import is_integer, is_number
from bnn_lab.errors import InputError


def step_decay(start: float, factor: float, every: int) -> Any:
    """Multiply by `factor` after each `every` steps, as the Bop paper does with gamma on CIFAR-10.

    Args:
        start: value at the first step, above 0.
        factor: above 0.
        every: steps (batches) between changes, at least 1.

    Returns:
        A Keras `LearningRateSchedule`.

    Raises:
        InputError: a value is out of range.
    """
    _check("step_decay", start=start, factor=factor)
    _check_steps("step_decay", "every", every)
    schedules = require_tensorflow().keras.optimizers.schedules
    return schedules.ExponentialDecay(start, every, factor, staircase=True)


def linear_decay(start: float, end: float, steps: int) -> Any:
    """From `start` to `end` on a straight line, then constant: the Bop paper's ImageNet schedule.

    Args:
        start: value at the first step, at least 0.
        end: value after `steps` steps, at least 0.
        steps: at least 1.

    Returns:
        A Keras `LearningRateSchedule`.

    Raises:
        InputError: a value is out of range.
    """
    if not (is_number(start) and is_number(end) and min(start, end) >= 0):
        raise InputError(f"linear_decay({start=}, {end=}): both must be finite and at least 0.")
    _check_steps("linear_decay", "steps", steps)
    schedules = require_tensorflow().keras.optimizers.schedules
    return schedules.PolynomialDecay(start, steps, end, power=1.0)


def exponential_decay(start: float, end: float, steps: int) -> Any:
    """From `start` to `end` in `steps` steps by an equal factor each step, and on like that.

    Args:
        start: value at the first step, above 0.
        end: value after `steps` steps, above 0.
        steps: at least 1.

    Returns:
        A Keras `LearningRateSchedule`.

    Raises:
        InputError: a value is out of range.
    """
    _check("exponential_decay", start=start, end=end)
    _check_steps("exponential_decay", "steps", steps)
    schedules = require_tensorflow().keras.optimizers.schedules
    return schedules.ExponentialDecay(start, steps, end / start)


def warmup_cosine(peak: float, warmup_steps: int, steps: int) -> Any:
    """From 0 to `peak` on a line, then down to 0 on half a cosine: larq-zoo's QuickNet schedule.

    Args:
        peak: highest value, above 0.
        warmup_steps: steps up, at least 1.
        steps: steps in all, more than `warmup_steps`.

    Returns:
        A Keras `LearningRateSchedule`.

    Raises:
        InputError: a value is out of range.
    """
    _check("warmup_cosine", peak=peak)
    _check_steps("warmup_cosine", "warmup_steps", warmup_steps)
    if steps <= warmup_steps:
        raise InputError(f"warmup_cosine({steps=}): must exceed {warmup_steps=}.")
    schedules = require_tensorflow().keras.optimizers.schedules
    return schedules.CosineDecay(
        0.0, steps - warmup_steps, warmup_target=peak, warmup_steps=warmup_steps
    )


def warmup_steps(peak: float, warmup: int, factor: float, falls: Sequence[int]) -> Any:
    """From 0 to `peak` on a line, then a fall at each given step: Real-to-Binary Net's schedule.

    Args:
        peak: highest value, above 0.
        warmup: steps up, at least 1.
        factor: by which the value is multiplied at each fall, above 0.
        falls: steps of the falls, rising, none before `warmup`.

    Returns:
        A Keras `LearningRateSchedule`.

    Raises:
        InputError: a value is out of range.
    """
    _check("warmup_steps", peak=peak, factor=factor)
    _check_steps("warmup_steps", "warmup", warmup)
    if list(falls) != sorted(set(falls)) or (falls and falls[0] < warmup):
        raise InputError(f"warmup_steps({falls=}): must rise, and begin at {warmup=} or later.")
    return _warmup_steps_class()(peak, warmup, factor, list(falls))


@cache
def _warmup_steps_class() -> Any:
    tf = require_tensorflow()
    base: Any = tf.keras.optimizers.schedules.LearningRateSchedule

    @tf.keras.utils.register_keras_serializable("bnn_lab")
    class WarmupSteps(base):
        """See `warmup_steps`."""

        def __init__(self, peak: float, warmup: int, factor: float, falls: list[int]) -> None:
            super().__init__()
            self.settings: dict[str, Any] = {
                "peak": peak,
                "warmup": warmup,
                "factor": factor,
                "falls": falls,
            }

        def __call__(self, step: Any) -> Any:
            step = tf.cast(step, tf.float32)
            rising = self.settings["peak"] * tf.minimum(step / self.settings["warmup"], 1.0)
            past = [tf.cast(step >= fall, tf.float32) for fall in self.settings["falls"]]
            return rising * self.settings["factor"] ** (tf.add_n(past) if past else 0.0)

        def get_config(self) -> dict[str, Any]:
            """What `from_config` takes."""
            return dict(self.settings)

    return WarmupSteps


def _check(function: str, **values: float) -> None:
    for name, value in values.items():
        if not (is_number(value) and value > 0):
            raise InputError(f"{function}({name}={value!r}): must be a finite number above 0.")


def _check_steps(function: str, name: str, value: int) -> None:
    if not (is_integer(value) and value >= 1):
        raise InputError(f"{function}({name}={value!r}): must be an integer, at least 1.")


def check_hyperparameter(
    function: str,
    name: str,
    value: Any,
    *,
    low: float = 0.0,
    low_included: bool = False,
    high: float = math.inf,
) -> None:
    """Refuse what is neither a number in a range nor a schedule.

    Args:
        function: that was called, for the message.
        name: of its argument.
        value: what it was given.
        low: bound of the range.
        low_included: whether the range includes it.
        high: the other bound, included unless it is infinite.

    Raises:
        InputError: the value is refused.
    """
    if isinstance(value, require_tensorflow().keras.optimizers.schedules.LearningRateSchedule):
        return
    if is_number(value) and (value >= low if low_included else value > low) and value <= high:
        return
    left = "[" if low_included else "("
    right = "]" if math.isfinite(high) else ")"
    raise InputError(
        f"{function}({name}={value!r}): must be a number in {left}{low:g}, {high:g}{right} or a "
        "tf.keras.optimizers.schedules.LearningRateSchedule."
    )
