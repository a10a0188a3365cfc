from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.lessons.checks import check_binary_dot


def popcount(a, w) -> int:
    return sum(int(word).bit_count() for word in a ^ w)


def solution(a, w, channels):
    return channels - 2 * popcount(a, w)


def test_the_solution_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_binary_dot.review(solution).passed
    assert check_binary_dot.review(lambda a, w, k: np.int64(solution(a, w, k))).passed
    check_binary_dot(solution)
    assert capsys.readouterr().out.startswith("✓ Right.")


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda a, w, k: None, "returns None"),
        (lambda a, w, k: popcount(a, w), "where the signs differ"),
        (lambda a, w, k: k - popcount(a, w), "by 2"),
        (lambda a, w, k: 2 * popcount(a, w) - k, "reversed"),
        (lambda a, w, k: 32 * len(a) - 2 * popcount(a, w), "number of channels"),
        (lambda a, w, k: 1000, "XOR marks"),
        (lambda a, w, k: "many", "A number is wanted"),
        (lambda a, w, k: solution(a, w, k) + 0.5, "XOR marks"),
        (lambda a, w, k: a @ "w", "raised"),
        (lambda a: 0, "with 3 arguments, but it takes (a)"),
    ],
)
def test_mistakes_get_their_hint(answer, hint: str) -> None:
    feedback = check_binary_dot.review(answer)
    assert not feedback.passed
    assert hint in feedback.message
    assert str(feedback).startswith("✗ Not yet.")
