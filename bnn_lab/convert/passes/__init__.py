"""The converter's passes: one rewrite a file, drawn in its docstring."""

from __future__ import annotations

from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.binarize_other_convs import BinarizeOtherConvs
from bnn_lab.convert.passes.cancel_dequantize import CancelDequantize
from bnn_lab.convert.passes.center_zero_one import CenterZeroOne
from bnn_lab.convert.passes.correct_zero_padding import CorrectZeroPadding
from bnn_lab.convert.passes.dense_to_conv import DenseToConv
from bnn_lab.convert.passes.emit_bits import EmitBits
from bnn_lab.convert.passes.emit_int8 import EmitInt8
from bnn_lab.convert.passes.explain_float_ops import ExplainFloatOps
from bnn_lab.convert.passes.fold_constants import FoldConstants
from bnn_lab.convert.passes.fold_one_padding import FoldOnePadding
from bnn_lab.convert.passes.fold_zero_padding import FoldZeroPadding
from bnn_lab.convert.passes.fuse_scale import FuseScale
from bnn_lab.convert.passes.lift_int8_convs import LiftInt8Convs
from bnn_lab.convert.passes.lift_int8_sign import LiftInt8Sign
from bnn_lab.convert.passes.merge_quantizes import MergeQuantizes
from bnn_lab.convert.passes.merge_reshapes import MergeReshapes
from bnn_lab.convert.passes.pack_filters import PackFilters
from bnn_lab.convert.passes.pad_after_reshape import PadAfterReshape
from bnn_lab.convert.passes.pad_groups import PadGroups
from bnn_lab.convert.passes.quantize_after_moves import QuantizeAfterMoves
from bnn_lab.convert.passes.quantize_before_concat import QuantizeBeforeConcat
from bnn_lab.convert.passes.quantize_before_layout import QuantizeBeforeLayout
from bnn_lab.convert.passes.quantize_before_pad import QuantizeBeforePad
from bnn_lab.convert.passes.quantize_before_pool import QuantizeBeforePool
from bnn_lab.convert.passes.quantize_from_int8 import QuantizeFromInt8
from bnn_lab.convert.passes.recognize_select import RecognizeSelect
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps
from bnn_lab.convert.passes.round_before_sign import RoundBeforeSign
from bnn_lab.convert.passes.scale_before_pool import ScaleBeforePool
from bnn_lab.convert.passes.shrink_filters import ShrinkFilters
from bnn_lab.convert.rewrite.base import Outcome, Pass, Refusal, Together

__all__ = [
    "BinarizeConv",
    "BinarizeOtherConvs",
    "CancelDequantize",
    "CenterZeroOne",
    "CorrectZeroPadding",
    "DenseToConv",
    "EmitBits",
    "EmitInt8",
    "ExplainFloatOps",
    "FoldConstants",
    "FoldOnePadding",
    "FoldZeroPadding",
    "FuseScale",
    "LiftInt8Convs",
    "LiftInt8Sign",
    "MergeQuantizes",
    "MergeReshapes",
    "Outcome",
    "PackFilters",
    "PadAfterReshape",
    "PadGroups",
    "Pass",
    "QuantizeAfterMoves",
    "QuantizeBeforeConcat",
    "QuantizeBeforeLayout",
    "QuantizeBeforePad",
    "QuantizeBeforePool",
    "QuantizeFromInt8",
    "RecognizeSelect",
    "RecognizeSign",
    "Refusal",
    "RemoveDeadOps",
    "RoundBeforeSign",
    "ScaleBeforePool",
    "ShrinkFilters",
    "Together",
]
