"""Converter: Keras models with larq layers to binary `.tflite` models.

Stages: TensorFlow's own converter (`stock`), the file as IR (`ir`), the passes
(`pipeline`, `passes/`), and back to a file (`ir.exporter`).
"""

from __future__ import annotations

from bnn_lab.convert.exported import convert_tflite
from bnn_lab.convert.files import convert_saved_model, load_keras_model
from bnn_lab.convert.ir.exporter import export_model
from bnn_lab.convert.ir.importer import import_model
from bnn_lab.convert.ir.text import constants_of, exact_text, ir_text, parse_ir
from bnn_lab.convert.keras import ConversionTrace, convert_keras_model, explain, trace_keras_model
from bnn_lab.convert.layer_report import LayerReport, Report
from bnn_lab.convert.pipeline import PASSES, PassResult, make_pipeline, run_pipeline
from bnn_lab.convert.rewrite.base import Outcome
from bnn_lab.convert.stock import stock_tflite
from bnn_lab.convert.torch_modules import convert_torch_module, explain_torch_module

__all__ = [
    "PASSES",
    "ConversionTrace",
    "LayerReport",
    "Outcome",
    "PassResult",
    "Report",
    "constants_of",
    "convert_keras_model",
    "convert_saved_model",
    "convert_tflite",
    "convert_torch_module",
    "exact_text",
    "explain",
    "explain_torch_module",
    "export_model",
    "import_model",
    "ir_text",
    "load_keras_model",
    "make_pipeline",
    "parse_ir",
    "run_pipeline",
    "stock_tflite",
    "trace_keras_model",
]
