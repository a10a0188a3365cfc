"""Each mistake in an exercise on ternary weights gets the hint that fits it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bnn_lab.lessons.checks import (
    check_pack_trits,
    check_token_limit,
    check_trits,
    check_two_signs,
)


def rounded(weights: np.ndarray, scale: float) -> np.ndarray:
    return np.clip(np.round(weights / scale), -1, 1)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (np.sign, "no weight is 0"),
        (lambda w: np.round(w / np.abs(w).mean()), "not clipped"),
        (np.round, "before you round"),
        (lambda w: rounded(w, 1.0), "before you round"),
        (lambda w: w / np.abs(w).mean(), "round to whole numbers"),
        (lambda w: np.clip(w / np.abs(w).mean(), -1, 1), "Round as well"),
        (lambda w: rounded(w, np.abs(w).max()), "the largest magnitude"),
        (lambda w: rounded(w, w.mean()), "mean of their magnitudes"),
        (lambda w: w * 0, "Three steps"),
        (lambda w: w[:3], "one for each weight"),
        (lambda w: "trits", "array of numbers"),
        (lambda w: w @ "w", "raised"),
    ],
)
def test_mistakes_in_quantizing(answer: Any, hint: str) -> None:
    feedback = check_trits.review(answer)
    assert not feedback.passed and hint in feedback.message


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda t: (t, t), "can be nothing else"),
        (lambda t: (1, 1) if t > 0 else (-1, -1), "the sum 0"),
        (lambda t: (1, -1), "must be -2"),
        (lambda t: t, "Return two numbers"),
        (lambda t: None, "returns None"),
    ],
)
def test_mistakes_in_splitting(answer: Any, hint: str) -> None:
    feedback = check_two_signs.review(answer)
    assert not feedback.passed and hint in feedback.message


def digits(trits: np.ndarray, base: int) -> int:
    return int(((trits + 1) * base ** np.arange(5)).sum())


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda t: digits(t - 1, 3), "Digits are 0, 1, 2"),
        (lambda t: digits(t[::-1], 3), "reversed"),
        (lambda t: digits(t, 4), "base 4"),
        (lambda t: digits(t, 2), "Powers of 2"),
        (lambda t: int((t + 1).sum()), "You add the digits"),
        (lambda t: -7, "over the five places"),
    ],
)
def test_mistakes_in_packing(answer: Any, hint: str) -> None:
    feedback = check_pack_trits.review(answer)
    assert not feedback.passed and hint in feedback.message


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda w, b, s: s / (w * b), "8 bits are one"),
        (lambda w, b, s: w * b / 8 / s, "its inverse"),
        (lambda w, b, s: s / w, "bits of a weight are missing"),
        (lambda w, b, s: s * w * b / 8, "divide by them"),
        (lambda w, b, s: 1.0, "divided by the bytes"),
    ],
)
def test_mistakes_in_the_bound(answer: Any, hint: str) -> None:
    feedback = check_token_limit.review(answer)
    assert not feedback.passed and hint in feedback.message
