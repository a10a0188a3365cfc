"""What every check is made of: calling a student's function, a hint, a verdict; never a traceback.

An exercise's check is a function that returns praise, or raises `NotYet` with a hint:

    @exercise
    def check_double(answer):
        given = as_number(attempt(answer, 2))
        if given != 4:
            raise NotYet(f"For 2 it gives {given:g}. Two times two?")
        return "Doubling is adding."

``check_double(double)`` shows the verdict as a card, ``check_double.review(double)`` returns it.
``check_double.help(hint=..., solution=...)`` gives the red card two folds: a further hint and a
solution.
"""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import math
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec

import numpy as np
from numpy.typing import NDArray

from bnn_lab.lessons.checks import cards

Answers = ParamSpec("Answers")
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Feedback:
    """What a check says.

    Attributes:
        passed: the answer is right.
        message: praise, or a hint towards the next step.
    """

    passed: bool
    message: str

    def __str__(self) -> str:
        return f"{'✓ Right.' if self.passed else '✗ Not yet.'} {self.message}"


class NotYet(AssertionError):
    """A check that failed; its message is the hint, and a notebook shows nothing else."""

    def _render_traceback_(self) -> list[str]:  # IPython asks for it
        return [cards.wrapped(str(Feedback(False, str(self))))]


class Exercise(Generic[Answers]):
    """The check of one exercise; made by `exercise`.

    Attributes:
        hint: a hint that goes further than the verdict's, or "".
        solution: Python that passes, or "".
    """

    def __init__(self, check: Callable[Answers, str]) -> None:
        self._check = check
        self._picture: Callable[Answers, str] | None = None
        self.hint = self.solution = ""
        functools.update_wrapper(self, check)

    @property
    def name(self) -> str:
        """What the exercise is called where solved ones are counted."""
        return self._check.__name__.removeprefix("check_").replace("_", " ")

    def __call__(self, *answers: Answers.args, **named: Answers.kwargs) -> None:
        """Show the verdict and, if there is one, the picture."""
        feedback = self.review(*answers, **named)
        picture = self._picture(*answers, **named) if self._picture is not None else ""
        progress, done = cards.Progress.current, ""
        if progress is not None and self.name in progress.names:
            if feedback.passed:
                progress.solve(self.name)
            done = str(progress)
        cards.show(
            "\n".join(filter(None, (str(feedback), picture))),
            cards.card(
                feedback.passed,
                str(feedback),
                picture=picture,
                hint=self.hint,
                solution=self.solution,
                done=done,
            ),
        )

    def pictured(self, picture: Callable[Answers, str]) -> Callable[Answers, str]:
        """Decorate a function of the same answers: its lines are shown below the verdict."""
        self._picture = picture
        return picture

    def help(self, *, hint: str, solution: str = "") -> None:
        """Add two folds to the red card.

        Args:
            hint: for those whom the verdict's hint did not help.
            solution: Python that passes the check; none where there are many.
        """
        self.hint = hint
        self.solution = textwrap.dedent(solution).strip("\n")

    def review(self, *answers: Answers.args, **named: Answers.kwargs) -> Feedback:
        """The verdict, with a hint that fits the mistake where it is a common one."""
        try:
            return Feedback(True, self._check(*answers, **named))
        except NotYet as hint:
            return Feedback(False, str(hint))


def exercise(check: Callable[Answers, str]) -> Exercise[Answers]:
    """Make an `Exercise` of a function that returns praise or raises `NotYet`."""
    return Exercise(check)


def progress(*checks: Exercise[Any]) -> None:
    """Show how many of a lesson's exercises are solved, in a line that follows them.

    Args:
        *checks: the lesson's checks, in order.
    """
    cards.Progress([check.name for check in checks]).show()


def attempt(
    function: Callable[..., Any],
    *arguments: Any,
    case: str = "",
    hints: Mapping[type[Exception], str] | None = None,
    more: str = "",
    may_be_none: bool = False,
) -> Any:
    """Call a student's function; what it raises becomes a hint.

    Its warnings and what it writes to stderr are not shown: nbgrader takes points for them.

    Args:
        function: the student's.
        *arguments: passed on. Arrays are copied, so that a function may write to them.
        case: the arguments in words, to begin a hint with.
        hints: exception types to the text shown in place of the exception's own.
        more: added to what the function raised.
        may_be_none: None is an answer.

    Returns:
        What the function returned.

    Raises:
        NotYet: it raised something, or returned None.
    """
    name = getattr(function, "__name__", "")
    if not name.isidentifier():  # a lambda, an object
        name = "your function" if case else "Your function"
    if case:
        name = f"For {case} {name}"
    copies = [np.copy(a) if isinstance(a, np.ndarray) else a for a in arguments]
    try:
        with silence():
            result = function(*copies)
    except NotYet:
        raise
    except Exception as error:  # whatever it is
        hint = next((h for kind, h in (hints or {}).items() if isinstance(error, kind)), None)
        raise NotYet(hint or f"{name} raised {type(error).__name__}: {error}.{more}") from None
    if result is None and not may_be_none:
        raise NotYet(f"{name} returns None. Write your lines, and return the result.")
    return result


def as_number(given: Any) -> float:
    """A student's result as a number.

    Raises:
        NotYet: it is none.
    """
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        number = float(given)
        if not math.isnan(number):
            return number
    raise NotYet(f"A number is wanted, not {short(given)}.")


def as_whole(given: Any) -> int:
    """A student's result as a whole number.

    Raises:
        NotYet: it is none.
    """
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        whole = int(given)
        if whole == given:
            return whole
    raise NotYet(f"A whole number is wanted, not {short(given)}.")


def as_truth(given: Any) -> bool:
    """A student's result as True or False.

    Raises:
        NotYet: it is neither.
    """
    try:
        return bool(given)
    except (TypeError, ValueError):
        raise NotYet(f"True or False is wanted, not {short(given)}.") from None


def as_array(given: Any, shape: tuple[int, ...]) -> Floats:
    """A student's result as finite numbers of a shape, float64.

    Raises:
        NotYet: they are not.
    """
    try:
        values = np.asarray(given, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise NotYet(f"Numbers are wanted, not {short(given)}.") from None
    if values.shape != shape:
        raise NotYet(f"The result has shape {values.shape}; {shape} is wanted.")
    if not np.isfinite(values).all():
        raise NotYet("Some of your numbers are infinite or not numbers.")
    return values


def short(value: Any) -> str:
    """A value in at most 120 characters."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 120 else text[:117] + "..."


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """No warnings, no logging and nothing on stderr, for which nbgrader takes points."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
