"""Widgets of the lessons: thin wiring of `bnn_lab.explore` to ipywidgets and plotly.

Each has a `static()` figure for documents without a running kernel.
"""

from bnn_lab.widgets.base import Explorer
from bnn_lab.widgets.bitpack_stepper import BitpackStepper
from bnn_lab.widgets.bop_explorer import BopExplorer
from bnn_lab.widgets.flip_monitor import FlipMonitor
from bnn_lab.widgets.inertia_explorer import InertiaExplorer
from bnn_lab.widgets.kernel_ladder import KernelLadder
from bnn_lab.widgets.op_profile import OpProfile
from bnn_lab.widgets.pass_viewer import PassViewer
from bnn_lab.widgets.prediction import Prediction
from bnn_lab.widgets.quicknet_designer import QuickNetDesigner
from bnn_lab.widgets.roofline import Roofline

__all__ = [
    "BitpackStepper",
    "BopExplorer",
    "Explorer",
    "FlipMonitor",
    "InertiaExplorer",
    "KernelLadder",
    "OpProfile",
    "PassViewer",
    "Prediction",
    "QuickNetDesigner",
    "Roofline",
]
