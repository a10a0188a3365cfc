"""Figures of a student's own results, right ones and wrong ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bnn_lab.errors import InputError
from bnn_lab.figures import draw_binary_convolution, draw_budget, draw_signs, draw_threshold
from bnn_lab.figures.still import still


def test_signs_and_their_flips() -> None:
    signs = np.array([[1, 1], [1, -1], [-1, 1]])
    drawing = draw_signs(signs)
    assert np.array_equal(drawing.figure.data[0].z, signs.T)
    assert "2 weights over 2 steps: 3 flips" in drawing.words
    assert list(drawing.figure.data[1].y) == [0, 50, 50]
    assert still(drawing.figure).startswith("<svg")


@pytest.mark.parametrize("wrong", [np.ones(3), np.array([[1, 0]]), [[0.5]]])
def test_what_are_no_signs(wrong) -> None:
    with pytest.raises(InputError, match="±1 of shape"):
        draw_signs(wrong)


def test_a_convolution_on_a_digit() -> None:
    def convolve(image, filters):
        padded = np.pad(image[..., 0], 1, constant_values=1)
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3))
        return (windows * filters[0, ..., 0]).sum(axis=(-2, -1))[..., None]

    drawing = draw_binary_convolution(convolve)
    output = drawing.figure.data[3].z
    assert output.shape == (8, 8) and output.max() <= 9 and (output % 2 == 1).all()
    assert still(drawing.figure).startswith("<svg")
    with pytest.raises(InputError, match=r"\(8, 8, 1\) is wanted"):
        draw_binary_convolution(lambda image, filters: image[0])


def crosses(drawing) -> int:
    return sum(len(trace.x) for trace in drawing.figure.data if trace.marker.symbol == "x")


def test_a_threshold_beside_its_normalization() -> None:
    options = {"K": 20, "gamma": 1.0, "beta": 0.0, "mean": 5.3, "std": 1.0}
    right = draw_threshold(7, **options)
    assert "right sign at 21 of 21" in right.words
    assert crosses(right) == 0
    wrong = draw_threshold(10, **options)
    assert "right sign at 18 of 21" in wrong.words
    assert crosses(wrong) == 3
    for drawing in (right, wrong):
        assert still(drawing.figure).startswith("<svg")


def test_a_design_within_its_budget() -> None:
    columns = {"kind": ["conv", "binary_conv"], "shape": ["a", "b"]}
    table = pd.DataFrame({**columns, "ms": [0.5, 1.0], "binary": [False, True]})
    drawing = draw_budget(table, 2)
    assert "1.50 ms of 2 ms, 33% of it in float ops" in drawing.words
    binary, other = drawing.figure.data
    assert list(binary.base) == [0.5] and list(other.base) == [0.0]
    assert still(drawing.figure).startswith("<svg")
