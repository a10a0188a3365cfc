"""Binary kernels of float layers as int8."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.convert.ir.tfl_dialect import Const
from bnn_lab.convert.passes.shrink_filters import ShrinkFilters


def stored(module):
    return {op.value.values.dtype.name for op in module.walk() if isinstance(op, Const)}


@pytest.mark.parametrize("levels", [[-1, 1], [-1, 0, 1]], ids=["binary", "ternary"])
def test_conv(apply, graph, rng, op_names, levels):
    filters = rng.choice(np.float32(levels), (16, 3, 3, 33))
    filters *= rng.uniform(0.1, 3, (16, 1, 1, 1)).astype(np.float32)
    filters[5] = 0  # a channel whose BatchNorm scale is zero
    module = graph.module(graph.conv(graph.input(1, 6, 5, 33), filters))
    x = rng.normal(size=(2, 6, 5, 33)).astype(np.float32)
    (outcome,) = apply(module, x, ShrinkFilters())
    assert f"{filters.nbytes} bytes became {filters.size}" in outcome.reason
    assert op_names(module) == ["tfl.dequantize", "tfl.conv_2d"]


@pytest.mark.parametrize("case", ["two magnitudes", "small", "not finite"])
def test_leaves_alone(graph, rng, signs, case):
    filters = signs(*((4, 1, 1, 8) if case == "small" else (16, 3, 3, 33)))
    if case == "two magnitudes":
        filters[3, 1, 1, 0] = 0.5
    if case == "not finite":
        filters[3, 1, 1, 0] = np.inf
    module = graph.module(graph.conv(graph.input(1, 6, 5, filters.shape[-1]), filters))
    assert ShrinkFilters().run(module) == []
