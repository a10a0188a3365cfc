from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.lessons.checks import (
    check_attainable,
    check_pack_word,
    check_zero_padded,
    packing_picture,
    padding_picture,
)


def pack(signs):
    return sum(1 << i for i, sign in enumerate(signs) if sign < 0)


def zero_padded(accumulator, signs, outside):
    return accumulator - signs[outside].sum()


def attainable(intensity, ceiling, bandwidth):
    return min(ceiling, intensity * bandwidth)


def test_the_solutions_pass(capsys: pytest.CaptureFixture[str]) -> None:
    for check, solution in (
        (check_pack_word, pack),
        (check_zero_padded, zero_padded),
        (check_attainable, attainable),
    ):
        check(solution)
        assert capsys.readouterr().out.startswith("✓ Right.")
    assert check_pack_word.review(lambda signs: np.uint32(pack(signs))).passed


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda s: None, "returns None"),
        (lambda s: 0, "All bits are 0"),
        (lambda s: pack(-s), "-1 is bit 1"),
        (lambda s: pack(s[::-1]), "lowest bit"),
        (lambda s: int((s < 0).sum()), "count the -1s"),
        (lambda s: 77, "worth 2**i"),
        (lambda s: "many", "A whole number is wanted"),
        (lambda s: 0.5, "A whole number is wanted"),
        (lambda: 0, "Keep its first line"),
    ],
)
def test_mistakes_in_packing(answer, hint: str) -> None:
    feedback = check_pack_word.review(answer)
    assert not feedback.passed
    assert hint in feedback.message
    assert packing_picture(answer).startswith("value    ")


def test_the_picture_marks_wrong_bits() -> None:
    right = packing_picture(pack).splitlines()
    assert right[1].removeprefix("expected ") == right[2].removeprefix("yours    ")
    assert "^" not in right[3]
    wrong = packing_picture(lambda s: pack(s) ^ 0b101).splitlines()
    assert wrong[3] == "wrong    ^ ^"


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda a, s, o: None, "returns None"),
        (lambda a, s, o: a, "Nothing is taken out"),
        (lambda a, s, o: a + s[o].sum(), "reversed"),
        (lambda a, s, o: a - s[o].size, "adds the filter's value"),
        (lambda a, s, o: a - s.sum(), "whole filter"),
        (lambda a, s, o: 1234, "Subtract the filter's values"),
        (lambda a, s, o: a - s[o, 0, 0], "raised IndexError"),
    ],
)
def test_mistakes_in_padding(answer, hint: str) -> None:
    feedback = check_zero_padded.review(answer)
    assert not feedback.passed
    assert hint in feedback.message


def test_the_map_is_wrong_at_the_border_only() -> None:
    rows = padding_picture(lambda a, s, o: a).splitlines()[1:]
    inner = [row.split()[1:4] for row in rows[1:4]]
    assert inner == [["o"] * 3] * 3
    assert sum(row.count("x") for row in rows) > 8
    assert "x" not in "".join(padding_picture(zero_padded).splitlines()[1:])


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda i, c, b: None, "returns None"),
        (lambda i, c, b: c, "the slower one decides"),
        (lambda i, c, b: i * b, "has a ceiling"),
        (lambda i, c, b: max(c, i * b), "has a ceiling"),
        (lambda i, c, b: min(c, b / i), "Each byte feeds"),
        (lambda i, c, b: 3.3, "GB/s × MAC/byte"),
        (lambda i, c, b: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_mistakes_with_the_roof(answer, hint: str) -> None:
    feedback = check_attainable.review(answer)
    assert not feedback.passed
    assert hint in feedback.message
