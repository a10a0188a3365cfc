from __future__ import annotations

import pytest

from bnn_lab.lessons.checks.first_steps import (
    check_dot_of_differing,
    check_packed_bytes,
    check_should_flip,
)


def test_the_solutions_pass(capsys: pytest.CaptureFixture[str]) -> None:
    check_packed_bytes(128)
    check_dot_of_differing(64 - 2 * 20)
    check_should_flip(lambda w, m, tau: w * m > tau)
    assert capsys.readouterr().out.count("✓ Right.") == 3


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (1000, "a byte has 8"),
        (4000, "what floats take"),
        (125, "words come whole"),
        (124, "the last 8 need a word"),
        (32, "A word has 4 bytes"),
        (31.25, "partly empty"),
        (7, "Each takes 4 bytes"),
        ("many", "A number is wanted"),
        (None, "A number is wanted"),
    ],
)
def test_hints_on_packed_bytes(answer, hint: str) -> None:
    feedback = check_packed_bytes.review(answer)
    assert not feedback.passed and hint in feedback.message


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (20, "+1 or -1?"),
        (44, "not 0"),
        (-24, "reversed"),
        (-20, "44 others"),
        (64, "two equal vectors"),
        (1, "44 places agree"),
    ],
)
def test_hints_on_the_dot_product(answer, hint: str) -> None:
    feedback = check_dot_of_differing.review(answer)
    assert not feedback.passed and hint in feedback.message


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda w, m, tau: m > tau, "w = -1, m = -0.5"),
        (lambda w, m, tau: w * m < -tau, "it should flip"),
        (lambda w, m, tau: abs(m) > tau, "where it should be"),
        (lambda w, m, tau: w * m > 0, "below the threshold"),
        (lambda w, m, tau: w * m >= tau, "must exceed it"),
        (lambda w, m, tau: None, "returns None"),
        (lambda w, m, tau: 1 / 0, "raised ZeroDivisionError"),
        (lambda w: True, "Keep its first line"),
    ],
)
def test_hints_on_bops_rule(answer, hint: str) -> None:
    feedback = check_should_flip.review(answer)
    assert not feedback.passed and hint in feedback.message
