"""The sign of a value rounded to int8 is the sign of the value moved by half a step.

    x -> tfl.quantize(scale s) -> tfl.dequantize -> lq.Quantize
=>
    x -> tfl.add(s / 2) -> lq.Quantize

A model trained with fake quantization takes signs of rounded values: all of [-s/2, 0) rounds to 0,
which is +1. The float sum is below zero exactly where x < -s/2. Half a step itself rounds up, as in
TensorFlow's fake quantization. The constant then joins the convolution in front of it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import F32, quant_of
from bnn_lab.convert.ir.lq_dialect import Quantize
from bnn_lab.convert.ir.options import Options, OptionsAttr
from bnn_lab.convert.ir.tfl_dialect import Const, is_tfl, make_tfl, name_of, producer, tensor_names
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal
from bnn_lab.convert.rewrite.build import quantize_of
from bnn_lab.convert.rewrite.int8_values import is_calibrated, is_int8


class _Match(NamedTuple):
    source: SSAValue
    half_step: np.float32


class RoundBeforeSign(Pass):
    """QUANTIZE, DEQUANTIZE, lq.Quantize => ADD, lq.Quantize."""

    name = "round_before_sign"
    summary = "rounding to int8 in front of lq.Quantize becomes the addition of half a step"
    needs = (Fact.ALL_READ, Fact.SIGNS_KNOWN)
    gives = (Fact.ROUNDING_SHIFTS,)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match the sign of a rounded value that an op computes."""
        if not isinstance(op, Quantize):
            return None
        dequantize: Any = producer(op.input)
        if not is_tfl(dequantize, "dequantize") or not is_int8(dequantize.operands[0]):
            return None
        quantize: Any = producer(dequantize.operands[0])
        if not is_tfl(quantize, "quantize") or is_calibrated(op):
            return None
        source = quantize.operands[0]
        if source.type.element_type != F32 or producer(source) is None:
            return None
        if not (quantize.results[0].has_one_use() and dequantize.results[0].has_one_use()):
            return Refusal("the int8 values have other readers: the bits are taken from them")
        quant: Any = quant_of(quantize.results[0].type)
        if quant.zero_point is not None and quant.zero_point[0] <= -128:
            return Refusal("its int8 range holds no negative value: every bit is +1")
        return _Match(source, np.float32(quant.scale[0] / 2))

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Add half a step and take the sign of that."""
        name = name_of(op.input)
        half = Const.of(match.half_step, f"{name}/half_step")
        half.result.name_hint = "half_step"
        options = OptionsAttr(Options.make("AddOptions"))
        operands, names = [match.source, half.result], tensor_names(name)
        total = make_tfl("add", operands, [match.source.type], options, names)
        rewriter.replace(op, [half, total, quantize_of(total.results[0])])
        return f"{match.half_step:.6g} is added before the sign"
