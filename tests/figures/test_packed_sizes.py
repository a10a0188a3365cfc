from __future__ import annotations

import pytest

from bnn_lab.errors import InputError
from bnn_lab.figures.packed_sizes import PackedSizes, draw_packed_sizes
from bnn_lab.widgets import Explorer


@pytest.mark.parametrize(("weights", "packed"), [(1, 4), (32, 4), (33, 8), (512, 64)])
def test_bars_and_words_follow_the_number_of_weights(weights: int, packed: int) -> None:
    state = PackedSizes(weights)
    assert draw_packed_sizes(state).figure.data[0].x == (4 * weights, packed)
    assert f"{packed} bytes packed" in draw_packed_sizes(state).words


def test_no_weights_are_refused() -> None:
    with pytest.raises(InputError, match=r"weights=0\): must lie in 1\.\.512"):
        PackedSizes(0)


def test_it_works_as_a_widget() -> None:
    shown = Explorer(PackedSizes(), draw_packed_sizes)
    shown.inputs["weights"].value = 512
    assert tuple(shown.figure.data[0].x) == (2048, 64)
    assert shown.errors.outputs == ()
