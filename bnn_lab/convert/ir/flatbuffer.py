"""`.tflite` files ⇄ IR: the two directions in one place."""

from __future__ import annotations

from bnn_lab.convert.ir.exporter import export_model
from bnn_lab.convert.ir.importer import import_model

__all__ = ["export_model", "import_model"]
