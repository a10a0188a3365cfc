"""The Larq Compute Engine's (LCE) Python interface on bnn_lab's converter and runtime.

    import bnn_lab.compat.larq_compute_engine as lce

    model_bytes = lce.convert_keras_model(model)
    lce.testing.Interpreter(model_bytes).predict(x)

Names, arguments and module paths are those of LCE 0.16, so that its examples run unchanged; what
differs stands in each function's documentation. `__version__` is bnn_lab's.
"""

from bnn_lab import __version__
from bnn_lab.compat.larq_compute_engine.mlir.python.converter import (
    convert_keras_model,
    convert_saved_model,
)
from bnn_lab.compat.larq_compute_engine.tflite.python import interpreter as testing

__all__ = ["__version__", "convert_keras_model", "convert_saved_model", "testing"]
