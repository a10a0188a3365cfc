"""Exercises on latent weights as inertia: one SGD step, the steps to a flip, scaled settings."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab.lessons.checks.feedback import (
    Floats,
    NotYet,
    as_array,
    as_number,
    attempt,
    exercise,
    short,
)
from bnn_lab.training.closed_forms import latent_flip_step
from bnn_lab.training.simulate import LatentSGD, simulate_weights

LatentStep = Callable[[Floats, Floats, float, float], Any]
StepsToFlip = Callable[[float, float, float], Any]
ScaledSettings = Callable[[float, float, float, float, float], Any]

_RATE, _CLIP, _STEPS = 0.1, 0.5, 120
_FLIP_CASES = ((1.0, 0.1, 0.3), (1.0, 0.25, 0.5), (0.75, 0.5, 0.25), (0.3, 1.0, 2.0))


@exercise
def check_latent_step(answer: LatentStep) -> str:
    """Try one step of SGD on clipped latent weights.

    Args:
        answer: ``answer(latent, gradient, learning_rate, clip)`` for float64 arrays (weights,)
            should return the latent weights after the step.
    """
    latent, gradient = np.array([0.3, -0.2, 0.45, -0.45]), np.array([1.0, 0.5, -2.0, 3.0])
    moved = latent - _RATE * gradient
    expected = np.clip(moved, -_CLIP, _CLIP)
    given = as_array(attempt(answer, latent, gradient, _RATE, _CLIP), latent.shape)
    if np.allclose(given, expected):
        return "This is all that training does to a latent weight."
    mistakes = {
        "Nothing has moved yet. SGD moves a weight against its gradient.": latent,
        "It moves along the gradient; to lower the loss it must move against it.": np.clip(
            latent + _RATE * gradient, -_CLIP, _CLIP
        ),
        "The step is right. What is missing is the clip: np.clip(values, -clip, clip).": moved,
        "Without the learning rate the step is ten times too long.": np.clip(
            latent - gradient, -_CLIP, _CLIP
        ),
        "Clip after the step, not before it.": np.clip(latent, -_CLIP, _CLIP) - _RATE * gradient,
        "Clip the weight, not the gradient.": latent - _RATE * np.clip(gradient, -_CLIP, _CLIP),
        "Only the upper end is clipped; the lower one is -clip.": np.minimum(moved, _CLIP),
        "Keep the latent weight itself; its sign is taken later.": np.sign(moved),
        "Only the lower end is right; the range is from -clip to clip.": np.clip(moved, -_CLIP, 0),
        "The lower end of the range is -clip, not 0.": np.clip(moved, 0, _CLIP),
    }
    for hint, values in mistakes.items():
        if np.allclose(given, values):
            raise NotYet(hint)
    raise NotYet(
        f"From {latent} with gradient {gradient}, learning rate {_RATE} and clip {_CLIP} it gives "
        f"{given.round(3)} instead of {expected.round(3)}."
    )


check_latent_step.help(
    hint="First step, then clip: np.clip(values, low, high) keeps values between two bounds.",
    solution="""
    def latent_step(latent, gradient, learning_rate, clip):
        return np.clip(latent - learning_rate * gradient, -clip, clip)
    """,
)


def latent_paths(answer: LatentStep) -> dict[str, Floats | None]:
    """A student's step repeated under a noisy gradient that reverses, to be drawn.

    Args:
        answer: as for `check_latent_step`.

    Returns:
        ``expected``, float64 (steps + 1,), and ``yours``, the same or None if it cannot be drawn.
    """
    drift = np.where(np.arange(_STEPS) < _STEPS // 2, 0.3, -0.3)[:, None]
    rule = LatentSGD(_RATE, clip=_CLIP, initial=_CLIP)
    run = simulate_weights(rule, steps=_STEPS, weights=1, drift=drift, noise=0.5)
    path = [run.watched[0]]
    for gradient in run.gradients:
        try:
            path.append(as_array(attempt(answer, path[-1], gradient, _RATE, _CLIP), (1,)))
        except NotYet:
            return {"expected": run.watched[:, 0], "yours": None}
    return {"expected": run.watched[:, 0], "yours": np.concatenate(path)}


@exercise
def check_steps_to_flip(answer: StepsToFlip) -> str:
    """Try a formula for the step at which a latent weight changes sign.

    Args:
        answer: ``answer(initial, learning_rate, gradient)`` for a constant gradient and a latent
            weight that starts at `initial` > 0 should return the number of SGD steps after which
            it is negative, an int, or None if that never happens.
    """
    for initial, rate, gradient in (*_FLIP_CASES, (1.0, 0.1, -0.5), (1.0, 0.1, 0.0)):
        expected = latent_flip_step(initial, rate, gradient)
        case = f"initial={initial}, learning_rate={rate}, gradient={gradient}"
        zero = f"For {case} it divides by 0. When does the weight never flip?"
        given = attempt(
            answer, initial, rate, gradient, hints={ZeroDivisionError: zero}, may_be_none=True
        )
        if expected is None:
            if given is not None:
                raise NotYet(
                    f"For {case} it gives {short(given)}, but this gradient never pushes the "
                    "weight below 0. Return None."
                )
            continue
        hint = _flip_hint(given, expected, initial / (rate * gradient))
        if hint:
            raise NotYet(f"For {case} it gives {short(given)} instead of {expected}. {hint}")
    return "Only the ratio of magnitude and learning rate enters: the weight's inertia."


check_steps_to_flip.help(
    hint=(
        "After n steps the weight is initial - n * learning_rate * gradient. It must be below 0, "
        "not at 0. And if the gradient is not positive, it never gets there."
    ),
    solution="""
    def steps_to_flip(initial, learning_rate, gradient):
        if gradient <= 0:
            return None
        return int(initial // (learning_rate * gradient)) + 1
    """,
)


def _flip_hint(given: Any, expected: int, ratio: float) -> str:
    if given is None:
        return "Here the weight does flip: return the number of the step. (print only shows it.)"
    number = as_number(given)
    if number == expected:
        return ""
    if math.isclose(number, ratio) and not number.is_integer():
        return "Steps are whole: round to the first step after which the weight is below 0."
    if number == math.floor(ratio) < ratio:
        return "Nearly: after that many steps the weight is still above 0."
    if number == ratio:
        return "Nearly: at exactly 0 the sign is still +1, so one more step is needed there."
    if number == expected + 1:
        return "One too many: it was below 0 a step before."
    return "Each step moves the weight by learning_rate * gradient. How many fit in initial?"


@exercise
def check_scaled_settings(answer: ScaledSettings) -> str:
    """Try settings that make every latent weight C times as large and leave the signs alone.

    The rule is w = clip(w - learning_rate * (g + 2 * l2 * w), -bound, bound).

    Args:
        answer: ``answer(learning_rate, initial, bound, l2, C)`` should return the four settings
            under which every binary weight stays the same although all latents are C times as
            large.
    """
    settings = (0.125, 1.0, 0.75, 0.125)
    for scale in (4.0, 0.5):
        given = as_array(attempt(answer, *settings, scale), (4,))
        expected = np.array([*(scale * np.array(settings[:3])), settings[3] / scale])
        if not np.allclose(given, expected):
            raise NotYet(_scale_hint(given, expected, settings, scale))
        if (_signs(*settings) != _signs(*given)).any():
            raise NotYet("The numbers are close but not exact: multiply and divide by C.")
    return "The same binary weights after every step, tried on 200 noisy steps."


check_scaled_settings.help(
    hint=(
        "All latent weights, the bound and each step grow by C. The pull of the decay is "
        "learning_rate * 2 * l2 * w, in which two factors have grown."
    ),
    solution="""
    def scaled_settings(learning_rate, initial, bound, l2, C):
        return learning_rate * C, initial * C, bound * C, l2 / C
    """,
)


def _scale_hint(given: Floats, expected: Floats, settings: Any, scale: float) -> str:
    names = ("learning rate", "initial latents", "bound", "l2")
    wrong = [name for name, a, b in zip(names, given, expected, strict=True) if a != b]
    start = f"With C = {scale:g} the {wrong[0]} is not right yet. "
    if wrong[0] != "l2":
        return start + {
            "learning rate": "The gradient is the same as before, since the signs are. How long "
            "must its steps be among latents that are C times as large?",
            "initial latents": "All latents are to be C times as large, the first ones too.",
            "bound": "The bound is compared with latents that are C times as large.",
        }.get(wrong[0], "")
    if math.isclose(given[3], settings[3]):
        return start + "Its pull is learning_rate * 2 * l2 * w, and learning_rate and w have grown."
    if math.isclose(given[3], scale * settings[3]):
        return start + "Multiplied, the pull grows by C * C * C. By how much should it grow?"
    return start + "The pull learning_rate * 2 * l2 * w should grow by C, as all latents do."


def _signs(rate: float, initial: float, bound: float, l2: float) -> NDArray[np.bool_]:
    generator = np.random.default_rng(0)
    latent = np.full(32, min(initial, bound))
    rows = []
    for gradient in generator.standard_normal((200, 32)):
        latent = np.clip(latent - rate * (gradient + 2 * l2 * latent), -bound, bound)
        rows.append(latent < 0)
    return np.array(rows)
