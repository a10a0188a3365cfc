from __future__ import annotations

from pathlib import Path

from bnn_lab.figures.lesson_map import LESSONS, describe_map, lesson_map

FOLDER = Path(__file__).parents[2] / "notebooks" / "lessons"


def test_the_map_shows_the_lessons_that_there_are() -> None:
    assert [lesson.file for lesson in LESSONS] == sorted(p.name for p in FOLDER.glob("*.ipynb"))


def test_lessons_are_helped_by_earlier_ones_only() -> None:
    for index, lesson in enumerate(LESSONS):
        assert lesson.number == index
        assert all(number < index for number in lesson.helped_by)


def test_figure_and_words_have_every_lesson() -> None:
    figure = lesson_map()
    texts = [annotation.text for annotation in figure.layout.annotations]
    shown = " ".join(texts).replace("<br>", " ")
    for lesson in LESSONS:
        assert lesson.title in shown
        assert lesson.title in describe_map()
    assert figure.layout.meta["alt"] == describe_map()
    assert len(figure.layout.shapes) == len(LESSONS)


def test_boxes_do_not_overlap() -> None:
    boxes = [(s.x0, s.x1, s.y0, s.y1) for s in lesson_map().layout.shapes]
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            assert a[1] < b[0] or b[1] < a[0] or a[3] < b[2] or b[3] < a[2]
