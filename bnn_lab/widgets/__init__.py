"""Widgets of the lessons: thin wiring of `bnn_lab.explore` to ipywidgets and plotly.

Each has a `static()` figure for documents without a running kernel.
"""

from bnn_lab.widgets.base import Explorer
from bnn_lab.widgets.prediction import Prediction
from bnn_lab.widgets.quicknet_designer import QuickNetDesigner

__all__ = ["Explorer", "Prediction", "QuickNetDesigner"]
