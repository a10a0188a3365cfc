"""The converter's passes: one rewrite a file, drawn in its docstring."""

from __future__ import annotations

from bnn_lab.convert.passes.base import Outcome, Pass, Refusal
from bnn_lab.convert.passes.binarize_conv import BinarizeConv
from bnn_lab.convert.passes.cancel_dequantize import CancelDequantize
from bnn_lab.convert.passes.emit_bits import EmitBits
from bnn_lab.convert.passes.explain_float_ops import ExplainFloatOps
from bnn_lab.convert.passes.fold_one_padding import FoldOnePadding
from bnn_lab.convert.passes.fold_zero_padding import FoldZeroPadding
from bnn_lab.convert.passes.fuse_scale import FuseScale
from bnn_lab.convert.passes.pack_filters import PackFilters
from bnn_lab.convert.passes.quantize_before_pool import QuantizeBeforePool
from bnn_lab.convert.passes.recognize_sign import RecognizeSign
from bnn_lab.convert.passes.remove_dead_ops import RemoveDeadOps

__all__ = [
    "BinarizeConv",
    "CancelDequantize",
    "EmitBits",
    "ExplainFloatOps",
    "FoldOnePadding",
    "FoldZeroPadding",
    "FuseScale",
    "Outcome",
    "PackFilters",
    "Pass",
    "QuantizeBeforePool",
    "RecognizeSign",
    "Refusal",
    "RemoveDeadOps",
]
