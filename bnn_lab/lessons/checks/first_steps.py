"""Exercises of the first notebook: packed bytes, a dot product, and Bop's rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bnn_lab.lessons.checks.feedback import NotYet, as_number, as_truth, attempt, exercise


@exercise
def check_packed_bytes(answer: Any) -> str:
    """Bytes of 1,000 binary weights in 32-bit words: 128."""
    hints: dict[float, str] = {
        1000: "That is one byte a weight. A weight takes one bit, and a byte has 8.",
        4000: "That is what floats take: 4 bytes each. A binary weight takes one bit.",
        125: "1,000 bits are 125 bytes, but words come whole: how many words of 32 bits hold them?",
        124: "31 words hold only 992 bits; the last 8 need a word too.",
        32: "32 is the number of words. A word has 4 bytes.",
        31.25: "31.25 words? The last one is partly empty, but it takes its 4 bytes.",
    }
    return _number(
        answer,
        128,
        hints,
        "How many words of 32 bits hold 1,000 bits? Each takes 4 bytes.",
        "32 words of 4 bytes; as floats the weights would take 4,000 bytes, 31 times as much.",
    )


check_packed_bytes.help(
    hint="1,000 / 32 is 31.25, so 32 words.",
    solution="""
    packed_bytes = 32 * 4
    """,
)


@exercise
def check_dot_of_differing(answer: Any) -> str:
    """Dot product of 64 signs that differ in 20 places: 24."""
    hints: dict[float, str] = {
        20: "20 is where they differ. What does such a place add to the sum, +1 or -1?",
        44: "44 places agree and add +1 each. The other 20 add -1 each, not 0.",
        -24: "The sign is reversed: equal signs multiply to +1.",
        -20: "Those are the places that differ. The 44 others add +1 each.",
        64: "That would be two equal vectors.",
    }
    return _number(
        answer,
        24,
        hints,
        "44 places agree, 20 differ. Add +1 for each of the first and -1 for each of the others.",
        "44 - 20, or 64 - 2 · 20: channels - 2 · popcount(XOR).",
    )


check_dot_of_differing.help(
    hint="64 - 20 = 44 places agree.",
    solution="""
    dot = 44 - 20
    """,
)


@exercise
def check_should_flip(answer: Callable[[int, float, float], Any]) -> str:
    """Bop's rule: ``w * m > tau``.

    Args:
        answer: ``answer(w, m, tau)`` for a weight of ±1, its averaged gradient and the threshold
            should say whether the weight flips.
    """
    cases = (
        (+1, 0.5, 0.1, "the gradient is positive, so the loss falls when w goes down"),
        (-1, -0.5, 0.1, "the gradient is negative, so the loss falls when w goes up"),
        (-1, 0.5, 0.1, "the gradient is positive and w is down already: it is where it should be"),
        (+1, -0.5, 0.1, "the gradient is negative and w is up already: it is where it should be"),
        (+1, 0.05, 0.1, "the push for a flip is below the threshold"),
        (-1, -0.05, 0.1, "the push for a flip is below the threshold"),
        (+1, 0.1, 0.1, "the push equals the threshold; it must exceed it"),
    )
    for w, m, tau, reason in cases:
        if as_truth(attempt(answer, w, m, tau)) is not (w * m > tau):
            do = "flip" if w * m > tau else "stay"
            raise NotYet(f"For w = {w:+d}, m = {m:+g}, tau = {tau} it should {do}: {reason}.")
    return "A weight flips when w·m > τ: when the gradient pushes against it."


check_should_flip.help(
    hint="w * m is positive where the gradient pushes against the weight. Compare it with tau.",
    solution="""
    def should_flip(w, m, tau):
        return w * m > tau
    """,
)


def _number(
    answer: Any, expected: float, hints: dict[float, str], general: str, praise: str
) -> str:
    given = as_number(answer)
    if given == expected:
        return praise
    raise NotYet(f"You gave {answer}. {hints.get(given, general)}")
