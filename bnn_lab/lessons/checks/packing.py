"""Exercises on bitpacked convolution: packing, the padding's correction, and the roofline."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bnn_lab import reference
from bnn_lab.lessons.checks.feedback import NotYet, as_number, as_whole, attempt, exercise

Pack = Callable[[NDArray[np.int64]], Any]
Correction = Callable[[int, NDArray[np.int64], NDArray[np.bool_]], Any]
Attainable = Callable[[float, float, float], Any]

_SIGNS = np.random.default_rng(7).choice([-1, 1], 32)
_MACHINE = (1000.0, 20.0)  # GMAC/s, GB/s


@exercise
def check_pack_word(answer: Pack) -> str:
    """Try to pack up to 32 values of ±1 into one word.

    Args:
        answer: ``answer(signs)`` for int64 ±1 values (channels,), at most 32, should return an int:
            value i in bit i, 1 for -1.
    """
    for signs in (np.array([-1, 1, -1, -1]), np.ones(8, int), _SIGNS, -_SIGNS[:20]):
        given = as_whole(attempt(answer, signs))
        if given != _word(signs):
            raise NotYet(_packing_hint(given, signs))
    return "32 values in 4 bytes, where floats take 128."


check_pack_word.help(
    hint=(
        "Walk over the values with enumerate. Start from word = 0, and where the value is below 0, "
        "set its bit: word |= 1 << i."
    ),
    solution="""
    def pack_word(signs):
        word = 0
        for i, sign in enumerate(signs):
            if sign < 0:
                word |= 1 << i
        return word
    """,
)


@check_pack_word.pictured
def packing_picture(answer: Pack) -> str:
    """The bits of the answer below the expected ones, wrong ones marked: a cue for the eye.

    Args:
        answer: see `check_pack_word`.

    Returns:
        Four lines of text: values, expected bits, the answer's bits, marks.
    """
    expected = _bits(_word(_SIGNS))
    lines = [
        "value    " + "".join("-" if sign < 0 else "+" for sign in _SIGNS),
        f"expected {expected}",
    ]
    with contextlib.suppress(NotYet):  # the verdict says what is wrong
        given = as_whole(attempt(answer, _SIGNS))
        if 0 <= given < 1 << 32:
            yours = _bits(given)
            wrong = "".join("^" if a != b else " " for a, b in zip(expected, yours, strict=True))
            lines += [f"yours    {yours}", f"wrong    {wrong}".rstrip()]
    return "\n".join([*lines, "         (bit 0 is at the left)"])


@exercise
def check_zero_padded(answer: Correction) -> str:
    """Try to turn the accumulator of a one-padded window into that of a zero-padded one.

    Args:
        answer: ``answer(accumulator, filter_signs, outside)`` for an int, the filter's ±1 values
            (3, 3, channels) and a mask (3, 3) of the taps in the padding should return the
            accumulator if those taps were 0.
    """
    ones, zeros, kernel, outside = _padded_case()
    for row, column in ((1, 1), (0, 0), (0, 2), (4, 4), (2, 0)):
        given = _padded_answer(answer, ones[row, column], kernel, outside[row, column])
        expected, start = int(zeros[row, column]), int(ones[row, column])
        if given == expected:
            continue
        added = int(kernel[outside[row, column]].sum())
        count = int(outside[row, column].sum()) * kernel.shape[-1]
        hints: dict[float, str] = {
            start: "Nothing is taken out yet. The padded +1 met a filter value: what did each "
            "such product add to the sum?",
            start + added: "The sign is reversed: take out what the padding added.",
            start - count: "A padded +1 does not add 1: it adds the filter's value, +1 or -1.",
            start - int(kernel.sum()): "You take out the whole filter. Only the taps outside of "
            "the image count: filter_signs[outside].",
            start - added // kernel.shape[-1]: "Sum over all channels, not over one.",
        }
        hint = hints.get(given, "Subtract the filter's values at the taps that lie outside.")
        raise NotYet(f"At pixel ({row}, {column}) it gives {given} instead of {expected}. {hint}")
    return "The correction depends on the filter and the place alone, so it is made only once."


check_zero_padded.help(
    hint=(
        "filter_signs[outside] picks the filter's values at the taps outside, all channels at "
        "once. Their sum is what the padding of +1 has added."
    ),
    solution="""
    def zero_padded(accumulator, filter_signs, outside):
        return accumulator - filter_signs[outside].sum()
    """,
)


@check_zero_padded.pictured
def padding_picture(answer: Correction) -> str:
    """A map of a 5×5 output: where the answer is right.

    Args:
        answer: see `check_zero_padded`.

    Returns:
        A heading and five lines of text.
    """
    ones, zeros, kernel, outside = _padded_case()
    lines = ["your output, pixel by pixel (o right, x wrong):"]
    for row in range(5):
        marks = []
        for column in range(5):
            right = False
            with contextlib.suppress(NotYet):
                given = _padded_answer(answer, ones[row, column], kernel, outside[row, column])
                right = given == zeros[row, column]
            marks.append("o" if right else "x")
        lines.append("   " + " ".join(marks))
    return "\n".join(lines)


@exercise
def check_attainable(answer: Attainable) -> str:
    """Try the roofline.

    Args:
        answer: ``answer(intensity, ceiling, bandwidth)`` for MACs per byte, GMAC/s and GB/s should
            return the most GMAC/s that a layer can reach.
    """
    ceiling, bandwidth = _MACHINE
    for intensity in (1000.0, 8.0, 50.0, 1.0):
        expected = min(ceiling, intensity * bandwidth)
        given = as_number(attempt(answer, intensity, ceiling, bandwidth))
        if abs(given - expected) <= 1e-9 * expected:
            continue
        case = (
            f"With {intensity:g} MACs per byte, a ceiling of {ceiling:g} GMAC/s and "
            f"{bandwidth:g} GB/s it gives {given:g} instead of {expected:g}. "
        )
        hints: dict[float, str] = {
            ceiling: "The memory brings only bandwidth × intensity: the slower one decides.",
            intensity * bandwidth: "The arithmetic has a ceiling, however fast the memory is.",
            bandwidth / intensity: "Each byte feeds `intensity` MACs: multiply.",
        }
        fallback = "GB/s × MAC/byte = GMAC/s. Compare that with the ceiling."
        raise NotYet(case + hints.get(given, fallback))
    return "A layer is bound by memory where its intensity is low."


check_attainable.help(
    hint="Two limits hold at the same time: that of the arithmetic, and what the memory can feed.",
    solution="""
    def attainable(intensity, ceiling, bandwidth):
        return min(ceiling, intensity * bandwidth)
    """,
)


def _word(signs: NDArray[np.int64]) -> int:
    return int(reference.pack_bits(signs < 0).view(np.uint32)[0])


def _bits(word: int) -> str:
    return f"{word:032b}"[::-1]


def _packing_hint(given: int, signs: NDArray[np.int64]) -> str:
    expected, count = _word(signs), len(signs)
    full = (1 << count) - 1
    turned = int(f"{expected:0{count}b}"[::-1], 2)
    case = f"For {_text(signs)} it gives {given} instead of {expected}. "
    hints: dict[float, str] = {
        0: "All bits are 0. Set bit i where value i is -1: word |= 1 << i.",
        full ^ expected: "Inverted: -1 is bit 1 and +1 is bit 0.",
        turned: "The order is reversed: the first value goes into the lowest bit.",
        int((signs < 0).sum()): "You count the -1s. Each has a place: value i stands for 2**i.",
    }
    return case + hints.get(given, "Value i goes into bit i, which is worth 2**i.")


def _text(signs: NDArray[np.int64]) -> str:
    return "".join("-" if sign < 0 else "+" for sign in signs)


def _padded_case() -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Accumulators of a 5×5 image with either padding, the filter, and each pixel's mask."""
    rng = np.random.default_rng(11)
    image, kernel = rng.choice([-1, 1], (5, 5, 8)), rng.choice([-1, 1], (3, 3, 8))
    x, w = reference.pack_bits(image[None] < 0), reference.pack_bits(kernel[None] < 0)
    ones, zeros = (
        reference.bconv2d_accumulators(x, w, channels_in=8, padding="same", pad_values=value)[
            0, ..., 0
        ]
        for value in (1, 0)
    )
    framed = np.pad(np.zeros((5, 5), bool), 1, constant_values=True)
    outside = np.lib.stride_tricks.sliding_window_view(framed, (3, 3))
    return ones, zeros, kernel, outside


def _padded_answer(answer: Correction, accumulator: Any, kernel: NDArray, outside: NDArray) -> int:
    return as_whole(attempt(answer, int(accumulator), kernel, outside))
