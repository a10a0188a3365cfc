"""Widgets of the lessons: thin wiring of `bnn_lab.figures` to ipywidgets and plotly.

Each has a `static()` figure for documents without a running kernel. They are listed in
``__init__.pyi``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
