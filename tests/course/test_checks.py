from __future__ import annotations

import logging
import sys
import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bnn_lab.course import checks
from bnn_lab.course.checks import NotYet, attempt, expect, expect_close, expect_equal, passed


def test_expect() -> None:
    expect(1 == 1, "unused")
    with pytest.raises(NotYet, match="try again"):
        expect(False, "try again")


def test_a_failed_check_shows_one_line() -> None:
    assert NotYet("the hint")._render_traceback_() == ["✗ Not yet. the hint"]


@pytest.mark.parametrize(
    ("given", "wanted", "part"),
    [
        ([1, 2], [1, 3], r"You gave \[1, 2\]"),
        ([1, 2, 3], [1, 2], r"shape \(3,\); shape \(2,\)"),
        (None, 1, "You gave None"),
        ("4", 4, "You gave '4'"),
        ([[1], [1, 2]], [1], "You gave"),
        (np.nan, 1.0, "You gave nan"),
        (np.zeros(1000), np.ones(1000), r"\.\.\."),
    ],
)
@pytest.mark.parametrize("compare", [expect_equal, expect_close])
def test_differences_are_shown_with_the_hint(compare, given, wanted, part: str) -> None:
    with pytest.raises(NotYet, match=part) as caught:
        compare(given, wanted, "the hint")
    assert str(caught.value).endswith("the hint")


def test_close_is_relative_above_one_and_absolute_below() -> None:
    expect_close(1e9 + 1, 1e9, "")
    expect_close(1e-9, 0.0, "")
    with pytest.raises(NotYet):
        expect_close(1.001, 1.0, "")
    expect_equal((True, 3), (True, 3), "")


def test_attempt_gives_hints_for_what_the_code_does() -> None:
    assert attempt(lambda x: x + 1, 2) == 3

    def forgot():
        pass

    def breaks(x):
        return x[99]

    with pytest.raises(NotYet, match="forgot returns None"):
        attempt(forgot)
    with pytest.raises(NotYet, match="breaks raised IndexError"):
        attempt(breaks, [1])


def test_attempt_copies_arrays() -> None:
    x = np.zeros(3)

    def spoil(values):
        values += 1
        return values

    attempt(spoil, x)
    assert not x.any()


def test_attempt_is_quiet_on_stderr_since_nbgrader_takes_points_for_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def loud():
        warnings.warn("careful", stacklevel=1)
        logging.getLogger("student").error("oh")
        print("note", file=sys.stderr)
        print("kept")
        return np.float64(1) / np.float64(0)

    assert attempt(loud) == np.inf
    out, err = capsys.readouterr()
    assert err == "" and out == "kept\n"


def test_passed_prints_outside_a_notebook(capsys: pytest.CaptureFixture[str]) -> None:
    passed("Well done.")
    assert capsys.readouterr().out == "✓ Right. Well done.\n"


def test_an_answer_that_a_check_cannot_read_gets_a_hint() -> None:
    shell = SimpleNamespace(
        history_manager=SimpleNamespace(input_hist_raw=['set(answer)\npassed("yes")']),
        _showtraceback=lambda *shown: None,
    )
    answers: list[tuple[Any, Any]] = [(set, None), (float, "a"), ({}.__getitem__, "b")]
    for function, answer in answers:
        with pytest.raises((TypeError, ValueError, LookupError)) as caught:
            function(answer)
        told = " ".join(checks._explain(shell, caught.type, caught.value, caught.tb))
        assert told.startswith("✗ Not yet. The check cannot read your answer.")
        assert caught.type.__name__ in told
