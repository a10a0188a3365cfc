"""What a state's fields look like to a user: ranges, labels and options, without any widget.

An explorer's state is a frozen dataclass whose fields are made by the functions below:

    @dataclass(frozen=True)
    class State:
        gamma: float = slider(1e-3, low=1e-4, high=0.1, log=True, label="adaptivity rate γ")
        rule: str = choice("Bop", options=("latent SGD", "Bop"), label="rule")

`check_state` refuses values out of range, and `bnn_lab.widgets` draws the controls from the same
description, so a figure can be computed and tested without a browser.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from bnn_lab.errors import InputError

_KEY = "bnn_lab.control"


@dataclass(frozen=True)
class Control:
    """How one field of a state is set.

    Attributes:
        kind: "slider", "choice" or "toggle".
        label: shown beside it, a few words with the symbol.
        help: one sentence, shown on hover.
        low: smallest value of a slider.
        high: largest value of a slider.
        step: between a linear slider's values; of the decimal logarithm if `log`.
        log: the slider moves in the logarithm.
        whole: values are integers.
        options: what a choice offers, as shown.
    """

    kind: str
    label: str
    help: str = ""
    low: float = 0.0
    high: float = 1.0
    step: float = 0.01
    log: bool = False
    whole: bool = False
    options: tuple[str, ...] = ()

    def extremes(self) -> tuple[Any, ...]:
        """Both ends of a slider, or every option."""
        if self.kind == "slider":
            return (int(self.low), int(self.high)) if self.whole else (self.low, self.high)
        return self.options if self.kind == "choice" else (False, True)


def slider(
    default: float,
    *,
    low: float,
    high: float,
    step: float | None = None,
    label: str,
    log: bool = False,
    help: str = "",
) -> Any:
    """A number in a range; an integer if `default`, `low`, `high` and `step` are.

    Args:
        default: where it starts, between `low` and `high`.
        low: smallest value; above 0 if `log`.
        high: largest value.
        step: between values, default a hundredth of the range; with `log`, of the decimal
            logarithm, default 0.05.
        label: a few words with the symbol.
        log: move in the logarithm.
        help: one sentence, shown on hover.

    Returns:
        A dataclass field.
    """
    numbers = (default, low, high, 1 if step is None else step)
    whole = not log and all(isinstance(number, int) for number in numbers)
    if step is None:
        step = 0.05 if log else 1 if whole else (high - low) / 100
    control = Control("slider", label, help, low, high, step, log, whole)
    return _field(default, control)


def choice(default: str, *, options: tuple[str, ...], label: str, help: str = "") -> Any:
    """One of several named options; `default` is one of `options`."""
    return _field(default, Control("choice", label, help, options=options))


def toggle(default: bool, *, label: str, help: str = "") -> Any:
    """Yes or no."""
    return _field(default, Control("toggle", label, help))


def controls(state: Any) -> dict[str, Control]:
    """Field name to control, in order, of a state or its class; other fields are left out."""
    return {
        field.name: field.metadata[_KEY]
        for field in dataclasses.fields(state)
        if _KEY in field.metadata
    }


def check_state(state: Any) -> None:
    """Refuse a state outside its controls' ranges. Call it in a state's `__post_init__`.

    Raises:
        InputError: names the field, its value and what it may be.
    """
    name = type(state).__name__
    for field, control in controls(state).items():
        value = getattr(state, field)
        if control.kind == "choice" and value not in control.options:
            raise InputError(f"{name}({field}={value!r}): choose one of {control.options}.")
        if control.kind == "toggle" and not isinstance(value, bool):
            raise InputError(f"{name}({field}={value!r}): must be True or False.")
        if control.kind == "slider":
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            # A slider's own arithmetic may land a rounding error beyond its ends.
            slack = 1e-9 * (abs(control.low) + abs(control.high))
            if not number or not control.low - slack <= value <= control.high + slack:
                raise InputError(
                    f"{name}({field}={value!r}): must lie in {control.low:g}..{control.high:g}."
                )


def _field(default: Any, control: Control) -> Any:
    return dataclasses.field(default=default, metadata={_KEY: control})
