"""The cards, the two folds of each check, and the count at the top of a notebook."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from bnn_lab.lessons import checks
from bnn_lab.lessons.checks import cards
from bnn_lab.lessons.checks.feedback import Exercise, NotYet

EXERCISES = {
    name: value
    for name in checks.__all__
    if name.startswith("check_") and isinstance(value := getattr(checks, name), Exercise)
}
# Those whose solution is not a function that the check is given as it is.
GIVEN: dict[str, Any] = {
    "check_packed_bytes": lambda scope: [scope["packed_bytes"]],
    "check_dot_of_differing": lambda scope: [scope["dot"]],
    "check_gamma_and_tau": lambda scope: [scope["my_gamma"], scope["my_tau"]],
}
# Without a solution: there are many. Or it needs TensorFlow: tests/lessons/checks/test_conversion.
OPEN, SLOW = {"check_design"}, {"check_binary_layers"}


def solved(exercise: Exercise[Any], name: str) -> Any:
    scope: dict[str, Any] = {"np": np}
    exec(exercise.solution, scope)
    if name in GIVEN:
        return exercise.review(*GIVEN[name](scope))
    (function,) = [f for f in scope.values() if inspect.isfunction(f)]
    return exercise.review(function)


@pytest.mark.parametrize("name", sorted(set(EXERCISES) - OPEN - SLOW))
def test_the_solution_in_the_fold_passes(name: str) -> None:
    exercise = EXERCISES[name]
    feedback = solved(exercise, name)
    assert feedback.passed, feedback.message
    assert exercise.hint.endswith((".", "?")) and exercise.hint != exercise.solution


def test_every_exercise_has_a_second_hint() -> None:
    assert len(EXERCISES) >= 18
    assert [n for n, e in EXERCISES.items() if not e.hint] == []
    assert {n for n, e in EXERCISES.items() if not e.solution} == OPEN


def test_a_red_card_has_both_folds_and_a_green_one_neither() -> None:
    red = cards.card(False, "✗ Not yet. <b>", hint="think", solution="x = 1 < 2", done="3 of 4")
    green = cards.card(True, "✓ Right.", hint="think", solution="x = 1")
    assert red.count("<details") == 2 and "x = 1 &lt; 2" in red and "&lt;b&gt;" in red
    assert "3 of 4" in red and "<details" not in green
    for html in (red, green):
        assert "break-all" not in html


@pytest.mark.parametrize("length", [10, 77, 400])
def test_no_line_of_a_hint_has_to_be_broken_by_the_frontend(length: int) -> None:
    words = ("learning_rate " * length)[:length].strip()
    lines = cards.wrapped(words).split("\n")
    assert " ".join(lines) == words
    assert all(len(line) <= 76 for line in lines)
    long = "x" * length
    assert cards.wrapped(long) == long  # a long name stays one


def test_a_failed_check_renders_as_wrapped_lines() -> None:
    (text,) = NotYet("Try another " * 12)._render_traceback_()
    assert text.startswith("✗ Not yet. Try") and "\n" in text


def test_solved_exercises_are_counted_once(capsys: pytest.CaptureFixture[str]) -> None:
    checks.progress(checks.check_packed_bytes, checks.check_dot_of_differing)
    try:
        progress = cards.Progress.current
        checks.check_packed_bytes(1)
        assert str(progress) == "0 of 2 exercises solved."
        checks.check_packed_bytes(128)
        checks.check_packed_bytes(128)
        assert str(progress) == "1 of 2 exercises solved."
        checks.check_packed_bytes(7)  # what was solved stays solved
        checks.check_dot_of_differing(24)
        assert str(progress) == "All 2 exercises are solved."
        checks.check_attainable(min)  # not of this notebook
        assert len(progress.solved) == 2
    finally:
        cards.Progress.current = None
    assert capsys.readouterr().out.startswith("0 of 2")


def test_cards_in_a_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    shell = InteractiveShell.instance()
    try:
        with capture_output() as caught:
            checks.progress(checks.check_packed_bytes)
            checks.check_packed_bytes(1000)
            checks.check_packed_bytes(128)
        data = [output.data for output in caught.outputs]
    finally:
        cards.Progress.current = None
        InteractiveShell.clear_instance()
        del shell
    verdicts = [d for d in data if "bnn-lab-card" in d["text/html"]]
    assert [d["text/plain"][0] for d in verdicts] == ["✗", "✓"]
    assert "0 of 1" in verdicts[0]["text/html"] and "All 1" in verdicts[1]["text/html"]
    lines = [d for d in data if "bnn-lab-progress" in d["text/html"]]
    assert "0 of 1" in lines[0]["text/plain"] and "All 1" in lines[-1]["text/plain"]
