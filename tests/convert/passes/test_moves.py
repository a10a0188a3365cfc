"""Passes that move lq.Quantize, reshapes and padding about: text before and after, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.convert import ir_text
from bnn_lab.convert.ir.attributes import I8, QuantParams, tensor_type
from bnn_lab.convert.ir.tfl_dialect import make_tfl, tensor_names
from bnn_lab.convert.passes.merge_quantizes import MergeQuantizes
from bnn_lab.convert.passes.merge_reshapes import MergeReshapes
from bnn_lab.convert.passes.pad_after_reshape import PadAfterReshape
from bnn_lab.convert.passes.quantize_after_moves import QuantizeAfterMoves
from bnn_lab.convert.passes.quantize_before_concat import QuantizeBeforeConcat
from bnn_lab.convert.passes.quantize_before_layout import QuantizeBeforeLayout
from bnn_lab.convert.passes.quantize_before_pad import QuantizeBeforePad
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps

SIGNS = RecognizeSign(), RemoveDeadOps()


def reshape(graph, value, *shape):
    target = graph.const(np.array(shape, np.int32))
    return graph.op("reshape", value, target, shape=shape, table="ReshapeOptions")


def concat(graph, parts, shape, axis):
    return graph.op("concatenation", *parts, shape=shape, table="ConcatenationOptions", axis=axis)


def values(rng, *shape):
    return rng.normal(size=shape).astype(np.float32)


def refused(module, step):
    """Reason of the only outcome; the graph is left alone."""
    for each in SIGNS:
        each.run(module)
    before = ir_text(module)
    (outcome,) = step.run(module)
    assert not outcome.applied
    assert ir_text(module) == before
    return outcome.reason


def test_merge_quantizes(graph, apply, op_names, rng):
    x = graph.input(1, 2, 2, 40)
    module = graph.module(graph.sign(x), graph.sign(x))
    outcomes = apply(module, values(rng, 1, 2, 2, 40), *SIGNS, MergeQuantizes())
    merged = [o.reason for o in outcomes if o.pass_name == "merge_quantizes"]
    assert merged == ["reads the bits there are"]
    assert op_names(module) == ["lq.Quantize", "lq.Dequantize", "lq.Dequantize"]


def test_merge_quantizes_leaves_other_values(graph):
    module = graph.module(graph.sign(graph.input(1, 4)), graph.sign(graph.input(1, 4, name="y")))
    for step in SIGNS:
        step.run(module)
    assert MergeQuantizes().run(module) == []


@pytest.mark.parametrize(
    "last, names", [((1, 8, 5), ["tfl.reshape", "tfl.abs"]), ((1, 2, 20), ["tfl.abs"])]
)
def test_merge_reshapes(graph, apply, op_names, rng, last, names):
    x = graph.input(1, 2, 20)
    module = graph.module(graph.op("abs", reshape(graph, reshape(graph, x, 1, 40), *last)))
    apply(module, values(rng, 1, 2, 20), MergeReshapes(), RemoveDeadOps())
    assert op_names(module) == names


def test_merge_reshapes_keeps_one_that_others_read(graph, apply, op_names, rng):
    first = reshape(graph, graph.input(1, 2, 20), 1, 40)
    module = graph.module(first, reshape(graph, first, 1, 8, 5))
    apply(module, values(rng, 1, 2, 20), MergeReshapes(), RemoveDeadOps())
    assert op_names(module) == ["tfl.reshape", "tfl.reshape"]


class TestConcat:
    def joined(self, graph, first, second, axis=3):
        x = graph.input(1, 2, 2, 40)
        parts = []
        for begin, size in ((0, first), (40 - second, second)):
            at = graph.const(np.int32([0, 0, 0, begin]))
            sizes = graph.const(np.int32([1, 2, 2, size]))
            parts.append(graph.op("slice", x, at, sizes, shape=(1, 2, 2, size)))
        shape = (1, 2, 2, first + second) if axis == 3 else (1, 4, 2, first)
        return concat(graph, parts, shape, axis)

    @pytest.mark.parametrize("first, second, axis", [(32, 7, 3), (7, 7, 1), (32, 32, 3)])
    def test_joins_words(self, graph, apply, op_names, rng, first, second, axis):
        module = graph.module(graph.sign(self.joined(graph, first, second, axis)))
        apply(module, values(rng, 1, 2, 2, 40), *SIGNS, QuantizeBeforeConcat())
        assert op_names(module)[2:] == [
            "lq.Quantize", "lq.Quantize", "tfl.concatenation", "lq.Dequantize"
        ]  # fmt: skip

    def test_parts_that_do_not_fill_words(self, graph):
        module = graph.module(graph.sign(self.joined(graph, 7, 32)))
        assert "a part of 7 channels" in refused(module, QuantizeBeforeConcat())

    def test_other_readers(self, graph):
        total = self.joined(graph, 32, 7)
        module = graph.module(graph.sign(total), total)
        assert "other readers" in refused(module, QuantizeBeforeConcat())


class TestLayout:
    @pytest.mark.parametrize("shape", [(1, 4, 64), (1, 256), (1, 2, 4, 32), (1, 8, 32)])
    def test_reshape(self, graph, apply, op_names, rng, shape):
        module = graph.module(graph.sign(reshape(graph, graph.input(1, 2, 2, 64), *shape)))
        apply(module, values(rng, 1, 2, 2, 64), *SIGNS, QuantizeBeforeLayout(), RemoveDeadOps())
        assert op_names(module) == ["lq.Quantize", "tfl.reshape", "lq.Dequantize"]

    def test_reshape_that_cuts_words(self, graph):
        module = graph.module(graph.sign(reshape(graph, graph.input(1, 2, 2, 40), 1, 160)))
        assert "reshapes 40 channels into 160" in refused(module, QuantizeBeforeLayout())

    def test_transpose(self, graph, apply, op_names, rng):
        order = graph.const(np.int32([0, 2, 1, 3]))
        moved = graph.op("transpose", graph.input(1, 2, 3, 40), order, shape=(1, 3, 2, 40))
        module = graph.module(graph.sign(moved))
        apply(module, values(rng, 1, 2, 3, 40), *SIGNS, QuantizeBeforeLayout())
        assert op_names(module) == ["lq.Quantize", "tfl.transpose", "lq.Dequantize"]

    def test_transpose_of_channels(self, graph):
        order = graph.const(np.int32([0, 3, 1, 2]))
        moved = graph.op("transpose", graph.input(1, 2, 3, 40), order, shape=(1, 40, 2, 3))
        reason = refused(graph.module(graph.sign(moved)), QuantizeBeforeLayout())
        assert "transposes the channels" in reason


class TestPad:
    @pytest.mark.parametrize("value, channels", [(0, 40), (1, 40), (2.5, 7), (-1, 64)])
    def test_pads_words(self, graph, apply, op_names, rng, value, channels):
        padded = graph.pad(graph.input(1, 2, 3, channels), [(1, 0), (2, 1)], value)
        module = graph.module(graph.sign(padded))
        apply(module, values(rng, 1, 2, 3, channels), *SIGNS, QuantizeBeforePad())
        assert op_names(module) == ["lq.Quantize", "tfl.padv2", "lq.Dequantize"]

    def test_words_of_minus_one(self, graph):
        padded = graph.pad(graph.input(1, 2, 3, 40), [(1, 0), (2, 1)], -1)
        reason = refused(graph.module(graph.sign(padded)), QuantizeBeforePad())
        assert "40 channels do not fill their words" in reason

    def test_computed_padding(self, graph):
        widths = graph.input(4, 2, name="widths")
        padded = graph.op("pad", graph.input(1, 2, 3, 40), widths, shape=(1, 3, 6, 40))
        reason = refused(graph.module(graph.sign(padded)), QuantizeBeforePad())
        assert "computed at run time" in reason


class TestPadAfterReshape:
    def padded(self, graph):
        s = graph.sign(graph.input(1, 6, 40))
        widths = graph.const(np.int32([[0, 0], [2, 1], [0, 0]]))
        return graph.op("pad", s, widths, shape=(1, 9, 40), table="PadOptions")

    def test_pads_the_image(self, graph, apply, op_names, rng):
        module = graph.module(reshape(graph, self.padded(graph), 1, 1, 9, 40))
        apply(module, values(rng, 1, 6, 40), *SIGNS, PadAfterReshape(), RemoveDeadOps())
        assert op_names(module) == ["lq.Quantize", "lq.Dequantize", "tfl.reshape", "tfl.pad"]
        assert "tensor<1x1x6x40xf32>" in ir_text(module)

    def test_other_readers(self, graph):
        padded = self.padded(graph)
        module = graph.module(reshape(graph, padded, 1, 1, 9, 40), padded)
        assert "other readers" in refused(module, PadAfterReshape())


@pytest.mark.parametrize("binary", [True, False])
def test_quantize_after_moves(graph, op_names, binary):
    x = graph.input(1, 2, 20)
    source = graph.sign(x) if binary else x
    quant = QuantParams((1 / 127,), (0,))
    target = graph.const(np.int32([1, 40]))
    for mnemonic, shape in (("quantize", (1, 2, 20)), ("reshape", (1, 40))):
        operands = [source] if mnemonic == "quantize" else [source, target]
        op = make_tfl(
            mnemonic, operands, [tensor_type(I8, shape, quant)], names=tensor_names(mnemonic)
        )
        graph.block.add_op(op)
        source = op.results[0]
    module = graph.module(source)
    for step in SIGNS:
        step.run(module)
    outcomes = QuantizeAfterMoves().run(module)
    RemoveDeadOps().run(module)
    if binary:
        assert [o.reason for o in outcomes] == ["tfl.reshape moves binary values"]
        assert op_names(module)[-2:] == ["tfl.reshape", "tfl.quantize"]
    else:
        assert outcomes == []
        assert op_names(module) == ["tfl.quantize", "tfl.reshape"]
