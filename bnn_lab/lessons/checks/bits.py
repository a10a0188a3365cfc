"""Exercises on bits: a dot product in packed words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab import reference
from bnn_lab.lessons.checks.feedback import NotYet, as_number, attempt, exercise

Words = NDArray[np.uint32]
BinaryDot = Callable[[Words, Words, int], Any]


@exercise
def check_binary_dot(answer: BinaryDot) -> str:
    """Try a dot product of bitpacked ±1 vectors on fixed cases.

    Args:
        answer: ``answer(a, w, channels)`` for two arrays of uint32 words of `channels` bits should
            return the dot product of the ±1 values, an int.
    """
    generator = np.random.default_rng(0)
    for channels in (32, 64, 5, 100):
        a, w = (generator.random(channels) < 0.5 for _ in range(2))
        expected = int(np.dot(np.where(a, -1, 1), np.where(w, -1, 1)))
        packed = [reference.pack_bits(bits).view(np.uint32) for bits in (a, w)]
        given = attempt(answer, *packed, channels)
        if as_number(given) != expected:
            raise NotYet(_hint(as_number(given), expected, channels, int(np.sum(a != w))))
    return "XOR and popcount replace every multiplication, whatever the number of channels."


check_binary_dot.help(
    hint=(
        "The caret ^ is XOR: it leaves a 1 where two bits differ. Each such place turns a +1 of "
        "the sum into a -1, so it costs 2."
    ),
    solution="""
    def binary_dot(a, w, channels):
        differ = 0
        for a_word, w_word in zip(a, w, strict=True):
            differ += int(a_word ^ w_word).bit_count()
        return channels - 2 * differ
    """,
)


def _hint(given: float, expected: int, channels: int, differ: int) -> str:
    filled = reference.WORD_BITS * reference.word_count(channels)
    case = f"For {channels} channels it gives {given:g} instead of {expected}. "
    hints: dict[float, str] = {
        differ: "You count where the signs differ. What does each such place add to the sum?",
        channels - differ: "A place where the signs differ does not add 0 but -1, "
        "so it lowers the sum from channels by 2.",
        -expected: "The sign is reversed: equal bits mean a product of +1.",
        filled - 2 * differ: "The last word is not full. Start from the number of channels, "
        "not from the number of bits in the words.",
    }
    return case + hints.get(
        given, "XOR marks the places that differ; compute channels - 2 * their number."
    )
