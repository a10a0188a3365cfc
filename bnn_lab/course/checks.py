"""What the check cells of an exercise call: a hint for what is wrong, a cue for what is right.

nbgrader gives a check cell no points if it raises. So a failed check raises, but `NotYet` shows as
one line: the hint. A cell that writes to stderr gets no points either, so `attempt` keeps warnings
of a student's code quiet. Importing this module in a notebook makes check cells say what to do when
the cells above them have not run.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import numpy as np

from bnn_lab.lessons.checks import cards
from bnn_lab.lessons.checks.feedback import Feedback, NotYet, attempt, short, silence

__all__ = [
    "NotYet",
    "attempt",
    "expect",
    "expect_close",
    "expect_equal",
    "in_students_kernel",
    "passed",
    "show_progress",
    "show_result",
]

# Set where check cells run in a kernel of their own: gives a function of the student's by its name.
students_side: Callable[[str], Callable[..., Any]] | None = None

ODD_ANSWER = (
    "The check cannot read your answer. Does it have the form that the text asks for: a number, an "
    "array, a dictionary?"
)
RUN_ABOVE = "Run the cells above first: menu Run, Run All Above Selected Cell."


def expect(condition: Any, hint: str) -> None:
    """Go on if a condition holds.

    Args:
        condition: anything true or false.
        hint: towards the next step; must not give the answer away.

    Raises:
        NotYet: it does not hold.
    """
    if not condition:
        raise NotYet(hint)


def expect_equal(given: Any, wanted: Any, hint: str) -> None:
    """Compare exactly, shapes included.

    Args:
        given: the student's value: number, string, tuple or array.
        wanted: the right one.
        hint: shown after the value that was given.

    Raises:
        NotYet: they differ.
    """
    _compare(given, wanted, hint, lambda a, b: bool(np.array_equal(a, b)))


def expect_close(given: Any, wanted: Any, hint: str, tolerance: float = 1e-6) -> None:
    """Compare numbers or arrays up to rounding, shapes included.

    Args:
        given: the student's value.
        wanted: the right one.
        hint: shown after the value that was given.
        tolerance: allowed difference, relative to values above 1 and absolute below.

    Raises:
        NotYet: they differ, or the student's value is not a number.
    """

    def close(a: Any, b: Any) -> bool:
        if a.dtype.kind not in "biuf":
            return False
        scale = np.maximum(np.abs(b), 1.0)
        return bool(np.all(np.abs(a.astype(float) - b.astype(float)) <= tolerance * scale))

    _compare(given, wanted, hint, close)


def in_students_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a helper of a check that must run where the student's code runs.

    When a teacher grades, check cells run in a kernel of their own: they call the student's
    functions with plain values and arrays, and get such. For what is neither, such as a Keras
    model, a helper beside the student's code makes a plain value of it. Elsewhere nothing changes.

    Args:
        function: defined at a cell's top level, outside of hidden tests.
    """
    return function if students_side is None else students_side(function.__name__)


def passed(message: str) -> None:
    """Show that an exercise is done, as a green card.

    Args:
        message: praise, or what was learnt.
    """
    text, progress = str(Feedback(True, message)), cards.Progress.current
    if progress is not None:
        progress.solve(_exercise(progress, message))
    done = str(progress) if progress is not None and progress.names else ""
    cards.show(text, cards.card(True, text, done=done))


def show_progress(exercises: int) -> None:
    """Show how many check cells of this assignment are green, in a line that follows them.

    Args:
        exercises: how many there are.
    """
    cards.Progress([f"exercise {number}" for number in range(1, exercises + 1)]).show()
    _told.clear()


def show_result(draw: Callable[[], Any]) -> None:
    """Display a figure of a student's own result, or say that it comes once the exercise is solved.

    Args:
        draw: returns what is to be displayed; what it raises is not shown.
    """
    if students_side is not None:
        return  # the student's own kernel draws it
    try:
        with silence():
            result = draw()
    except Exception:  # an unsolved exercise raises anything
        text = "A figure of your own result appears here when the check above is green."
        cards.show(text, f'<p style="opacity:0.75">{html.escape(text)}</p>')
        return
    if not cards.in_notebook():
        print(getattr(result, "words", result))
        return
    from IPython.display import display

    display(result)


_told: list[str] = []

# What a check cell raises at names that are not there, and at answers of another form than asked.
_EXPLAINED = (NameError, TypeError, ValueError, LookupError, AttributeError)


def _exercise(progress: cards.Progress, message: str) -> str:
    """A name for the check cell that is running; the same when it runs again."""
    source = message
    if cards.in_notebook():
        from IPython import get_ipython

        source = get_ipython().history_manager.input_hist_raw[-1]
    if source not in _told:
        _told.append(source)
    number = _told.index(source)
    return progress.names[number] if number < len(progress.names) else ""


def _hint_at_odd_answers() -> None:
    try:
        from IPython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is not None:
        shell.set_custom_exc(_EXPLAINED, _explain)


def _explain(shell: Any, kind: Any, error: Any, trace: Any, tb_offset: Any = None) -> Any:
    source = shell.history_manager.input_hist_raw[-1]
    at_top = trace.tb_next is None or trace.tb_next.tb_next is None
    if "passed(" in source and (at_top or not isinstance(error, NameError)):
        # `attempt` has caught what the student's code raises: here it is the check that stumbles.
        hint = f"{error}. {RUN_ABOVE}"
        if not isinstance(error, NameError):
            hint = f"{ODD_ANSWER} ({kind.__name__}: {error})"
        lines = [cards.wrapped(str(Feedback(False, hint)))]
    else:
        lines = shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset)
    shell._showtraceback(kind, error, lines)
    return lines


def _compare(given: Any, wanted: Any, hint: str, same: Callable[[Any, Any], bool]) -> None:
    expected = np.asarray(wanted)
    try:
        value = np.asarray(given)
    except ValueError:  # a ragged list
        raise NotYet(f"You gave {short(given)}. {hint}") from None
    if value.shape != expected.shape:
        raise NotYet(
            f"You gave something of shape {value.shape}; shape {expected.shape} is wanted. {hint}"
        )
    try:
        equal = same(value, expected)
    except (TypeError, ValueError):
        equal = False
    if not equal:
        raise NotYet(f"You gave {short(given)}. {hint}")


_hint_at_odd_answers()
