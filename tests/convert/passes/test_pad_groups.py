"""Groups whose channels do not fill words."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.convert import ir_text
from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.fold_one_padding import FoldOnePadding
from bnn_lab.convert.passes.pad_groups import PadGroups
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps

SIGN = RecognizeSign(), RemoveDeadOps()
STEPS = *SIGN, PadGroups(), BinarizeConv(), FoldOnePadding(), RemoveDeadOps()


def grouped(graph, signs, rng, groups, in_group, pad=None, **options):
    source = graph.sign(graph.input(1, 6, 7, groups * in_group))
    if pad is not None:
        source = graph.pad(source, [(1, 1), (1, 1)], pad)
    # Powers of two: kernels round bias + K * multiplier, and K counts the new channels.
    scales = rng.choice([0.5, 1, 2], (2 * groups, 1, 1, 1))
    filters, bias = signs(2 * groups, 3, 3, in_group) * scales, rng.integers(-9, 9, 2 * groups) / 4
    return graph.conv(source, filters, bias, **options)


def run_case(apply, graph, rng, groups, in_group, conv):
    module = graph.module(conv)
    x = rng.normal(size=(2, 6, 7, groups * in_group)).astype(np.float32)
    outcomes = apply(module, x, *STEPS, groups=True)
    (padded,) = [o for o in outcomes if o.pass_name == "pad_groups"]
    size = -(-in_group // 32) * 32
    assert padded.reason.endswith(f"got {size - in_group} channels, to have {size}")
    return ir_text(module)


@pytest.mark.parametrize(("groups", "in_group"), [(2, 2), (3, 14), (2, 40), (16, 2)])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_even_groups(apply, graph, signs, rng, groups, in_group, padding):
    conv = grouped(graph, signs, rng, groups, in_group, padding=padding, stride=(1, 2))
    text = run_case(apply, graph, rng, groups, in_group, conv)
    assert f"padding = {padding}, pad_values = 0" in text


@pytest.mark.parametrize(("groups", "in_group"), [(2, 1), (3, 7), (2, 33)])
def test_odd_groups(apply, graph, signs, rng, groups, in_group):
    conv = grouped(graph, signs, rng, groups, in_group, dilation=(1, 2))
    assert "lq.Bconv2d" in run_case(apply, graph, rng, groups, in_group, conv)


@pytest.mark.parametrize("in_group", [5, 6])
@pytest.mark.parametrize("activation", ["none", "relu"])
def test_padding_with_ones_comes_behind(apply, graph, signs, rng, in_group, activation):
    conv = grouped(graph, signs, rng, 4, in_group, pad=1, activation=activation)
    assert "padding = same, pad_values = 1" in run_case(apply, graph, rng, 4, in_group, conv)


def test_padding_with_minus_one(apply, graph, signs, rng):
    conv = grouped(graph, signs, rng, 4, 6, pad=-1)
    run_case(apply, graph, rng, 4, 6, conv)


@pytest.mark.parametrize("case", ["same", "minus one"])
def test_odd_groups_that_pad_other_values_are_refused(graph, signs, rng, case):
    options = {"padding": "same"} if case == "same" else {"pad": -1}
    module = graph.module(grouped(graph, signs, rng, 4, 5, **options))
    for step in SIGN:
        step.run(module)
    before = ir_text(module)
    (outcome,) = PadGroups().run(module)
    assert not outcome.applied
    assert "its groups have 5 channels, an odd number" in outcome.reason
    assert "pad_values=1" in outcome.advice
    assert ir_text(module) == before


@pytest.mark.parametrize("case", ["one group", "whole words", "float input", "float filter"])
def test_leaves_alone(graph, signs, rng, case):
    groups, in_group = {"one group": (1, 20), "whole words": (2, 32)}.get(case, (2, 20))
    x = graph.input(1, 6, 7, groups * in_group)
    filters = signs(4, 3, 3, in_group)
    if case == "float filter":
        filters[0, 0, 0, 0] = 0.5
    module = graph.module(graph.conv(x if case == "float input" else graph.sign(x), filters))
    for step in SIGN:
        step.run(module)
    assert PadGroups().run(module) == []
