"""Zero padding that is not SAME."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.correct_zero_padding import CorrectZeroPadding
from bnn_lab.convert.passes.fold_zero_padding import FoldZeroPadding
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps


@pytest.mark.parametrize("widths", [((2, 0), (0, 0)), ((1, 2), (1, 1)), ((0, 3), (2, 1))])
@pytest.mark.parametrize(
    ("stride", "dilation"), [((1, 1), (1, 1)), ((2, 1), (1, 1)), ((1, 1), (1, 2))]
)
def test_becomes_ones_and_a_correction(
    apply, graph, rng, signs, op_names, widths, stride, dilation
):
    padded = graph.pad(graph.sign(graph.input(1, 6, 7, 40)), widths, 0)
    conv = graph.conv(
        padded, signs(5, 3, 3, 40), rng.normal(size=5), stride=stride, dilation=dilation,
        activation="relu",
    )  # fmt: skip
    module = graph.module(conv)
    x = rng.normal(size=(2, 6, 7, 40)).astype(np.float32)
    steps = RecognizeSign(), FoldZeroPadding(), CorrectZeroPadding(), BinarizeConv()
    outcomes = apply(module, x, *steps, RemoveDeadOps())
    assert any(o.applied and o.pass_name == "correct_zero_padding" for o in outcomes)
    names = op_names(module)
    assert names[-4:] == ["tfl.padv2", "lq.Quantize", "lq.Bconv2d", "tfl.sub"]


def test_refuses_what_would_grow_the_file(graph, signs):
    padded = graph.pad(graph.sign(graph.input(1, 30, 30, 4)), ((2, 0), (0, 0)), 0)
    module = graph.module(graph.conv(padded, signs(8, 3, 3, 4)))
    RecognizeSign().run(module)
    (refusal,) = CorrectZeroPadding().run(module)
    assert not refusal.applied
    assert "more than its float filter" in refusal.reason


def test_says_nothing_of_a_float_filter(graph, rng):
    padded = graph.pad(graph.sign(graph.input(1, 6, 6, 4)), ((2, 0), (0, 0)), 0)
    module = graph.module(graph.conv(padded, rng.normal(size=(8, 3, 3, 4))))
    RecognizeSign().run(module)
    assert CorrectZeroPadding().run(module) == []
