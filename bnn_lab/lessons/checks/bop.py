"""Exercises on Bop: the optimizer itself, the time to a flip, pi_t, and choosing gamma and tau."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bnn_lab.errors import InputError
from bnn_lab.lessons.checks.feedback import (
    Floats,
    NotYet,
    as_number,
    attempt,
    exercise,
    short,
)
from bnn_lab.training.closed_forms import bop_flip_step
from bnn_lab.training.flip_statistics import PI_FLOOR, flip_measure
from bnn_lab.training.simulate import Bop, Trajectory, simulate_weights

BopStep = Callable[[Floats, Floats, Floats, float, float], Any]
FlipStep = Callable[[float, float, float], Any]
FlipMeasure = Callable[[int, int], Any]

_GAMMA, _TAU = 0.1, 0.2
MOST_NOISE_FLIPS, MOST_STEPS, DRIFT = 0.002, 130, 0.3


@exercise
def check_bop_step(answer: BopStep) -> str:
    """Try one step of Bop, then 300 steps of 50 weights beside the library's.

    Args:
        answer: ``answer(w, m, gradient, gamma, tau)`` for float64 arrays (weights,), w of ±1,
            should return the new (w, m).
    """
    w = np.array([1.0, 1.0, -1.0, -1.0, 1.0, -1.0])
    m = np.array([0.1, 0.3, -0.3, 0.3, 0.15, 0.05])
    gradient = np.array([0.5, 1.0, -1.0, 2.0, 1.0, 0.2])
    average = (1 - _GAMMA) * m + _GAMMA * gradient
    signs, averages = _step(answer, w, m, gradient)
    if np.allclose(signs, average):
        raise NotYet("The two results are swapped: return w first, then m.")
    if not np.allclose(averages, average):
        raise NotYet(_average_hint(averages, m, gradient, average))
    if not np.array_equal(signs, np.where(w * average > _TAU, -w, w)):
        raise NotYet(_flip_hint(signs, w, average, m))
    even = np.full(len(w), 0.25)
    tie, _ = _step(answer, w, even, even, gamma=0.5, tau=0.25)
    if not np.array_equal(tie, w):
        raise NotYet("A weight flips when w * m is above tau; at exactly tau it stays.")

    run = simulate_weights(Bop(_GAMMA, _TAU), steps=300, weights=50, drift=0.05)
    signs, averages = np.ones(50), np.zeros(50)
    for number, gradient in enumerate(run.gradients, start=1):
        signs, averages = _step(answer, signs, averages, gradient)
        if not np.array_equal(signs, run.signs[number]):
            raise NotYet(
                f"One step is right, but after {number} steps the weights differ from the "
                "library's. Does your function change anything between calls?"
            )
    return f"The same {run.flips.sum()} flips as the library's Bop, over 300 steps of 50 weights."


check_bop_step.help(
    hint="Two lines: the new m from the old m and the gradient, then np.where(w * m > tau, -w, w).",
    solution="""
    def bop_step(w, m, gradient, gamma, tau):
        m = (1 - gamma) * m + gamma * gradient
        return np.where(w * m > tau, -w, w), m
    """,
)


def bop_paths(answer: BopStep) -> dict[str, Floats | None]:
    """A student's average m of one weight under a noisy gradient, to be drawn.

    Args:
        answer: as for `check_bop_step`.

    Returns:
        ``expected``, float64 (steps + 1,), and ``yours``, the same or None if it cannot be drawn.
    """
    drift = np.where(np.arange(120) < 60, 0.3, -0.3)[:, None]
    run = simulate_weights(Bop(_GAMMA, _TAU), steps=120, weights=1, drift=drift, noise=0.5)
    w, path = np.ones(1), [np.zeros(1)]
    for gradient in run.gradients:
        try:
            w, average = _step(answer, w, path[-1], gradient)
        except NotYet:
            return {"expected": run.watched[:, 0], "yours": None}
        path.append(average)
    return {"expected": run.watched[:, 0], "yours": np.concatenate(path)}


def _step(
    answer: BopStep,
    w: Floats,
    m: Floats,
    gradient: Floats,
    gamma: float = _GAMMA,
    tau: float = _TAU,
) -> tuple[Floats, Floats]:
    given = attempt(answer, w, m, gradient, gamma, tau)
    try:
        signs, averages = (np.asarray(part, np.float64) for part in given)
    except (TypeError, ValueError):
        raise NotYet("Let your function return two arrays: return w, m.") from None
    if signs.shape != w.shape or averages.shape != w.shape:
        raise NotYet(
            f"w and m must keep the shape {w.shape}, not {signs.shape} and {averages.shape}."
        )
    return signs, averages


def _average_hint(given: Floats, m: Floats, gradient: Floats, expected: Floats) -> str:
    mistakes = {
        "m has not changed yet. Let it forget a share gamma of itself, then add gamma times the "
        "gradient.": m,
        "The two shares are swapped: the old m keeps 1 - gamma, the gradient gets gamma.": (
            _GAMMA * m + (1 - _GAMMA) * gradient
        ),
        "m must also forget: multiply the old one by 1 - gamma.": m + _GAMMA * gradient,
        "The gradient enters with weight gamma.": (1 - _GAMMA) * m + gradient,
        "Bop adds the gradient; the sign is taken care of by the condition w * m > tau.": (
            (1 - _GAMMA) * m - _GAMMA * gradient
        ),
        "m is an average over time. Do not replace it by the newest gradient.": gradient,
    }
    for hint, values in mistakes.items():
        if np.allclose(given, values):
            return hint
    return f"m comes out as {given.round(3)} instead of {expected.round(3)}."


def _flip_hint(given: Floats, w: Floats, average: Floats, old: Floats) -> str:
    mistakes = {
        "m is right. No weight has flipped yet: where w * m > tau, w becomes -w.": w,
        "It flips the weights that should stay: m and w of the same sign ask for a flip, because "
        "m averages the gradient.": np.where(-w * average > _TAU, -w, w),
        "You compare m with tau; weights of -1 need w * m.": np.where(average > _TAU, -w, w),
        "You compare |m| with tau; a weight that m agrees with must stay: use w * m.": np.where(
            np.abs(average) > _TAU, -w, w
        ),
        "The sign of m alone decides here; where is tau?": np.where(w * average > 0, -w, w),
        "Update m first, then compare the new m with tau.": np.where(w * old > _TAU, -w, w),
        "A flipped weight is -w. Here it has become something else.": np.where(
            w * average > _TAU, 0.0, w
        ),
        "That says which weights flip. Make weights of it: np.where(condition, -w, w).": (
            w * average > _TAU
        ),
        "A weight that flips becomes -w, whatever it was, and the others stay as they are.": (
            np.where(w * average > _TAU, -1.0, 1.0)
        ),
        "The wrong ones flip: np.where(condition, value where it holds, value elsewhere).": (
            np.where(w * average > _TAU, w, -w)
        ),
    }
    for hint, values in mistakes.items():
        if np.array_equal(given, values):
            return hint
    expected = np.where(w * average > _TAU, -w, w)
    return f"m is right, but w comes out as {given} instead of {expected}."


@exercise
def check_flip_step(answer: FlipStep) -> str:
    """Try the step at which Bop flips a weight under a constant gradient.

    Args:
        answer: ``answer(gamma, tau, gradient)`` for a weight +1, m = 0 and a gradient > 0 should
            return the number of the step at which it flips, an int, or None if it never does.
    """
    cases = ((0.01, 0.2, 0.3), (0.1, 0.5, 1.0), (0.5, 0.1, 0.4), (0.1, 0.0, 0.3))
    for gamma, tau, gradient in (*cases, (0.1, 1.0, 0.5), (0.1, 0.5, 0.5)):
        expected = bop_flip_step(gamma, tau, gradient)
        case = f"gamma={gamma}, tau={tau}, gradient={gradient}"
        more = " Does m reach tau there at all?" if expected is None else ""
        given = attempt(answer, gamma, tau, gradient, case=case, more=more, may_be_none=True)
        if expected is None:
            if given is not None:
                raise NotYet(
                    f"For {case} it gives {short(given)}, but m never exceeds the gradient, so it "
                    "never exceeds tau. Return None."
                )
            continue
        if given is None:
            raise NotYet(
                f"For {case} it returns None, but here the weight does flip. Return the first n "
                "for which m = gradient * (1 - (1 - gamma)^n) exceeds tau. (print only shows it.)"
            )
        number = as_number(given)
        if number != expected:
            raise NotYet(
                f"For {case} it gives {short(given)} instead of {expected}. "
                + _count_hint(number, expected, gamma, tau, gradient)
            )
    return "Small gamma and large tau both make a weight slow to flip."


check_flip_step.help(
    hint=(
        "Count in a loop: m = (1 - gamma) * m + gamma * gradient, until m > tau. If the gradient "
        "is not above tau, m never gets there."
    ),
    solution="""
    def flip_step(gamma, tau, gradient):
        if gradient <= tau:
            return None
        m, step = 0.0, 0
        while m <= tau:
            m = (1 - gamma) * m + gamma * gradient
            step += 1
        return step
    """,
)


def _count_hint(number: float, expected: int, gamma: float, tau: float, gradient: float) -> str:
    if number == math.floor(tau / (gamma * gradient)) + 1:
        return "m does not grow by gamma * gradient each step: it also forgets."
    if number == expected - 1:
        return "One too few: is m above tau after that step, or only at it or below?"
    if not number.is_integer():
        return "Steps are whole: which is the first one with m > tau?"
    return "After n steps m = gradient * (1 - (1 - gamma)^n). Solve for n, or count in a loop."


@exercise
def check_flip_measure(answer: FlipMeasure) -> str:
    """Try the flip measure pi = log(flips / weights + e^-9).

    Args:
        answer: ``answer(flips, weights)`` for two ints should return pi, a float.
    """
    for flips, weights in ((50, 1000), (1, 26000), (0, 500), (500, 500)):
        expected = flip_measure(flips, weights)
        share = flips / weights
        zero = f"With {flips} flips it takes the logarithm of 0. Add e^-9."
        hints = {ValueError: zero, ZeroDivisionError: zero}
        number = as_number(attempt(answer, flips, weights, hints=hints))
        if math.isclose(number, expected, rel_tol=1e-6, abs_tol=1e-6):
            continue
        case = f"For {flips} flips of {weights} weights it gives {number:.3f} instead of "
        case += f"{expected:.3f}. "
        mistakes = {
            share: "That is the share itself; take its logarithm.",
            math.log10(share + PI_FLOOR): "Take the natural logarithm, np.log.",
            math.log(flips + PI_FLOOR): "Divide the flips by the number of weights.",
            (math.log(share) if share else -math.inf): "Add e^-9 inside the logarithm.",
            (math.log(share) if share else -math.inf) + PI_FLOOR: "e^-9 belongs inside the "
            "logarithm, beside the share.",
        }
        for value, hint in mistakes.items():
            if math.isclose(number, value, rel_tol=1e-9):
                raise NotYet(case + hint)
        raise NotYet(case + "It is np.log(flips / weights + np.exp(-9)).")
    return "-9 means that nothing flips, 0 that everything does."


check_flip_measure.help(
    hint="np.log is the natural logarithm, np.exp(-9) the small number that keeps it finite.",
    solution="""
    def flip_measure(flips, weights):
        return np.log(flips / weights + np.exp(-9))
    """,
)


@exercise
def check_gamma_and_tau(gamma: float, tau: float) -> str:
    """Try a choice of gamma and tau that ignores noise and follows a drift that reverses.

    Noise of standard deviation 1 alone should flip a weight in at most one of 500 steps; a drift of
    0.3 that reverses should flip half of the weights back within 130 steps.

    Args:
        gamma: adaptivity rate.
        tau: threshold.
    """
    try:
        rule = Bop(as_number(gamma), as_number(tau))
    except InputError as error:
        raise NotYet(str(error)) from None
    skip = min(1500, int(5 / rule.gamma))
    noise = simulate_weights(rule, steps=3000, weights=150).flip_rate(skip)
    steps = _steps_to_flip_back(_turning(rule))
    told = f"Noise alone flips {100 * noise:.2f} % of the weights in a step"
    told += (
        f"; half of the weights flip back {steps:.0f} steps after the drift turns."
        if math.isfinite(steps)
        else "; half of the weights never follow the drift."
    )
    if noise <= MOST_NOISE_FLIPS and steps <= MOST_STEPS:
        return told
    if noise > MOST_NOISE_FLIPS and steps > MOST_STEPS:
        hint = "Both fail. Try gamma near 0.02 first, then move tau."
    elif noise > MOST_NOISE_FLIPS:
        hint = (
            f"At most {100 * MOST_NOISE_FLIPS:.1f} % is wanted: raise tau, or average for longer."
        )
    elif not math.isfinite(steps):
        hint = f"m settles near the drift, {DRIFT}, and hardly ever passes a tau above: lower it."
    else:
        hint = f"At most {MOST_STEPS} steps are wanted: lower tau, or forget sooner."
    raise NotYet(f"{told} {hint}")


check_gamma_and_tau.help(
    hint=(
        "With drift 0.3, tau must lie clearly below 0.3, and above most of what noise makes of m, "
        "about sqrt(gamma / 2)."
    ),
    solution="""
    my_gamma, my_tau = 0.02, 0.2
    """,
)


def _turning(rule: Bop) -> Trajectory:
    drift = np.where(np.arange(2000) < 1000, DRIFT, -DRIFT)[:, None]
    return simulate_weights(rule, steps=2000, weights=150, drift=drift)


def _steps_to_flip_back(run: Trajectory) -> float:
    """Median step after the turn at which weights that were -1 are +1 again."""
    followed = run.signs[1000] < 0
    if followed.mean() < 0.5:
        return math.inf
    back = run.signs[1001:, followed] > 0
    first = np.where(back.any(axis=0), back.argmax(axis=0) + 1.0, np.inf)
    return float(np.median(first))
