"""Exercises on deployment: thresholds, what stays float, and how much faster it can get."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bnn_lab.errors import BnnLabError
from bnn_lab.lessons.checks.feedback import NotYet, as_number, attempt, exercise

Threshold = Callable[[int, float, float], Any]
Limit = Callable[[float, float], Any]

_DEPTH = 20
# K, mean and beta; the picture shows those with the first K.
_CASES = (
    (_DEPTH, 5.3, 2.0),
    (_DEPTH, 4.0, 0.0),
    (64, -3.0, 2.5),
    (9, 0.0, 0.0),
    (9, 10.0, 0.0),  # negative for every count
)


@exercise
def check_threshold(answer: Threshold) -> str:
    """Try to replace a batch normalization and a sign by one comparison of the popcount.

    Args:
        answer: ``answer(depth, mean, beta)`` for K and a normalization (accumulator - mean) + beta
            should return the int t for which the result is negative iff popcount > t.
    """
    for depth, mean, beta in _CASES:
        t = as_number(attempt(answer, depth, mean, beta))
        expected = _wanted(depth, mean, beta)
        if t == expected:
            continue
        case = f"For K = {depth}, mean {mean:g} and beta {beta:g} it gives {t:g}. "
        exact = (depth - mean + beta) / 2
        hints = (
            (exact, "Almost: popcounts are whole numbers, so round down with math.floor."),
            (depth / 2, "That ignores mean and beta, which shift the accumulator."),
            (math.floor(depth / 2), "That ignores mean and beta, which shift the accumulator."),
            (math.floor((depth - mean) / 2), "beta is missing: it is added after the mean."),
            (math.floor((depth - mean - beta) / 2), "beta has the wrong sign."),
            (math.floor((depth + mean - beta) / 2), "The mean is subtracted: mind the signs."),
            (depth - mean + beta, "The accumulator is K - 2 p: each place counts twice."),
            (mean - beta, "That is a bound for the accumulator; p is (K - accumulator) / 2."),
            (math.ceil(exact), "Round down, not up: at p = t the result is not yet negative."),
            (expected + 1, "One too large: at p = t the result must not be negative yet."),
            (expected - 1, "One too small: at p = t + 1 the result must be negative."),
        )
        for value, hint in hints:
            if t == value:
                raise NotYet(case + hint)
        raise NotYet(case + "Solve (K - 2 p) - mean + beta < 0 for p.")
    return "So a whole batch normalization costs the kernel one comparison."


check_threshold.help(
    hint=(
        "K - 2 p - mean + beta < 0 means p > (K - mean + beta) / 2. For a whole number p, when is "
        "it larger than a fraction?"
    ),
    solution="""
    import math

    def threshold(K, mean, beta):
        return math.floor((K - mean + beta) / 2)
    """,
)


@check_threshold.pictured
def threshold_picture(answer: Threshold) -> str:
    """For every popcount, what normalization and sign say, and what the answer's threshold says.

    Args:
        answer: see `check_threshold`.

    Returns:
        Three lines of text.
    """
    # The case of which the verdict speaks.
    short = [case for case in _CASES if case[0] == _DEPTH]
    depth, mean, beta = next((case for case in short if not _decides(answer, *case)), short[0])
    counts = np.arange(depth + 1)
    lines = [
        f"popcount 0 to {depth}, mean {mean:g}, beta {beta:g}:",
        "normalize, then sign  " + _signs(depth - 2 * counts - mean + beta < 0),
    ]
    try:
        t = as_number(attempt(answer, depth, mean, beta))
        lines.append("your threshold        " + _signs(counts > t))
    except NotYet:  # the verdict says what is wrong
        lines.append("your threshold        (none yet)")
    return "\n".join(lines)


@exercise
def check_binary_layers(model: Any, expected: Sequence[str]) -> str:
    """See whether layers of a Keras model would be binary after conversion.

    Args:
        model: the student's model, or a function that makes it.
        expected: names of the layers that should be.
    """
    from bnn_lab.convert import explain

    if inspect.isfunction(model):
        model = attempt(model)
    try:
        report = explain(model)
    except BnnLabError as error:
        raise NotYet(f"The network cannot be converted: {error}") from None
    known = {layer.name: layer for layer in report.layers}
    for name in expected:
        layer = known.get(name)
        if layer is None:
            raise NotYet(f"There is no layer {name!r}; keep the layers' names.")
        if layer.verdict != "binary":
            advice = f" It advises: {layer.advice}." if layer.advice else ""
            reason = f"The converter says of {name!r}: {layer.reason}.{advice}"
            raise NotYet(reason)
    binary = sum(layer.macs_binary for layer in report.layers)
    total = binary + sum(layer.macs_float for layer in report.layers)
    return f"{100 * (binary / total):.0f} % of the multiply-accumulates are binary now."


check_binary_layers.help(
    hint=(
        "A layer becomes binary if its filters and its inputs are both +1 or -1. Compare the "
        "quantizers of conv_b and conv_c with each other."
    ),
    solution="""
    def small_network():
        return keras.Sequential(
            [
                keras.Input((8, 8, 3)),
                conv("conv_a", kernel_quantizer="ste_sign"),
                keras.layers.BatchNormalization(scale=False),
                conv("conv_b", kernel_quantizer="ste_sign", input_quantizer="ste_sign"),
                keras.layers.BatchNormalization(scale=False),
                conv("conv_c", kernel_quantizer="ste_sign", input_quantizer="ste_sign"),
                keras.layers.GlobalAveragePooling2D(),
                keras.layers.Dense(10, name="classifier"),
            ],
            name="small",
        )
    """,
)


@exercise
def check_speed_limit(answer: Limit) -> str:
    """Try Amdahl's law: how many times faster a network gets if its binary ops cost nothing.

    Args:
        answer: ``answer(float_ms, binary_ms)`` should return old time over new time.
    """
    for float_ms, binary_ms in ((1.0, 3.0), (2.0, 2.0), (2.0, 3.0), (5.0, 0.0)):
        given = as_number(attempt(answer, float_ms, binary_ms))
        total = float_ms + binary_ms
        expected = total / float_ms
        if math.isclose(given, expected):
            continue
        case = f"{float_ms:g} ms float and {binary_ms:g} ms binary: it gives {given:g}. "
        hints: dict[float, str] = {
            binary_ms / float_ms: "The old time is the float and the binary part together.",
            float_ms / total: "Inverted: old time over new time, which is at least 1.",
            binary_ms / total: "That is the binary share. What time is left without it?",
            float_ms: "That is the new time. How many times shorter than the old one is it?",
            total: "That is the old time. Divide it by the new one.",
            total // float_ms: "Divide with /; // drops the fraction.",
        }
        if binary_ms:
            hints[total / binary_ms] = "The float part is what is left: divide by its time."
        fallback = "Old time: float and binary. New time: float alone. Divide."
        raise NotYet(case + hints.get(given, fallback))
    return "Whatever the kernels do, the float ops set this limit."


check_speed_limit.help(
    hint="Before: float_ms + binary_ms. Afterwards only float_ms is left. Old time over new time.",
    solution="""
    def speed_limit(float_ms, binary_ms):
        return (float_ms + binary_ms) / float_ms
    """,
)


def _decides(answer: Threshold, depth: int, mean: float, beta: float) -> bool:
    try:
        return as_number(attempt(answer, depth, mean, beta)) == _wanted(depth, mean, beta)
    except NotYet:
        return False


def _wanted(depth: int, mean: float, beta: float) -> int:
    return math.floor((depth - mean + beta) / 2)


def _signs(negative: Any) -> str:
    return "".join("-" if value else "+" for value in negative)
