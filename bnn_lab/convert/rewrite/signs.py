"""The ops that a step becomes: bits, and the ±1 values that they stand for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue

from bnn_lab.convert.ir.attributes import F32, quant_of, tensor_type
from bnn_lab.convert.ir.lq_dialect import Dequantize
from bnn_lab.convert.ir.options import Options, OptionsAttr
from bnn_lab.convert.ir.tfl_dialect import Const, make_tfl, tensor_names
from bnn_lab.convert.rewrite.base import Refusal
from bnn_lab.convert.rewrite.build import quantize_of, reshape_ops, shape_of
from bnn_lab.convert.rewrite.steps import Step, has_two_values, is_bool, previous_float

_SMALLEST = np.float32(2.0**-100)  # |t| from here on: x - t is never subnormal
_LARGER = np.float32(2.0**64)  # makes any difference of two floats a normal one


def bit_refusal(step: Step) -> Refusal | None:
    """Why bits of the source cannot stand for a step."""
    shape = shape_of(step.source)
    if not shape:
        return Refusal("its input is a scalar, which has no channels to pack")
    if shape[-1] < 0:
        return Refusal("its number of channels is dynamic", "fix the input's shape")
    return None


def signs_of(step: Step, shape: tuple[int, ...], name: str) -> tuple[list[Operation], SSAValue]:
    """New ops that give -1 where a step is low and +1 where it is high, and their result.

    Args:
        step: its source has fixed channels, see `bit_refusal`.
        shape: of the result.
        name: tensor name of the result.
    """
    new_ops: list[Operation] = []
    value = step.source
    if not step.is_source:
        new_ops = _sign_ops(step, name)
        value = new_ops[-1].results[0]
    if shape_of(value) != shape:
        new_ops += reshape_ops(value, tensor_type(F32, shape), f"{name}/shaped")
        value = new_ops[-1].results[0]
    return new_ops, value


def _sign_ops(step: Step, name: str) -> list[Operation]:
    """Ops that give -1 where a step is low and +1 where it is high.

    lq.Quantize sets a bit where a number is below zero. That is x - t for a step that rises at t.
    One that falls there is low for x >= t, which is p - x < 0 with the float p before t.
    The last op is an lq.Dequantize, of the source's shape.
    """
    new_ops: list[Operation] = []
    value = step.source
    factor, shift = _affine(step)
    plain = not np.any(shift) and np.all(factor == 1)
    if is_bool(value) and not step.fixed.any() and len(np.unique(step.rising)) == 1:
        if not step.rising.all():
            value = _append(new_ops, "logical_not", [value], value.type, f"{name}/not")
    elif not plain:
        value = _as_float(value, new_ops, name)
        for mnemonic, table, data, suffix in (
            ("mul", "MulOptions", factor, "negated"),
            ("add", "AddOptions", shift, "shifted"),
        ):
            if np.all(data == (1 if mnemonic == "mul" else 0)):
                continue
            term = Const.of(_short(data), f"{name}/{suffix}/constant")
            new_ops.append(term)
            operands = [value, term.result]
            value = _append(new_ops, mnemonic, operands, value.type, f"{name}/{suffix}", table)
            value.name_hint = suffix
    quantize = quantize_of(value)
    quantize.names = tensor_names(f"{name}/bits")
    dequantize = Dequantize.make(
        [quantize.output], tensor_type(F32, shape_of(step.source)), tensor_names(name)
    )
    return [*new_ops, quantize, dequantize]


def _affine(step: Step) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Factor and shift of the source that give a number below zero where the step is low."""
    one, rising, t = np.float32(1), step.rising, step.threshold
    factor = np.where(rising, one, -one)
    if is_bool(step.source):
        shift = -factor / 2
    elif has_two_values(step.source):
        shift = np.zeros_like(factor)
    else:
        shift = np.where(rising, -t, previous_float(t))
    # What is always on one side needs no number of the source, unless it says so by itself.
    always = step.fixed & (np.isneginf(t) | has_two_values(step.source) | ~rising)
    factor, shift = np.where(always, np.float32(0), factor), np.where(always, factor, shift)
    tiny = (shift != 0) & (np.abs(shift) < _SMALLEST)
    size = np.where(tiny, _LARGER, one)
    return factor * size, shift * size


def _as_float(value: SSAValue, new_ops: list[Operation], name: str) -> SSAValue:
    """The numbers that int8 or truth values stand for."""
    floats = tensor_type(F32, shape_of(value))
    if quant_of(value.type) is not None:
        return _append(new_ops, "dequantize", [value], floats, f"{name}/real")
    if is_bool(value):
        return _append(new_ops, "cast", [value], floats, f"{name}/real", "CastOptions")
    return value


def _append(
    new_ops: list[Operation],
    mnemonic: str,
    operands: list[SSAValue],
    type_: object,
    name: str,
    table: str = "",
) -> SSAValue:
    options = OptionsAttr(Options.make(table)) if table else None
    new_ops.append(make_tfl(mnemonic, operands, [type_], options, tensor_names(name)))  # type: ignore[list-item]
    return new_ops[-1].results[0]


def _short(data: NDArray[np.float32]) -> NDArray[np.float32]:
    """One number, if all are equal."""
    first = data.reshape(-1)[0]
    return np.array(first) if np.all(data == first) else data


def ops_in_front(step: Step) -> int:
    """How many ops prepare the source for its bits."""
    factor, shift = _affine(step)
    return int(bool(np.any(factor != 1))) + int(bool(np.any(shift)))


def describe_step(step: Step) -> str:
    """Where a step is low, in short."""
    low, high = float(step.threshold.min()), float(step.threshold.max())
    shown = f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
    signs = {True: "<", False: ">="}
    sides = {signs[bool(rising)] for rising in step.rising.reshape(-1)}
    return f"x {' or '.join(sorted(sides))} {shown}"
