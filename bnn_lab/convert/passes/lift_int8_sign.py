"""The sum inside larq's sign is taken out of int8.

    tfl.sign -> tfl.quantize -> tfl.add(c) int8 -> tfl.dequantize -> tfl.sign
=>
    tfl.sign -> tfl.add(c) float -> tfl.sign

Post-training quantization leaves SIGN in float but puts the sum between two signs into int8. Its
calibrated range may not even hold -1 (where all samples were positive); the float sum does.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.options import Options, OptionsAttr
from bnn_lab.convert.ir.tfl_dialect import Const, constant, is_tfl, make_tfl, producer
from bnn_lab.convert.rewrite.base import Fact, Pass
from bnn_lab.convert.rewrite.int8_values import dequantized


class _Match(NamedTuple):
    sign: SSAValue
    shift: NDArray[np.float32]


class LiftInt8Sign(Pass):
    """SIGN, QUANTIZE, ADD int8, DEQUANTIZE => SIGN, ADD."""

    name = "lift_int8_sign"
    summary = "the int8 sum inside larq's sign becomes a float sum again"
    needs = (Fact.CONSTANTS_FOLDED,)
    gives = (Fact.FLOAT_SUMS,)

    def check(self, op: Operation) -> _Match | None:
        """Match the dequantize of an int8 sum of a quantized sign and a constant."""
        if not is_tfl(op, "dequantize"):
            return None
        total: Any = producer(op.operands[0])
        if not is_tfl(total, "add") or total.activation != "none":
            return None
        for value, shift in (total.operands, reversed(total.operands)):
            quantize: Any = producer(value)
            real = dequantized(shift) if constant(shift) is not None else None
            if real is None or not is_tfl(quantize, "quantize"):
                continue
            if is_tfl(producer(quantize.operands[0]), "sign"):
                return _Match(quantize.operands[0], real)
        return None

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Add in float."""
        shift = Const.of(match.shift, f"{op.tensor_name()}/shift")
        options = OptionsAttr(Options.make("AddOptions"))
        total = make_tfl("add", [match.sign, shift.result], op.result_types, options, op.names)
        rewriter.replace(op, [shift, total])
        return f"{match.shift.reshape(-1)[0]:.6g} is added to a float sign"
