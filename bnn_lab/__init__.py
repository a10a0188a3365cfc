"""bnn_lab: binarized neural networks you can see.

Importing this package is cheap: TensorFlow and the compiled kernels load on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from bnn_lab._keras import choose_legacy_keras

choose_legacy_keras()

__version__ = "0.1.0"

if TYPE_CHECKING:
    from bnn_lab.bench.profile import profile
    from bnn_lab.convert import convert_keras_model, convert_saved_model, explain
    from bnn_lab.runtime import Interpreter, load_delegate

_LAZY = {
    "Interpreter": "bnn_lab.runtime",
    "load_delegate": "bnn_lab.runtime",
    "convert_keras_model": "bnn_lab.convert",
    "profile": "bnn_lab.bench.profile",
    "convert_saved_model": "bnn_lab.convert",
    "explain": "bnn_lab.convert",
}
_SUBMODULES = {"bench", "compat", "convert", "data", "errors", "explore", "kernels", "lab"}
_SUBMODULES |= {"course", "models", "reference", "runtime", "widgets"}

__all__ = [
    "Interpreter",
    "__version__",
    "convert_keras_model",
    "convert_saved_model",
    "explain",
    "load_delegate",
    "profile",
]


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(importlib.import_module(_LAZY[name]), name)
    if name in _SUBMODULES:
        return importlib.import_module(f"bnn_lab.{name}")
    raise AttributeError(f"module 'bnn_lab' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, *_SUBMODULES])
