"""Guesses on a line: 0 counts, answers stay folded, and the score sheet gives none away."""

from __future__ import annotations

import math

import pytest

from bnn_lab.errors import InputError
from bnn_lab.widgets import Prediction, score_sheet


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prediction, "_all", {})


@pytest.mark.parametrize(("at", "guess"), [(None, None), (0.0, 0.0), (0.288, 288.0), (1.0, 1000.0)])
def test_guess_is_the_number_at_the_mark(at: float | None, guess: float | None) -> None:
    asked = Prediction("How many?", "steps", 0, 1000)
    asked.at = at
    assert asked.guess == guess
    assert ("Your guess" in asked.describe()) == (guess is not None)


@pytest.mark.parametrize("at", [0.0, 0.123456, 0.5, 0.77, 1.0])
@pytest.mark.parametrize(("low", "high", "digits"), [(0, 100, 1), (0.01, 1000, 2), (1, 100, 1)])
def test_python_and_the_page_read_the_same_number(low, high, digits, at) -> None:
    asked = Prediction("How much?", "times", low, high, digits)
    asked.at = at
    assert f"Your guess: {asked.guess:,.{digits}f} times" in asked.describe()


def test_the_result_waits_for_a_guess_or_a_wish() -> None:
    asked = Prediction("How many?", "flips", 0, 200)
    assert asked.reveal(37) is asked
    assert "37" not in asked.describe() and ">37" not in asked.static().data
    asked.asked = True
    assert "The result: 37 flips." in asked.describe()
    asked.asked = False
    asked.at = 0.185
    assert "Your guess: 37 flips. The result: 37 flips. Exactly right." in asked.describe()


@pytest.mark.parametrize(
    ("at", "truth", "words"),
    [
        (0.0, 50, "too low"),
        (0.5, 25, "2.0 times too high"),
        (0.1, 50, "5.0 times too low"),
        (0.5, 52, "Very close."),
        (0.5, 57, "Close."),
        (0.5, -20, "too high"),
        (0.5, 5000, "100 times too low"),
    ],
)
def test_a_verdict_fits_the_guess(at: float, truth: float, words: str) -> None:
    asked = Prediction("How many?", "", 0, 100, at=at)
    assert words in asked.reveal(truth).describe()


def test_lines_of_many_decades_are_logarithmic() -> None:
    asked = Prediction("How fast?", "times", 0.01, 10_000)
    asked.at = 0.5
    assert asked.guess == 10


def test_score_sheet_folds_what_was_not_guessed() -> None:
    first, second = Prediction("First?", "%", digits=1), Prediction("Second?", "steps", 0, 1000)
    first.at = 0.5
    first.reveal(61.26)
    second.reveal(412)
    sheet = score_sheet().data
    assert "| First? | 50.0 % | 61.3 % |" in sheet
    assert "| Second? | – | – |" in sheet and "412" not in sheet
    Prediction("First?", "%")  # the cell again: the same row
    assert score_sheet().data.count("First?") == 1


def test_wrong_lines_and_results_are_refused() -> None:
    for low, high in ((1, 1), (2, 1), (0, math.inf), (math.nan, 1)):
        with pytest.raises(InputError, match="low must be below high"):
            Prediction("?", low=low, high=high)
    with pytest.raises(InputError, match=r"digits=10"):
        Prediction("?", digits=10)
    for wrong in (math.nan, math.inf):
        with pytest.raises(InputError, match="finite number"):
            Prediction("?").reveal(wrong)
