from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.data import load_digits
from bnn_lab.errors import InputError
from bnn_lab.figures import draw_digits

DIGITS = load_digits()


def test_shows_every_image_under_its_label() -> None:
    figure = draw_digits(DIGITS.test_images[:4], DIGITS.test_labels[:4]).figure
    assert len(figure.data) == 4
    for heatmap, image in zip(figure.data, DIGITS.test_images, strict=False):
        assert heatmap.z.dtype == np.uint8
        np.testing.assert_allclose(heatmap.z / 127.5 - 1, image[..., 0], atol=0.5 / 127.5)
        assert (heatmap.zmin, heatmap.zmax) == (0, 255)
    titles = [annotation.text for annotation in figure.layout.annotations]
    assert titles == [f"<b>{label}</b>" for label in DIGITS.test_labels[:4]]
    assert figure.layout.yaxis4.autorange == "reversed"  # row 0 is at the top


def test_errors() -> None:
    with pytest.raises(InputError, match="12"):
        draw_digits(DIGITS.test_images, DIGITS.test_labels)
    with pytest.raises(InputError, match="needs"):
        draw_digits(DIGITS.test_images[:3, ..., 0], DIGITS.test_labels[:3])
    with pytest.raises(InputError, match="needs"):
        draw_digits(DIGITS.test_images[:3], DIGITS.test_labels[:2])
