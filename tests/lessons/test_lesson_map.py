"""The list of lessons is the one that the notebooks and pages tell of."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bnn_lab.lessons.lesson_map import LESSONS, Lesson

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "notebooks" / "lessons"


def text_of(lesson: Lesson) -> str:
    """The source's Markdown as running text."""
    source = (FOLDER / lesson.file).with_suffix(".py").read_text()
    return re.sub(r"\n#? *", " ", source)


def test_the_list_has_the_lessons_that_there_are() -> None:
    assert [lesson.file for lesson in LESSONS] == sorted(p.name for p in FOLDER.glob("*.ipynb"))


def test_lessons_are_helped_by_earlier_ones_only() -> None:
    for index, lesson in enumerate(LESSONS):
        assert lesson.number == index
        assert all(number < index for number in lesson.helped_by)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.file[:2])
def test_each_lesson_says_its_number_and_minutes(lesson: Lesson) -> None:
    text = text_of(lesson)
    assert re.findall(r"\*\*Time\.\*\* About (\d+) minutes", text) == [str(lesson.minutes)]
    if lesson.number:
        assert f"# Lesson {lesson.number}: " in text


def test_the_start_page_lists_the_lessons() -> None:
    text = text_of(LESSONS[0])
    for lesson in LESSONS[1:]:
        question = lesson.question[0].lower() + lesson.question[1:]
        assert f"[{lesson.number}. {lesson.title}]({lesson.file}): {question}" in text
    told = re.findall(r"Lesson (\d) tells the whole story once, in (\d+) minutes", text)
    assert told == [("4", str(LESSONS[4].minutes))]


def test_every_lesson_but_the_first_has_a_summary() -> None:
    pages = sorted(page.stem for page in (ROOT / "docs" / "summaries").glob("*.md"))
    assert pages == [Path(lesson.file).stem for lesson in LESSONS[1:]]
