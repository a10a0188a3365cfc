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
import inspect
import io
import logging
import math
import re
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec

import numpy as np
from numpy.typing import NDArray

from bnn_lab._words import counted
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

    Its warnings and what it writes to stderr are not shown: nbgrader takes points for them. What it
    prints is.

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
        NotYet: it is not a function of these arguments, it raised something, or it returned None.
    """
    if not callable(function):
        raise NotYet(f"A function is wanted, not {short(function)}.")
    name = getattr(function, "__name__", "")
    if not name.isidentifier():  # a lambda, an object
        name = "your function" if case else "Your function"
    if case:
        name = f"For {case} {name}"
    _expect_arguments(function, name, arguments)
    copies = [np.copy(a) if isinstance(a, np.ndarray) else a for a in arguments]
    heard = _Listening(sys.stdout)
    try:
        with silence(), contextlib.redirect_stdout(heard):
            result = function(*copies)
    except NotYet:
        raise
    except Exception as error:  # whatever it is
        hint = next((h for kind, h in (hints or {}).items() if isinstance(error, kind)), None)
        hint = hint or _common_mistake(error)
        text = str(error).rstrip(".")
        raise NotYet(hint or f"{name} raised {type(error).__name__}: {text}.{more}") from None
    if result is not None or may_be_none:
        return result
    if heard.anything:
        raise NotYet(f"{name} prints its result but returns None. Use return in place of print.")
    pairs = zip(arguments, copies, strict=True)
    if any(isinstance(a, np.ndarray) and not _same(a, b) for a, b in pairs):
        raise NotYet(f"{name} changes the array that it was given, but returns None. Return it.")
    raise NotYet(f"{name} returns None. Write your lines, and return the result.")


def as_number(given: Any) -> float:
    """A student's result as a number.

    Raises:
        NotYet: it is none.
    """
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        number = float(given)
        if not math.isnan(number):
            return number + 0.0  # a hint that says "-0" confuses
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
        NotYet: it is neither. (1 and 0 are; other numbers, texts and lists would be true or false
            by Python's rules, but not by the student's intention.)
    """
    with contextlib.suppress(TypeError, ValueError):
        if np.ndim(given) == 0 and given in (0, 1):
            return bool(given)
    raise NotYet(f"True or False is wanted, not {short(given)}.")


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
    return values + 0.0


class _Listening:
    """Passes everything on to a stream, and knows whether anything was written.

    A library that is first imported by a student's function may keep it for good.
    """

    def __init__(self, stream: Any) -> None:
        self._stream, self.anything = stream, False

    def write(self, text: str) -> Any:
        self.anything = self.anything or bool(text.strip())
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _expect_arguments(function: Callable[..., Any], name: str, arguments: tuple[Any, ...]) -> None:
    """Refuse a function whose first line no longer takes the arguments."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some that are written in C have none
        return
    try:
        signature.bind(*arguments)
    except TypeError:
        count = len(arguments)
        raise NotYet(
            f"{name} is called with {counted(count, 'argument')}, but it takes "
            f"({', '.join(signature.parameters)}). Keep its first line as it was."
        ) from None


def _common_mistake(error: Exception) -> str:
    """A hint for an exception whose own text does not help a beginner, or ""."""
    if isinstance(error, ValueError) and "truth value of an array" in str(error):
        return (
            "The values are arrays, and `if`, `and`, `min` and `max` cannot decide for a whole "
            "array. Use np.where(condition, then, otherwise), &, np.minimum or np.maximum."
        )
    if isinstance(error, UnboundLocalError):
        return f"{error}. Give it a value before you use it."
    return ""


def _same(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.shape == other.shape and one.tobytes() == other.tobytes()


def short(value: Any) -> str:
    """A value in at most 120 characters, numbers with six digits and no minus in front of 0."""
    if isinstance(value, np.generic):
        value = value.item()  # 2.0, not np.float64(2.0)
    if isinstance(value, float):
        rounded = f"{value + 0.0:.6g}"
        # What is nearly a whole number must not look like one.
        return rounded if value.is_integer() or not float(rounded).is_integer() else repr(value)
    text = re.sub(r"(?<![\w.])-(0\.?0*)(?![\w.])", r"\1", " ".join(repr(value).split()))
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
