from __future__ import annotations

import math

import numpy as np
import pytest

from bnn_lab.lessons.checks import (
    check_latent_step,
    check_scaled_settings,
    check_steps_to_flip,
    latent_paths,
)


def step(w, g, rate, clip):
    return np.clip(w - rate * g, -clip, clip)


def count(initial, rate, gradient):
    return None if gradient <= 0 else math.floor(initial / (rate * gradient)) + 1


def scale(rate, initial, bound, l2, c):
    return rate * c, initial * c, bound * c, l2 / c


def test_the_solutions_pass(capsys: pytest.CaptureFixture[str]) -> None:
    check_latent_step(step)
    check_steps_to_flip(count)
    check_scaled_settings(scale)
    assert capsys.readouterr().out.count("✓ Right.") == 3


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda w, g, a, c: w, "Nothing has moved"),
        (lambda w, g, a, c: step(w, -g, a, c), "against it"),
        (lambda w, g, a, c: w - a * g, "missing is the clip"),
        (lambda w, g, a, c: step(w, g, 1, c), "Without the learning rate"),
        (lambda w, g, a, c: w - a * np.clip(g, -c, c), "not the gradient"),
        (lambda w, g, a, c: np.minimum(w - a * g, c), "upper end"),
        (lambda w, g, a, c: np.sign(w - a * g), "sign is taken later"),
        (lambda w, g, a, c: None, "returns None"),
        (lambda w, g, a, c: "w", "Numbers are wanted"),
        (lambda w, g, a, c: 1.0, "shape"),
        (lambda w, g, a, c: w / 0, "infinite"),
        (lambda w, g, a, c: w + 17, "instead of"),
        (lambda w: w, "Keep its first line"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_mistakes_in_the_step_get_their_hint(answer, hint: str) -> None:
    feedback = check_latent_step.review(answer)
    assert not feedback.passed and hint in feedback.message


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda i, a, g: i / a, "How many fit"),
        (lambda i, a, g: i / (a * g), "divides by 0|Steps are whole"),
        (lambda i, a, g: math.ceil(i / (a * g)), "at exactly 0"),
        (lambda i, a, g: math.floor(i / (a * g)) + 1 if g else 7, "Return None"),
        (lambda i, a, g: math.floor(i / (a * g)) + 1, "Return None"),
        (lambda i, a, g: math.floor(i / (a * g)) + 1 if g >= 0 else None, "divides by 0"),
        (lambda i, a, g: None, "does flip"),
        (lambda i, a, g: "many", "A number is wanted"),
        (lambda i: i, "Keep its first line"),
    ],
)
def test_mistakes_in_the_count_get_their_hint(answer, hint: str) -> None:
    feedback = check_steps_to_flip.review(answer)
    assert not feedback.passed
    assert any(part in feedback.message for part in hint.split("|")), feedback.message


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda a, i, b, d, c: (a, i * c, b * c, d / c), "How long must its steps be"),
        (lambda a, i, b, d, c: (a * c, i, b * c, d / c), "the first ones too"),
        (lambda a, i, b, d, c: (a * c, i * c, b, d / c), "bound is compared"),
        (lambda a, i, b, d, c: (a * c, i * c, b * c, d), "have grown"),
        (lambda a, i, b, d, c: (a * c, i * c, b * c, d * c), "C * C * C"),
        (lambda a, i, b, d, c: (a * c, i * c, b * c, 0), "should grow by C"),
        (lambda a, i, b, d, c: a, "shape"),
        (lambda a, i, b, d, c: None, "returns None"),
    ],
)
def test_mistakes_in_the_settings_get_their_hint(answer, hint: str) -> None:
    feedback = check_scaled_settings.review(answer)
    assert not feedback.passed and hint in feedback.message


def test_paths_are_drawn_from_the_students_step() -> None:
    paths = latent_paths(step)
    np.testing.assert_allclose(paths["yours"], paths["expected"])
    assert (paths["expected"] < 0).any() and (paths["expected"] > 0).any()
    assert not np.allclose(latent_paths(lambda w, g, a, c: w)["yours"], paths["expected"])
    assert latent_paths(lambda w, g, a, c: None)["yours"] is None
