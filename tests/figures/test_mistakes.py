"""The gallery of what a network gets wrong."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.errors import InputError
from bnn_lab.figures import draw_mistakes


def test_the_surest_mistakes_come_first() -> None:
    images = np.zeros((4, 8, 8, 1), np.float32)
    labels = np.array([0, 1, 2, 0])
    logits = np.array([[3, 0, 0], [1, 0, 0], [0, 9, 0], [5, 0, 0]], np.float32)
    drawing = draw_mistakes(images, labels, logits)
    titles = [note.text for note in drawing.figure.layout.annotations]
    assert titles == ["<b>2 → 1</b>", "<b>1 → 0</b>"]
    assert drawing.words.startswith("2 of 4 images are read wrongly.")
    assert "a 2 taken for a 1, a 1 taken for a 0" in drawing.words


def test_what_has_no_gallery() -> None:
    images, labels = np.zeros((2, 8, 8, 1), np.float32), np.array([0, 1])
    with pytest.raises(InputError, match="every answer is right"):
        draw_mistakes(images, labels, np.eye(2, dtype=np.float32))
    with pytest.raises(InputError, match="2 images, 2 labels and 3 answers"):
        draw_mistakes(images, labels, np.eye(3, dtype=np.float32))
