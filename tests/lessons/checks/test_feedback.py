"""What all checks are made of."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnn_lab.lessons import checks
from bnn_lab.lessons.checks import Exercise, Feedback, NotYet, attempt, exercise
from bnn_lab.lessons.checks.feedback import as_array, as_number, as_truth, as_whole, short

FOLDER = Path(checks.__file__).parent
SOURCES = FOLDER.parents[2] / "notebooks" / "lessons"


@exercise
def check_double(answer: Callable[[int], Any]) -> str:
    """Doubles 2."""
    if as_number(attempt(answer, 2)) != 4:
        raise NotYet("Two times two?")
    return "Doubling is adding."


@check_double.pictured
def picture(answer: Callable[[int], Any]) -> str:
    return "o" if check_double.review(answer).passed else "x"


def test_an_exercise_prints_verdict_and_picture(capsys: pytest.CaptureFixture[str]) -> None:
    check_double(lambda x: x + x)
    check_double(lambda x: x)
    assert capsys.readouterr().out.splitlines() == [
        "✓ Right. Doubling is adding.",
        "o",
        "✗ Not yet. Two times two?",
        "x",
    ]
    assert check_double.review(lambda x: 4) == Feedback(True, "Doubling is adding.")
    assert (check_double.__name__, check_double.__doc__) == ("check_double", "Doubles 2.")


def test_hints_name_the_function_the_case_and_the_error() -> None:
    def halve(x: int) -> Any:
        return None if x else 1 / 0

    for arguments, options, hint in (
        ((1,), {}, "halve returns None. Write your lines, and return the result."),
        ((0,), {}, "halve raised ZeroDivisionError: division by zero."),
        ((0,), {"case": "x=0"}, "For x=0 halve raised ZeroDivisionError: division by zero."),
        ((0,), {"more": " Why?"}, "halve raised ZeroDivisionError: division by zero. Why?"),
        ((0,), {"hints": {ArithmeticError: "Divide by 0?"}}, "Divide by 0?"),
        ((), {}, "halve is called with 0 arguments, but it takes (x). Keep"),
    ):
        with pytest.raises(NotYet) as caught:
            attempt(halve, *arguments, **options)  # type: ignore[arg-type]
        assert str(caught.value).startswith(hint)
    assert attempt(halve, 1, may_be_none=True) is None
    with pytest.raises(
        NotYet, match=r"^Your function is called with 1 argument, but it takes \(\)"
    ):
        attempt(lambda: 1, 2)
    with pytest.raises(NotYet, match="A function is wanted, not 5"):
        attempt(5, 2)  # type: ignore[arg-type]


def test_frequent_mistakes_of_beginners_get_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    def prints(x: Any) -> None:
        print("the result is", x)

    def in_place(x: Any) -> None:
        x += 1

    def branches(x: Any) -> Any:
        return x if x > 0 else -x

    def forgets(x: Any) -> Any:
        y = y + x  # type: ignore[used-before-def]  # noqa: F821
        return y

    for function, hint in (
        (prints, "prints its result but returns None"),
        (in_place, "changes the array that it was given, but returns None"),
        (branches, "cannot decide for a whole array"),
        (forgets, "Give it a value before you use it"),
    ):
        with pytest.raises(NotYet, match=hint):
            attempt(function, np.array([1.0, -1.0]))
    assert capsys.readouterr().out.startswith("the result is [")


@pytest.mark.parametrize("given", ["True", [True], -1, 2, None, 0.5])
def test_what_is_neither_true_nor_false_is_named(given: Any) -> None:
    with pytest.raises(NotYet, match="True or False is wanted, not "):
        as_truth(given)
    assert (as_truth(1), as_truth(np.bool_(False))) == (True, False)


@pytest.mark.parametrize("given", [None, "many", [1, 2], np.zeros(3), object(), np.nan])
def test_what_is_no_number_is_named(given: Any) -> None:
    for convert in (as_number, as_whole):
        with pytest.raises(NotYet, match=r"umber is wanted, not "):
            convert(given)


@pytest.mark.parametrize("given", [0.5, np.nan, np.inf, -np.inf])
def test_what_is_not_whole_is_named(given: float) -> None:
    with pytest.raises(NotYet, match="A whole number is wanted"):
        as_whole(given)


def test_arrays_have_a_shape_and_finite_numbers() -> None:
    assert as_array([1, 2], (2,)).dtype == np.float64
    for given, hint in (([1], "shape"), (["a", "b"], "Numbers"), ([1, np.nan], "infinite")):
        with pytest.raises(NotYet, match=hint):
            as_array(given, (2,))


def exercises() -> dict[str, Exercise[Any]]:
    found = {}
    for path in FOLDER.glob("[a-z]*.py"):
        module = importlib.import_module(f"{checks.__name__}.{path.stem}")
        found |= {k: v for k, v in vars(module).items() if isinstance(v, Exercise)}
    return found


def test_every_exercise_is_exported_and_belongs_to_one_lesson() -> None:
    found = exercises()
    assert found.keys() == {name for name in checks.__all__ if name.startswith("check_")}
    lessons = [path.read_text() for path in SOURCES.glob("[0-9]*.py")]
    for name, check in found.items():
        assert name == check.__name__ and check.__doc__
        assert sum(f"{name}(" in text for text in lessons) == 1, name


ANSWERS = (None, "text", [], {}, np.nan, np.inf, -1, 0.5, 10**400, np.zeros((2, 3)))


@pytest.mark.parametrize("name", sorted(exercises()))
def test_no_answer_makes_a_check_raise(name: str) -> None:
    check = exercises()[name]
    others = {"check_gamma_and_tau": (0.1,), "check_binary_layers": (["a"],)}.get(name, ())
    for answer in ANSWERS:
        function = functools.partial(lambda answer, *arguments: answer, answer)
        for given in (answer, function, lambda: None):
            assert not check.review(given, *others).passed, answer


@pytest.mark.parametrize(
    "said",
    [
        lambda: f"{as_number(-0.0):g}",
        lambda: f"{as_array([-0.0], (1,))[0]:g}",
        lambda: short(-0.0),
        lambda: short(np.float64(-0.0)),
        lambda: short(np.round([-0.2, 1.0])),
        lambda: short({"a": (-0.0, [-0.0, 1])}),
        lambda: checks.check_trits.review(lambda w: np.round(w / np.abs(w).max())).message,
        lambda: checks.check_trits.review(lambda w: np.round(w)).message,
    ],
)
def test_no_hint_says_minus_zero(said: Callable[[], str]) -> None:
    assert not re.search(r"-0(?![.\d]*[1-9])", said())


def test_other_minus_signs_stay() -> None:
    values = [-0.5, -0.01, -1.0, -10, "x-0", "-0e5", -1e-05]
    assert short(values) == repr(values)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (200 / 3, "66.6667"),
        (np.float64(2.0), "2"),
        (np.int64(7), "7"),
        (110.0000001, "110.0000001"),
        (1e-12, "1e-12"),
        (float("inf"), "inf"),
        (float("nan"), "nan"),
        (np.True_, "True"),
    ],
)
def test_numbers_in_hints_are_short(value: Any, text: str) -> None:
    assert short(value) == text
