from __future__ import annotations

import math

import numpy as np
import pytest

from bnn_lab.lessons.checks import (
    bop_paths,
    check_bop_step,
    check_flip_measure,
    check_flip_step,
    check_gamma_and_tau,
)


def bop(w, m, g, gamma, tau):
    m = (1 - gamma) * m + gamma * g
    return np.where(w * m > tau, -w, w), m


def with_average(average):
    def answer(w, m, g, gamma, tau):
        m = average(m, g, gamma)
        return np.where(w * m > tau, -w, w), m

    return answer


def with_flip(flip):
    def answer(w, m, g, gamma, tau):
        new = (1 - gamma) * m + gamma * g
        return flip(w, new, tau, m), new

    return answer


def count(gamma, tau, gradient):
    if gradient <= tau:
        return None
    return math.floor(math.log(1 - tau / gradient) / math.log(1 - gamma)) + 1


def pi(flips, weights):
    return np.log(flips / weights + np.exp(-9))


def remembers():
    seen = []

    def answer(w, m, g, gamma, tau):
        seen.append(g)
        return bop(w, m, g if len(seen) < 50 else seen[0][0] + g, gamma, tau)

    return answer


def test_the_solutions_pass(capsys: pytest.CaptureFixture[str]) -> None:
    check_bop_step(bop)
    check_bop_step(lambda w, m, g, gamma, tau: bop(w, m, g, gamma, tau)[:])
    check_flip_step(count)
    check_flip_measure(pi)
    check_gamma_and_tau(0.02, 0.2)
    assert capsys.readouterr().out.count("✓ Right.") == 5


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda w, m, g, gamma, tau: (w, m), "m has not changed"),
        (with_average(lambda m, g, c: c * m + (1 - c) * g), "swapped"),
        (with_average(lambda m, g, c: m + c * g), "must also forget"),
        (with_average(lambda m, g, c: (1 - c) * m + g), "enters with weight gamma"),
        (with_average(lambda m, g, c: (1 - c) * m - c * g), "Bop adds"),
        (with_average(lambda m, g, c: g), "newest gradient"),
        (with_average(lambda m, g, c: m + 17), "instead of"),
        (with_flip(lambda w, m, tau, old: w), "No weight has flipped"),
        (with_flip(lambda w, m, tau, old: np.where(w * m < -tau, -w, w)), "should stay"),
        (with_flip(lambda w, m, tau, old: np.where(m > tau, -w, w)), "weights of -1"),
        (with_flip(lambda w, m, tau, old: np.where(abs(m) > tau, -w, w)), "|m|"),
        (with_flip(lambda w, m, tau, old: np.where(w * m > 0, -w, w)), "where is tau"),
        (with_flip(lambda w, m, tau, old: np.where(w * old > tau, -w, w)), "Update m first"),
        (with_flip(lambda w, m, tau, old: np.where(w * m > tau, 0, w)), "something else"),
        (with_flip(lambda w, m, tau, old: np.where(w * m >= tau, -w, w)), "exactly tau"),
        (remembers(), "between calls"),
        (lambda w, m, g, gamma, tau: None, "returns None"),
        (lambda w, m, g, gamma, tau: w, "two arrays"),
        (lambda w, m, g, gamma, tau: (w[:1], m), "keep the shape"),
        (lambda w: w, "Keep its first line"),
    ],
)
def test_mistakes_in_bop_get_their_hint(answer, hint: str) -> None:
    feedback = check_bop_step.review(answer)
    assert not feedback.passed
    assert hint in feedback.message


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda c, t, g: t / (c * g), "Steps are whole|How|Solve"),
        (lambda c, t, g: math.floor(t / (c * g)) + 1, "it also forgets"),
        (lambda c, t, g: count(c, t, g) - 1 if g > t else None, "One too few"),
        (lambda c, t, g: math.log(1 - t / g) / math.log(1 - c), "Steps are whole"),
        (lambda c, t, g: math.floor(math.log(1 - t / g) / math.log(1 - c)) + 1, "reach tau"),
        (lambda c, t, g: count(c, t, g) or 99, "Return None"),
        (lambda c, t, g: None, "does flip. Return the first n"),
        (lambda c, t, g: "soon", "A number is wanted"),
        (lambda c: c, "Keep its first line"),
    ],
)
def test_mistakes_in_the_count_get_their_hint(answer, hint: str) -> None:
    feedback = check_flip_step.review(answer)
    assert not feedback.passed
    assert any(part in feedback.message for part in hint.split("|")), feedback.message


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda f, n: f / n, "take its logarithm"),
        (lambda f, n: math.log(f / n), "Add e^-9"),
        (lambda f, n: math.log10(f / n + math.exp(-9)), "natural logarithm"),
        (lambda f, n: math.log(f + math.exp(-9)), "Divide"),
        (lambda f, n: math.log(f / n) + math.exp(-9), "belongs inside"),
        (lambda f, n: 1.0, "It is np.log"),
        (lambda f, n: math.log(0), "logarithm of 0"),
        (lambda f, n: None, "returns None"),
        (lambda f, n: "x", "A number is wanted"),
        (lambda f: f, "Keep its first line"),
    ],
)
def test_mistakes_in_pi_get_their_hint(answer, hint: str) -> None:
    feedback = check_flip_measure.review(answer)
    assert not feedback.passed and hint in feedback.message


@pytest.mark.parametrize(
    ("gamma", "tau", "hint"),
    [
        (0.1, 0.1, "raise tau"),
        (0.005, 0.5, "lower it"),
        (0.01, 0.2, "lower tau"),
        (0.001, 0.0, "Both fail"),
        (2.0, 0.1, "gamma in (0, 1]"),
        ("a", 0.1, "A number is wanted"),
    ],
)
def test_bad_choices_get_their_hint(gamma, tau, hint: str) -> None:
    feedback = check_gamma_and_tau.review(gamma, tau)
    assert not feedback.passed
    assert hint in feedback.message


def test_paths_are_drawn_from_the_students_step() -> None:
    paths = bop_paths(bop)
    np.testing.assert_allclose(paths["yours"], paths["expected"])
    assert bop_paths(lambda w, m, g, gamma, tau: None)["yours"] is None
