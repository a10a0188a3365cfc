"""fold_zero_padding and fold_one_padding: exactly SAME, or not at all."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from bnn_lab.convert import export_model, ir_text
from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.cancel_dequantize import CancelDequantize
from bnn_lab.convert.passes.fold_one_padding import FoldOnePadding
from bnn_lab.convert.passes.fold_zero_padding import FoldZeroPadding
from bnn_lab.convert.passes.pack_filters import PackFilters
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps

PIPELINE = (
    RecognizeSign(),
    FoldZeroPadding(),
    BinarizeConv(),
    FoldOnePadding(),
    CancelDequantize(),
    RemoveDeadOps(),
)


def padded_conv(graph, filters, widths, value, *, size=(6, 7), **options):
    s = graph.sign(graph.input(1, *size, 32))
    return graph.module(graph.conv(graph.pad(s, widths, value), filters, **options))


def image(rng, size=(6, 7)):
    return rng.normal(size=(1, *size, 32)).astype(np.float32)


@pytest.mark.parametrize("value", [0, 1])
def test_same_padding_is_folded(graph, apply, op_names, rng, signs, value):
    module = padded_conv(graph, signs(8, 3, 3, 32), [(1, 1), (1, 1)], value)
    apply(module, image(rng), *PIPELINE)
    assert op_names(module) == ["lq.Quantize", "lq.Bconv2d"]
    assert f"padding = same, pad_values = {value}" in ir_text(module)


@pytest.mark.parametrize("value", [0, 1])
def test_symmetric_padding_with_stride_2_is_not_same(graph, apply, op_names, rng, signs, value):
    # On an even size SAME pads 0 before and 1 after: folding (1, 1) would shift the image.
    module = padded_conv(
        graph, signs(8, 3, 3, 32), [(1, 1), (1, 1)], value, size=(6, 6), stride=(2, 2)
    )
    outcomes = apply(module, image(rng, (6, 6)), *PIPELINE)
    name = "fold_one_padding" if value else "fold_zero_padding"
    (outcome,) = [o for o in outcomes if o.pass_name == name]
    assert not outcome.applied
    assert "by 1 before and 1 after, where SAME pads 0 and 1" in outcome.reason
    assert "padding = same" not in ir_text(module)
    if value:  # still binary, with the padding as an op of its own
        assert op_names(module)[-2:] == ["lq.Quantize", "lq.Bconv2d"]
    else:
        assert "lq.Bconv2d" not in op_names(module)


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize(
    ("stride", "dilation"),
    [((1, 1), (1, 1)), ((2, 2), (1, 1)), ((1, 2), (1, 1)), ((1, 1), (2, 2))],
)
def test_every_padding_up_to_2(graph, op_names, rng, signs, run, value, stride, dilation):
    """All 81 paddings: outputs equal, folded only in the one case that is SAME."""
    filters, x = signs(4, 3, 3, 32), image(rng)
    folded = 0
    for widths in itertools.product(range(3), repeat=4):
        pads = [widths[:2], widths[2:]]
        if not any(widths) or (dilation == (2, 2) and sum(widths) % 4):
            continue
        fresh = type(graph)()
        module = padded_conv(fresh, filters, pads, value, stride=stride, dilation=dilation)
        before = export_model(module)
        for step in (*PIPELINE, PackFilters()):
            step.run(module)
        if "padding = same" not in ir_text(module):
            continue
        folded += 1
        np.testing.assert_allclose(
            run(export_model(module), x)[0], run(before, x)[0], atol=1e-5, err_msg=str(pads)
        )
    assert folded == 1


@pytest.mark.parametrize("value", [0, 1])
def test_float_convolutions_keep_their_padding(graph, op_names, signs, value):
    x = graph.pad(graph.input(1, 6, 7, 32), [(1, 1), (1, 1)], value)
    module = graph.module(graph.conv(x, signs(8, 3, 3, 32)))
    for step in PIPELINE[:2]:
        assert step.run(module) == []
    assert op_names(module) == ["tfl.padv2" if value else "tfl.pad", "tfl.conv_2d"]


def test_padding_with_minus_one_stays_explicit(graph, apply, op_names, rng, signs):
    module = padded_conv(graph, signs(8, 3, 3, 32), [(1, 1), (1, 1)], -1)
    apply(module, image(rng), *PIPELINE)
    assert op_names(module) == [
        "lq.Quantize",
        "lq.Dequantize",
        "tfl.padv2",
        "lq.Quantize",
        "lq.Bconv2d",
    ]
