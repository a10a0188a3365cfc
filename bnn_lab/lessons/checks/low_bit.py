"""Exercises on ternary weights: absmean, two signs a trit, five trits a byte, a bound of speed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab import ternary_reference as ternary
from bnn_lab.lessons.checks.feedback import NotYet, as_number, as_whole, attempt, exercise

Quantize = Callable[[NDArray[np.float64]], Any]
Split = Callable[[int], Any]
Pack = Callable[[NDArray[np.int64]], Any]
Limit = Callable[[float, float, float], Any]

# Away from the borders of every zone that a wrong answer may draw.
_WEIGHTS = np.array([0.9, -0.3, 0.1, -1.4, 0.35, -0.05, 0.02, 2.1])


@exercise
def check_trits(answer: Quantize) -> str:
    """Try absmean quantization on fixed weights.

    Args:
        answer: ``answer(weights)`` for floats (K,) should return -1, 0 or +1 for each:
            ``clip(round(weights / mean(|weights|)), -1, 1)``.
    """
    for weights in (_WEIGHTS, -_WEIGHTS, _WEIGHTS * 0.01, np.array([0.2, -0.2])):
        expected = ternary.absmean(weights.astype(np.float32)).trits.astype(float)
        given = _floats(attempt(answer, weights.copy()), len(weights))
        if np.array_equal(given, expected):
            continue
        scaled = weights / np.abs(weights).mean()
        case = f"For {_list(weights)} it gives {_list(given)} instead of {_list(expected)}. "
        hints: list[tuple[NDArray[np.float64], str]] = [
            (np.sign(weights), "Those are signs, and no weight is 0: round after you divide."),
            (np.round(scaled), "Rounded, but not clipped: the largest are beyond ±1."),
            (np.round(weights), "Divide by the mean magnitude before you round."),
            (np.clip(np.round(weights), -1, 1), "Divide by the mean magnitude before you round."),
            (scaled, "Divided. Now round to whole numbers and clip to -1 and +1."),
            (np.clip(scaled, -1, 1), "Round as well: 0.4 is not a trit."),
            (
                np.clip(np.round(weights / np.abs(weights).max()), -1, 1),
                "You divide by the largest magnitude. Wanted is the mean: it makes fewer zeros.",
            ),
            (
                np.clip(np.round(weights / weights.mean()), -1, 1) if weights.mean() else scaled,
                "The mean of the weights is near 0. Take the mean of their magnitudes.",
            ),
        ]
        for wrong, hint in hints:
            if np.array_equal(given, wrong):
                raise NotYet(case + hint)
        raise NotYet(case + "Three steps: divide by the mean magnitude, round, clip to -1 and +1.")
    return "Weights within half a mean magnitude of 0 become 0: that is the dead zone."


check_trits.help(
    hint="np.abs(weights).mean() is the mean magnitude; np.round rounds, np.clip(x, -1, 1) clips.",
    solution="""
    def trits_of(weights):
        scale = np.abs(weights).mean()
        return np.clip(np.round(weights / scale), -1, 1)
    """,
)


@exercise
def check_two_signs(answer: Split) -> str:
    """Try to write a trit as half the sum of two signs.

    Args:
        answer: ``answer(t)`` for -1, 0 or +1 should return two signs p and q, each ±1, with
            ``(p + q) / 2 == t``.
    """
    for trit in (-1, 0, 1):
        given = attempt(answer, trit)
        try:
            p, q = (as_number(part) for part in given)
        except (TypeError, ValueError):
            raise NotYet("Return two numbers: return p, q.") from None
        case = f"For t = {trit} it gives {p:g} and {q:g}. "
        if {p, q} - {-1.0, 1.0}:
            raise NotYet(case + "Each must be +1 or -1: a bit can be nothing else.")
        if p + q == 2 * trit:
            continue
        if trit == 0:
            raise NotYet(case + "Which two signs have the sum 0?")
        raise NotYet(case + f"Their sum must be {2 * trit:+d}.")
    return "So a ternary dot product is half the sum of two binary ones."


check_two_signs.help(
    hint="Both are +1 for +1, both are -1 for -1. For 0 they cancel: one of each.",
    solution="""
    def two_signs(t):
        p = -1 if t < 0 else 1
        q = 1 if t > 0 else -1
        return p, q
    """,
)


@exercise
def check_pack_trits(answer: Pack) -> str:
    """Try to pack five trits into a byte.

    Args:
        answer: ``answer(trits)`` for five integers of -1, 0, +1 should return an int below 243: the
            number with the digits trit + 1 to the base 3, the first trit being the lowest digit.
    """
    rows = np.array([[1, 0, -1, 1, 1], [-1] * 5, [1] * 5, [0, 1, 0, -1, 0], [1, -1, -1, -1, -1]])
    for trits in rows:
        expected = int(ternary.pack_base3(trits.astype(np.int8))[0])
        given = as_whole(attempt(answer, trits.copy()))
        if given == expected:
            continue
        codes = trits + 1
        case = f"For {trits.tolist()} it gives {given} instead of {expected}. "
        hints: dict[float, str] = {
            int((trits * 3 ** np.arange(5)).sum()): "Digits are 0, 1, 2: add 1 to each trit first.",
            int((codes[::-1] * 3 ** np.arange(5)).sum()): "The order is reversed: the first trit "
            "is the lowest digit, worth 1.",
            int((codes * 4 ** np.arange(5)).sum()): "That is base 4, two bits a trit. Five of "
            "them do not fit into a byte.",
            int((codes * 2 ** np.arange(5)).sum()): "Powers of 2 mix the digits up; the base is 3.",
            int(codes.sum()): "You add the digits. Digit i is worth 3**i.",
        }
        raise NotYet(case + hints.get(given, "Add (trit + 1) * 3**i over the five places i."))
    return "Five trits in 8 bits, 1.6 bits each; log2(3) = 1.585 is the least possible."


check_pack_trits.help(
    hint="Walk over the trits with enumerate: the one at place i adds (trit + 1) * 3**i.",
    solution="""
    def pack_five(trits):
        return sum((int(t) + 1) * 3**i for i, t in enumerate(trits))
    """,
)


@exercise
def check_token_limit(answer: Limit) -> str:
    """Try the bound that memory sets to the speed of writing.

    Args:
        answer: ``answer(weights, bits, bandwidth)`` for a number of weights, bits a weight and
            bytes a second should return the most tokens a second, if each weight is read once for
            each token.
    """
    for weights, bits, bandwidth in ((2e9, 2.0, 20e9), (2e9, 16.0, 20e9), (7e9, 1.6, 50e9)):
        expected = bandwidth / (weights * bits / 8)
        given = as_number(attempt(answer, weights, bits, bandwidth))
        if abs(given - expected) <= 1e-9 * expected:
            continue
        case = (
            f"For {weights / 1e9:g} billion weights of {bits:g} bits and {bandwidth / 1e9:g} GB a "
            f"second it gives {given:.4g} instead of {expected:.4g}. "
        )
        hints = (
            (expected / 8, "Bandwidth counts bytes: 8 bits are one."),
            (1 / expected, "That is seconds a token. Tokens a second is its inverse."),
            (bandwidth / weights, "The bits of a weight are missing."),
            (bandwidth * weights * bits / 8, "More weights take longer: divide by them."),
        )
        for wrong, hint in hints:
            if abs(given - wrong) <= 1e-9 * abs(wrong):
                raise NotYet(case + hint)
        raise NotYet(case + "Bytes a second, divided by the bytes that one token needs.")
    return "Fewer bits, more tokens: that is why these models are fast, before any arithmetic."


check_token_limit.help(
    hint="A token needs weights * bits / 8 bytes.",
    solution="""
    def most_tokens(weights, bits, bandwidth):
        return bandwidth / (weights * bits / 8)
    """,
)


def _floats(given: Any, length: int) -> NDArray[np.float64]:
    try:
        values = np.asarray(given, float)
    except (TypeError, ValueError, OverflowError):
        raise NotYet("Return an array of numbers, one for each weight.") from None
    if values.shape != (length,):
        raise NotYet(f"Return {length} numbers, one for each weight. You gave {values.shape}.")
    return values + 0.0  # no "-0" in the hints


def _list(values: NDArray[np.float64]) -> str:
    return "[" + ", ".join(f"{value:.3g}" for value in values) + "]"
