"""The images that a network gets wrong, and what it said."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bnn_lab.errors import InputError
from bnn_lab.figures.digits import draw_digits
from bnn_lab.figures.drawing import Drawing

_SHOWN = 5


def draw_mistakes(
    images: NDArray[np.float32], labels: NDArray[np.int64], logits: NDArray[np.float32]
) -> Drawing:
    """A gallery of wrong answers, the surest mistakes first.

    Args:
        images: float32 in [-1, 1], shape (N, H, W, 1).
        labels: the truth, shape (N,).
        logits: what the network answers, shape (N, classes).

    Returns:
        A figure of up to 5 images, each headed "truth → answer", and how many there are in words.

    Raises:
        InputError: the lengths differ, or there is no mistake.
    """
    if not len(images) == len(labels) == len(logits):
        raise InputError(
            f"draw_mistakes: {len(images)} images, {len(labels)} labels and {len(logits)} answers."
        )
    answers = logits.argmax(axis=-1)
    wrong = np.flatnonzero(answers != labels)
    if not len(wrong):
        raise InputError("draw_mistakes: every answer is right.")
    margin = logits[wrong, answers[wrong]] - logits[wrong, labels[wrong]]
    shown = wrong[np.argsort(-margin, kind="stable")][:_SHOWN]
    titles = np.array([f"{labels[i]} → {answers[i]}" for i in shown])
    figure = draw_digits(images[shown], titles).figure
    pairs = ", ".join(f"a {labels[i]} taken for a {answers[i]}" for i in shown[:4])
    words = (
        f"{len(wrong)} of {len(labels)} images are read wrongly. The surest mistakes: {pairs}"
        f"{'' if len(shown) <= 4 else ', and more'}."
    )
    return Drawing(figure, words)
