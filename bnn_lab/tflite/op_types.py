"""How many operands a builtin op has, and whether its tensors' types and scales go together.

Of many ops LiteRT looks at one tensor's type alone and treats the others as if they had it: a
softmax into 64-bit integers leaves half of them unwritten, one into a resource ends the process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from bnn_lab.errors import ModelFileError

_ALL = None  # all operands


def _split(names: str) -> list[str]:
    return names.split()


_MANY = 1 << 16

# Builtin ops -> (fewest operands, most); those past the fewest may be absent.
OPERANDS = {
    **dict.fromkeys(
        _split(
            "ABS AVERAGE_POOL_2D CAST CEIL COS DEPTH_TO_SPACE DEQUANTIZE ELU EXP FLOOR GELU "
            "HARD_SWISH L2_NORMALIZATION L2_POOL_2D LEAKY_RELU LOCAL_RESPONSE_NORMALIZATION LOG "
            "LOGICAL_NOT LOGISTIC LOG_SOFTMAX MATRIX_DIAG MAX_POOL_2D NEG QUANTIZE RANK RELU RELU6 "
            "RELU_0_TO_1 RELU_N1_TO_1 ROUND RSQRT SHAPE SIGN SIN SOFTMAX SPACE_TO_DEPTH SQRT "
            "SQUARE SQUEEZE TANH UNIQUE UNPACK WHERE ZEROS_LIKE"
        ),
        (1, 1),
    ),
    **dict.fromkeys(
        _split(
            "ADD ARG_MAX ARG_MIN BATCH_MATMUL BROADCAST_ARGS BROADCAST_TO CUMSUM DIV "
            "EMBEDDING_LOOKUP EQUAL EXPAND_DIMS FILL FLOOR_DIV FLOOR_MOD GATHER GATHER_ND GREATER "
            "GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_OR MATRIX_SET_DIAG MAXIMUM MEAN "
            "MINIMUM MIRROR_PAD MUL NOT_EQUAL PAD POW PRELU REDUCE_ALL REDUCE_ANY REDUCE_MAX "
            "REDUCE_MIN REDUCE_PROD RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR REVERSE_SEQUENCE "
            "REVERSE_V2 SPLIT SQUARED_DIFFERENCE SUB SUM TILE TOPK_V2 TRANSPOSE"
        ),
        (2, 2),
    ),
    **dict.fromkeys(
        _split(
            # LiteRT dies of a depthwise convolution without a bias.
            "BATCH_TO_SPACE_ND DEPTHWISE_CONV_2D DYNAMIC_UPDATE_SLICE PADV2 RANGE SCATTER_ND "
            "SELECT SELECT_V2 SLICE SPACE_TO_BATCH_ND SPLIT_V"
        ),
        (3, 3),
    ),
    **dict.fromkeys(["ONE_HOT", "SPARSE_TO_DENSE", "STRIDED_SLICE"], (4, 4)),
    **dict.fromkeys(["CONV_2D", "CONV_3D", "FULLY_CONNECTED"], (2, 3)),
    **dict.fromkeys(["CONV_3D_TRANSPOSE", "TRANSPOSE_CONV"], (3, 4)),
    **dict.fromkeys(["ADD_N", "CONCATENATION", "PACK"], (1, _MANY)),
    "RESHAPE": (1, 2),
}
# Builtin ops -> the operands whose type their results have.
SAME_TYPE: dict[str, tuple[int, ...] | None] = {
    **dict.fromkeys(
        _split(
            # one number at a time
            "ABS CEIL COS ELU EXP FLOOR GELU HARD_SWISH LEAKY_RELU LOG LOGISTIC NEG RELU RELU6 "
            "RELU_0_TO_1 RELU_N1_TO_1 ROUND RSQRT SIGN SIN SQRT SQUARE TANH ZEROS_LIKE "
            # along an axis, or over windows
            "CUMSUM L2_NORMALIZATION LOCAL_RESPONSE_NORMALIZATION LOG_SOFTMAX MEAN REDUCE_MAX "
            "REDUCE_MIN REDUCE_PROD SOFTMAX SUM AVERAGE_POOL_2D L2_POOL_2D MAX_POOL_2D CONV_2D "
            "CONV_3D DEPTHWISE_CONV_2D FULLY_CONNECTED BATCH_MATMUL RESIZE_BILINEAR "
            "RESIZE_NEAREST_NEIGHBOR UNIDIRECTIONAL_SEQUENCE_LSTM "
            # from place to place
            "BATCH_TO_SPACE_ND BROADCAST_TO DEPTH_TO_SPACE EXPAND_DIMS GATHER GATHER_ND "
            "MATRIX_DIAG MIRROR_PAD PAD RESHAPE REVERSE_SEQUENCE REVERSE_V2 SLICE "
            "SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT_V SQUEEZE STRIDED_SLICE TILE TRANSPOSE UNPACK"
        ),
        (0,),
    ),
    **dict.fromkeys(
        _split(
            "ADD ADD_N CONCATENATION DIV FLOOR_DIV FLOOR_MOD MAXIMUM MINIMUM MUL PACK POW PRELU "
            "SQUARED_DIFFERENCE SUB"
        ),
        _ALL,
    ),
    **dict.fromkeys(["FILL", "SCATTER_ND", "SPLIT"], (1,)),
    **dict.fromkeys(["CONV_3D_TRANSPOSE", "TRANSPOSE_CONV"], (2,)),
    **dict.fromkeys(["SELECT", "SELECT_V2"], (1, 2)),
    "DYNAMIC_UPDATE_SLICE": (0, 1),
    "PADV2": (0, 2),
}
# Builtin ops -> the types that their results may have.
RESULT_TYPES = {
    **dict.fromkeys(
        _split(
            "EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL LOGICAL_AND LOGICAL_NOT LOGICAL_OR "
            "NOT_EQUAL REDUCE_ALL REDUCE_ANY"
        ),
        ("BOOL",),
    ),
    **dict.fromkeys(["ARG_MAX", "ARG_MIN"], ("INT32", "INT64")),
    "DEQUANTIZE": ("FLOAT32", "FLOAT16"),
    "QUANTIZE": ("INT8", "UINT8", "INT16", "INT32"),
}
# Those that rescale 8-bit numbers, for which each tensor needs one scale.
RESCALES = frozenset(
    _split(
        "ADD AVERAGE_POOL_2D CONV_2D DEPTHWISE_CONV_2D ELU FULLY_CONNECTED HARD_SWISH "
        "L2_NORMALIZATION LEAKY_RELU LOG_SOFTMAX LOGISTIC MUL PRELU QUANTIZE RELU RELU6 "
        "RELU_N1_TO_1 SOFTMAX SQUARED_DIFFERENCE SUB TANH TRANSPOSE_CONV"
    )
)
# Those that may hand on what is not a number.
_HANDS_ON = frozenset(
    _split("CALL CALL_ONCE DELEGATE HASHTABLE IF STABLEHLO_COMPOSITE VAR_HANDLE WHILE")
)
_HANDLES = ("RESOURCE", "VARIANT")
_QUANTIZED = ("INT4", "INT8", "UINT8", "INT16")  # mixed with each other by some ops
_SUMS_UP = ("BATCH_MATMUL", "FULLY_CONNECTED")  # also into INT32


class OpTensor(NamedTuple):
    """What is looked at of a tensor.

    Attributes:
        where: the tensor, for messages.
        type: TFLite's name.
        scales: how many.
    """

    where: str
    type: str
    scales: int


def check_types(
    name: str, operands: Sequence[OpTensor | None], results: Sequence[OpTensor], where: str
) -> None:
    """Reject a builtin op whose tensors LiteRT would mistake for others.

    Args:
        name: TFLite's name of the op.
        operands: None for an absent one.
        results: likewise, none absent.
        where: the op, for messages.

    Raises:
        ModelFileError: a result has another type than the op gives; a handle of a resource is
            written by an op that makes none; an 8-bit tensor of arithmetic has no scale or several.
    """
    for result in results:
        if result.type in _HANDLES and name not in _HANDS_ON:
            raise ModelFileError(f"{where} cannot write {result.where}, which is a {result.type}")
        if result.type not in RESULT_TYPES.get(name, (result.type,)):
            raise ModelFileError(
                f"{where} writes {' or '.join(RESULT_TYPES[name])}, but {result.where} is "
                f"{result.type}"
            )
    data: list[OpTensor] = []
    if name in SAME_TYPE:
        chosen = SAME_TYPE[name]
        positions = range(len(operands)) if chosen is None else chosen
        data = [found for p in positions if p < len(operands) and (found := operands[p])]
        for operand in data:
            for result in results:
                if not _same(name, operand.type, result.type):
                    raise ModelFileError(
                        f"{where} takes {operand.where}, which is {operand.type}, but writes "
                        f"{result.where}, which is {result.type}; they must be of one type"
                    )
    if name in RESCALES:
        for tensor in (*data, *results):
            if tensor.type in ("INT8", "UINT8") and tensor.scales != 1:
                raise ModelFileError(
                    f"{where} computes with {tensor.where} of {tensor.type}, which has "
                    f"{tensor.scales or 'no'} scales where it needs one"
                )


def _same(name: str, operand: str, result: str) -> bool:
    if operand in _QUANTIZED:
        return result in _QUANTIZED or (name in _SUMS_UP and result == "INT32")
    return operand == result
