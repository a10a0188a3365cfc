"""Real values of int8 and int32 constants."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from xdsl.ir import Operation, SSAValue

from bnn_lab.convert.ir.attributes import quant_of
from bnn_lab.convert.ir.tfl_dialect import CALIBRATED, constant


def dequantized(value: SSAValue) -> NDArray[np.float32] | None:
    """What a quantized constant stands for.

    Args:
        value: an int8 or int32 constant with affine quantization, per tensor or per axis.

    Returns:
        float32 of the same shape, None if it is not such a constant.
    """
    data, quant = constant(value), quant_of(value.type)
    if data is None or quant is None or data.dtype not in (np.int8, np.int32):
        return None
    scale, zero = np.array(quant.scale, np.float64), np.array(quant.zero_point or 0, np.float64)
    if len(quant.scale) > 1:
        if not quant.axis < data.ndim or data.shape[quant.axis] != len(scale):
            return None
        shape = [1] * data.ndim
        shape[quant.axis] = -1
        scale = scale.reshape(shape)
        zero = zero.reshape(shape) if zero.size > 1 else zero
    elif not len(quant.scale):
        return None
    return ((data.astype(np.float64) - zero) * scale).astype(np.float32)


def is_int8(value: SSAValue) -> bool:
    """Whether a value is int8 with one scale for the whole tensor."""
    quant = quant_of(value.type)
    element = str(value.type.element_type)  # type: ignore[attr-defined]
    return element == "i8" and quant is not None and len(quant.scale) == 1


def is_calibrated(op: Operation) -> bool:
    """Whether int8 ranges come from calibration after training.

    Rounding to int8 is then an approximation of the Keras model. Otherwise (fake quantization, a
    file of unknown origin) it is part of what the model computes.
    """
    module: Any = op
    while module.parent_op() is not None:
        module = module.parent_op()
    return CALIBRATED in module.attributes
