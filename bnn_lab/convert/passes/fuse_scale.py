"""Per-channel scale and shift after a binary convolution join it.

    lq.Bconv2d(multiplier m, bias b) -> tfl.mul(s)      =>  lq.Bconv2d(m * s, b * s)
    lq.Bconv2d(multiplier m, bias b) -> tfl.add(t)      =>  lq.Bconv2d(m, b + t)
    lq.Bconv2d(multiplier m, bias b) -> tfl.sub(t)      =>  lq.Bconv2d(m, b - t)

Where a ReLU stands between convolution and BatchNorm, TensorFlow's converter leaves the BatchNorm
as MUL and ADD; the clamp inside lq.Bconv2d precedes its multiplier, so both fit. Only if nothing
else reads the convolution. An activation fused to the MUL or ADD becomes an op of its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation
from xdsl.pattern_rewriter import PatternRewriter

from bnn_lab.convert.ir.attributes import F32
from bnn_lab.convert.ir.lq_dialect import BinaryConv
from bnn_lab.convert.ir.tfl_dialect import (
    MNEMONICS,
    Const,
    constant,
    is_tfl,
    make_tfl,
    name_of,
    producer,
    tensor_names,
)
from bnn_lab.convert.rewrite.base import Fact, Pass, Refusal


class _Match(NamedTuple):
    bconv: BinaryConv
    multiplier: NDArray[np.float32]
    bias: NDArray[np.float32]
    activation: str | None


class FuseScale(Pass):
    """Bconv2d, MUL / ADD / SUB constant => Bconv2d."""

    name = "fuse_scale"
    summary = "per-channel MUL, ADD and SUB join the multiplier and bias of lq.Bconv2d"
    needs = (Fact.ALL_READ, Fact.CONVS_ARE_BINARY, Fact.ROUNDING_SHIFTS)
    gives = (Fact.SCALES_JOINED,)

    def check(self, op: Operation) -> _Match | Refusal | None:
        """Match MUL, ADD or SUB of a float binary convolution and a constant."""
        if not is_tfl(op, "mul", "add", "sub"):
            return None
        scale: Any = op
        left, right = scale.operands
        if constant(left) is not None and not is_tfl(op, "sub"):
            left, right = right, left
        bconv: Any = producer(left)
        factor = constant(right)
        if not isinstance(bconv, BinaryConv) or factor is None:
            return None
        if bconv.output.type.element_type != F32:  # type: ignore[attr-defined]
            return None
        multiplier, bias = constant(bconv.multiplier), constant(bconv.bias)
        if multiplier is None or bias is None:
            return Refusal("the convolution has no constant multiplier and bias")
        per_channel = _per_channel(factor, len(multiplier))
        if per_channel is None or scale.results[0].type != bconv.output.type:
            return Refusal(
                f"its constant of shape {factor.shape} is not one value per channel",
                "keep scales constant over height and width",
            )
        if not bconv.output.has_one_use():
            return Refusal("the convolution's result has other readers, which need it unscaled")
        after = None if scale.activation == "none" else scale.activation
        if after is not None and after not in MNEMONICS:
            return Refusal(f"its fused activation {after} has no op of its own")
        # float64 between: one rounding instead of two.
        wide, wide_bias = multiplier.astype(np.float64), bias.astype(np.float64)
        if is_tfl(op, "mul"):
            wide, wide_bias = wide * per_channel, wide_bias * per_channel
        else:
            wide_bias = wide_bias + (per_channel if is_tfl(op, "add") else -per_channel)
        return _Match(bconv, wide.astype(np.float32), wide_bias.astype(np.float32), after)

    def rewrite(self, op: Any, match: _Match, rewriter: PatternRewriter) -> str:
        """Replace both ops by one convolution with new constants."""
        bconv = match.bconv
        multiplier = Const.of(match.multiplier, name_of(bconv.multiplier))
        bias = Const.of(match.bias, name_of(bconv.bias))
        multiplier.result.name_hint, bias.result.name_hint = "multiplier", "bias"
        own_name = bconv.tensor_name() if match.activation else op.tensor_name()
        fused = type(bconv).make(
            [bconv.input, bconv.filter, multiplier.result, bias.result, bconv.threshold],
            bconv.output.type,
            tensor_names(own_name),
            **bconv.options,
        )
        fused.output.name_hint = bconv.output.name_hint
        new_ops: list[Operation] = [multiplier, bias, fused]
        if match.activation:
            new_ops.append(
                make_tfl(match.activation, [fused.output], op.result_types, names=op.names)
            )
        rewriter.replace(op, new_ops)
        return f"{op.name} joined the binary convolution"


def _per_channel(values: NDArray, channels: int) -> NDArray[np.float64] | None:
    if values.dtype != np.float32 or values.ndim > 4:
        return None
    if values.size == 1:
        return np.full(channels, values.reshape(-1)[0], np.float64)
    if values.size != channels or values.shape[-1] != channels:
        return None
    return values.reshape(channels).astype(np.float64)
