"""Whether an op's result has the shape and type that its operands give; checked on import.

Passes compute with shapes. In a corrupt file they contradict each other, which is said here, at
the op, instead of in the middle of a rewrite.
"""

from __future__ import annotations

from math import prod
from typing import Any

from xdsl.dialects.builtin import TensorType
from xdsl.ir import Operation, SSAValue

from bnn_lab.convert.ir.lq_dialect import (
    Bconv2d,
    BinaryConv,
    BMaxPool2d,
    Depthwise2d,
    Dequantize,
    Quantize,
    TernaryDense,
    Transpose2d,
)
from bnn_lab.convert.ir.tfl_dialect import TflOp, constant, is_absent
from bnn_lab.errors import ModelFileError
from bnn_lab.reference import window_axis, word_count

Shape = tuple[int, ...]

_SAME_SHAPE = ("sign", "relu", "relu6", "relu_n1_to_1", "quantize", "dequantize", "round", "abs")


def check_shapes(op: Operation, where: str) -> None:
    """Reject an op whose result's shape is not what its operands give.

    Args:
        op: a new op; those of other kinds, or of unknown or dynamic shape, are not looked at.
        where: the op, for the message.

    Raises:
        ModelFileError: the shapes contradict each other.
    """
    values = [*op.operands, *op.results]
    shapes = [_shape(value) for value in values if not is_absent(value)]
    if any(shape is None or min(shape, default=0) < 0 for shape in shapes):
        return
    operands = [_shape(value) or () for value in op.operands]
    try:
        want = _expected(op, operands)
    except (IndexError, ZeroDivisionError, ValueError) as error:
        raise ModelFileError(
            f"{where}: operands of the shapes {operands} do not fit it. The file is corrupt."
        ) from error
    got = _shape(op.results[0]) if op.results else None
    if want is not None and want != got:
        raise ModelFileError(
            f"{where}: operands of the shapes {operands} give {want}, but its result has the "
            f"shape {got}. The file is corrupt."
        )


def _shape(value: SSAValue) -> Shape | None:
    return tuple(value.type.get_shape()) if isinstance(value.type, TensorType) else None


