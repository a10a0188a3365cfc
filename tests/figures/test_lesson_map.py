from __future__ import annotations

import pytest

from bnn_lab.figures import draw_lesson_map
from bnn_lab.lessons.lesson_map import LESSONS


def test_figure_and_words_have_every_lesson() -> None:
    drawing = draw_lesson_map()
    texts = [annotation.text for annotation in drawing.figure.layout.annotations]
    shown = " ".join(texts).replace("<br>", " ")
    for lesson in LESSONS:
        assert lesson.title in shown and f"{lesson.minutes} minutes" in shown
        assert lesson.title in drawing.words
    assert len(drawing.figure.layout.shapes) == len(LESSONS)


@pytest.mark.parametrize("tall", [False, True])
def test_boxes_do_not_overlap_and_are_in_sight(tall: bool) -> None:
    layout = draw_lesson_map(tall).figure.layout
    boxes = [(s.x0, s.x1, s.y0, s.y1) for s in layout.shapes]
    assert len(boxes) == len(LESSONS)
    for box in boxes:
        assert layout.xaxis.range[0] <= box[0] and box[1] <= layout.xaxis.range[1]
        assert layout.yaxis.range[0] <= box[2] and box[3] <= layout.yaxis.range[1]
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            assert a[1] < b[0] or b[1] < a[0] or a[3] < b[2] or b[3] < a[2]
