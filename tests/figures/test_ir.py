from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.convert import ir_text, parse_ir, trace_keras_model
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps
from bnn_lab.errors import InputError
from bnn_lab.figures import op_counts, ops_between
from bnn_lab.models import digits_bnn
from bnn_lab.training import set_binary_signs


@pytest.fixture(scope="module")
def trace():
    model = digits_bnn(64)
    set_binary_signs(model)
    return trace_keras_model(model)


def test_counts_ops_without_constants(trace) -> None:
    before, after = op_counts(trace.ir_before), op_counts(trace.ir_after)
    assert (before["tfl.conv_2d"], before["tfl.sign"], before["tfl.padv2"]) == (4, 6, 3)
    assert (after["lq.Bconv2d"], after["tfl.conv_2d"]) == (3, 1)
    assert "tfl.const" not in before and "tfl.sign" not in after
    assert list(before.values()) == sorted(before.values(), reverse=True)


def test_lists_what_lies_between_two_layers(trace) -> None:
    assert ops_between(trace.ir_before, "conv_2_binary", "conv_3_binary").split("\n") == [
        "tfl.sign      -> 1x8x8x64xf32",
        "tfl.add       -> 1x8x8x64xf32",
        "tfl.sign      -> 1x8x8x64xf32",
        "tfl.padv2     -> 1x10x10x64xf32",
        "tfl.conv_2d   -> 1x8x8x64xf32",
    ]
    after = ops_between(trace.ir_after, "conv_2_binary", "conv_3_binary")
    assert after.split("\n")[-1].startswith("lq.Bconv2d")


def test_quantized_types_hide_no_op(trace) -> None:
    model = digits_bnn(64)
    set_binary_signs(model)
    images = np.random.default_rng(0).uniform(-1, 1, (4, 8, 8, 1)).astype(np.float32)
    mixed = trace_keras_model(model, representative_dataset=images, snapshots=False)
    counts = op_counts(mixed.ir_after)
    assert (counts["lq.Quantize"], counts["lq.Bconv2d"], counts["tfl.dequantize"]) == (1, 3, 1)
    assert counts["tfl.conv_2d"] == 1


def test_passes_leave_nothing_that_nobody_reads(trace) -> None:
    for result in trace.passes:
        kept = parse_ir(result.after)
        RemoveDeadOps().run(kept)
        assert op_counts(ir_text(kept)) == op_counts(result.after), result.name


def test_errors(trace) -> None:
    with pytest.raises(InputError, match="no op of layer 'conv_9'"):
        ops_between(trace.ir_after, "conv_9", "conv_3_binary")
    with pytest.raises(InputError, match="does not come after"):
        ops_between(trace.ir_after, "conv_3_binary", "conv_2_binary")