def _expected(op: Any, shapes: list[Shape]) -> Shape | None:
    """Shape of the first result, None if unknown here; raises where nothing fits."""
    if isinstance(op, Quantize):
        return (*shapes[0][:-1], word_count(shapes[0][-1]))
    if isinstance(op, Dequantize):
        result = _shape(op.output) or ()
        _require(word_count(result[-1]) == shapes[0][-1])
        return (*shapes[0][:-1], result[-1])
    if isinstance(op, BinaryConv):
        return _binary_conv(op, shapes)
    if isinstance(op, TernaryDense):
        channels, filters = op.option("channels_in"), shapes[1]
        _require(shapes[0][-1] == channels and shapes[2] == (1,))
        _require(len(filters) == 2 and filters[1] == -(-channels // op.option("trits_per_byte")))
        return (*shapes[0][:-1], filters[0])
    if isinstance(op, BMaxPool2d):
        kernel = op.option("filter_height"), op.option("filter_width")
        stride = op.option("stride_height"), op.option("stride_width")
        return _image(shapes[0], kernel, stride, (1, 1), op.option("padding"), shapes[0][3])
    return _builtin(op, shapes) if isinstance(op, TflOp) else None


def _builtin(op: TflOp, shapes: list[Shape]) -> Shape | None:
    name = op.MNEMONIC
    if name in _SAME_SHAPE:
        return shapes[0]
    if name in ("conv_2d", "depthwise_conv_2d"):
        filters = shapes[1]
        _require(len(shapes[0]) == len(filters) == 4)
        stride = op.option("strideH"), op.option("strideW")
        dilation = op.option("dilationHFactor"), op.option("dilationWFactor")
        channels = filters[0 if name == "conv_2d" else 3]
        return _image(shapes[0], filters[1:3], stride, dilation, op.choice("padding"), channels)
    if name == "max_pool_2d":
        _require(len(shapes[0]) == 4)
        kernel = op.option("filterHeight"), op.option("filterWidth")
        stride = op.option("strideH"), op.option("strideW")
        return _image(shapes[0], kernel, stride, (1, 1), op.choice("padding"), shapes[0][3])
    if name == "fully_connected":
        outputs, depth = shapes[1]
        result = _shape(op.results[0]) or ()
        _require(prod(shapes[0]) % depth == 0 and result[-1] == outputs)
        _require(prod(result) * depth == prod(shapes[0]) * outputs)
        return None
    if name == "transpose_conv":
        result = _shape(op.results[0]) or ()
        _require(len(shapes[1]) == len(shapes[2]) == len(result) == 4)
        _require(result[3] == shapes[1][0] and shapes[1][3] == shapes[2][3])
        return None
    if name in ("reshape", "expand_dims", "squeeze"):
        _require(prod(_shape(op.results[0]) or ()) == prod(shapes[0]))
        return None
    if name in ("pad", "padv2"):
        widths = constant(op.operands[1])
        if widths is None:
            return None
        _require(widths.shape == (len(shapes[0]), 2) and widths.min(initial=0) >= 0)
        return tuple(int(s + sum(w)) for s, w in zip(shapes[0], widths, strict=True))
    if name == "concatenation":
        axis, rank = op.option("axis"), len(shapes[0])
        _require(-rank <= axis < rank and all(len(shape) == rank for shape in shapes))
        total = sum(shape[axis] for shape in shapes)
        return tuple(total if i == axis % rank else size for i, size in enumerate(shapes[0]))
    if name in ("add", "sub", "mul"):
        return _broadcast(shapes[0], shapes[1])
    return None


def _binary_conv(op: BinaryConv, shapes: list[Shape]) -> Shape:
    source, filters = shapes[0], shapes[1]
    _require(len(source) == len(filters) == 4 and source[3] == word_count(op.option("channels_in")))
    stride = op.option("stride_height"), op.option("stride_width")
    if isinstance(op, Transpose2d):
        size = op.option("output_height"), op.option("output_width")
        channels = filters[0]
        shape: Shape = (source[0], *size, channels)
    else:
        channels = filters[0]
        if isinstance(op, Depthwise2d):
            channels = op.option("channels_in") * op.option("depth_multiplier")
            _require(filters[3] == word_count(channels))
        elif isinstance(op, Bconv2d):
            _require(filters[3] > 0 and source[3] % filters[3] == 0)
        dilation = op.option("dilation_height_factor"), op.option("dilation_width_factor")
        shape = _image(source, filters[1:3], stride, dilation, op.option("padding"), channels)
    for operand in shapes[2:]:
        _require(not operand or operand == (channels,))
    bits = is_absent(op.multiplier) and not is_absent(op.threshold)
    return (*shape[:3], word_count(channels)) if bits else shape


def _image(
    source: Shape,
    kernel: Shape,
    stride: Shape,
    dilation: Shape,
    padding: str,
    channels: int,
) -> Shape:
    _require(min(*kernel, *stride, *dilation, *source[1:3]) > 0)
    sizes = [
        window_axis(source[axis + 1], kernel[axis], stride[axis], dilation[axis], padding).out  # type: ignore[arg-type]
        for axis in (0, 1)
    ]
    _require(min(sizes) > 0)
    return (source[0], *sizes, channels)


def _broadcast(left: Shape, right: Shape) -> Shape:
    rank = max(len(left), len(right))
    pairs = zip((1,) * (rank - len(left)) + left, (1,) * (rank - len(right)) + right, strict=True)
    sizes = []
    for a, b in pairs:
        _require(a == b or 1 in (a, b))
        sizes.append(b if a == 1 else a)
    return tuple(sizes)


def _require(fits: bool) -> None:
    if not fits:
        raise ValueError("shapes contradict each other")
