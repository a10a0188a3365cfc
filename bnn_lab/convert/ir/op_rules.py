"""What the passes may take for granted of the ops they look into; checked when a file is read."""

from __future__ import annotations

from typing import NamedTuple

from bnn_lab.convert.ir.options import Options
from bnn_lab.errors import ModelFileError


class _Rule(NamedTuple):
    fewest: int  # operands
    most: int
    table: str = ""  # options that must be present


_RULES = {
    "sign": _Rule(1, 1),
    "relu": _Rule(1, 1),
    "add": _Rule(2, 2, "AddOptions"),
    "mul": _Rule(2, 2, "MulOptions"),
    "sub": _Rule(2, 2, "SubOptions"),
    "pad": _Rule(2, 2),
    "padv2": _Rule(3, 3),
    "conv_2d": _Rule(2, 3, "Conv2DOptions"),
    "depthwise_conv_2d": _Rule(2, 3, "DepthwiseConv2DOptions"),
    "transpose_conv": _Rule(3, 4, "TransposeConvOptions"),
    "conv_3d": _Rule(2, 3, "Conv3DOptions"),
    "conv_3d_transpose": _Rule(3, 4, "Conv3DOptions"),
    "fully_connected": _Rule(2, 3, "FullyConnectedOptions"),
    "batch_matmul": _Rule(2, 2),
    "max_pool_2d": _Rule(1, 1, "Pool2DOptions"),
    "quantize": _Rule(1, 1),
    "dequantize": _Rule(1, 1),
    "round": _Rule(1, 1),
    "concatenation": _Rule(1, 1 << 16, "ConcatenationOptions"),
    "expand_dims": _Rule(2, 2),
    "squeeze": _Rule(1, 1),
    "reshape": _Rule(1, 2),
    "transpose": _Rule(2, 2),
    "split": _Rule(2, 2),
}
_POSITIVE = ("strideH", "strideW", "dilationHFactor", "dilationWFactor")


def check_builtin(
    mnemonic: str, operands: int, results: int, options: Options | None, where: str
) -> None:
    """Reject a builtin op that TFLite could not run either.

    Args:
        mnemonic: the op.
        operands: how many it has.
        results: how many it has.
        options: its builtin options.
        where: the op, for the message.

    Raises:
        ModelFileError: wrong operand count, missing options, a stride below 1, or an unknown enum.
    """
    rule = _RULES.get(mnemonic)
    if rule is None:
        return
    if not rule.fewest <= operands <= rule.most or not results:
        raise ModelFileError(
            f"{where} has {operands} inputs and {results} outputs; it needs {rule.fewest} to "
            f"{rule.most} inputs. The file is corrupt."
        )
    if rule.table and (options is None or options.table != rule.table):
        raise ModelFileError(f"{where} lacks its {rule.table}. The file is corrupt.")
    for name, value in options.fields if options is not None else ():
        if name in _POSITIVE and value < 1:
            raise ModelFileError(f"{where}: {name} = {value} must be at least 1")
        if options is not None and not options.is_known(name):
            raise ModelFileError(f"{where}: {name} = {value} is not a value of the format")
