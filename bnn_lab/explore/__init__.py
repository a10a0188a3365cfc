"""Pure functions from data to plotly figures and short texts."""

from bnn_lab.explore.answers import answer_figure
from bnn_lab.explore.bitpack_stepper import (
    Scene,
    StepperState,
    describe_stepper,
    stepper_figure,
)
from bnn_lab.explore.bop_explorer import BopState, bop_explorer_figure, describe_bop
from bnn_lab.explore.digits import digits_figure
from bnn_lab.explore.flip_monitor import describe_flip_monitor, flip_monitor_figure
from bnn_lab.explore.inertia import first_flips_figure, trajectory_figure
from bnn_lab.explore.inertia_explorer import (
    InertiaState,
    describe_inertia,
    inertia_explorer_figure,
)
from bnn_lab.explore.ir import graph_ops, op_counts, ops_between
from bnn_lab.explore.kernel_ladder import LadderState, describe_ladder, ladder_figure
from bnn_lab.explore.latency import describe_latency, latency_figure
from bnn_lab.explore.op_profile import ProfileState, describe_op_profile, op_profile_figure
from bnn_lab.explore.pass_viewer import describe_pass, pass_html, pass_markdown, pass_views
from bnn_lab.explore.profile import describe_profile, profile_figure
from bnn_lab.explore.recordings import (
    flips_figure,
    intervals_figure,
    magnitudes_figure,
    never_flipped_figure,
    pressures_figure,
)
from bnn_lab.explore.roofline import RooflineState, describe_roofline, roofline_figure
from bnn_lab.explore.training import describe_training, training_figure

__all__ = [
    "BopState",
    "InertiaState",
    "LadderState",
    "ProfileState",
    "RooflineState",
    "Scene",
    "StepperState",
    "answer_figure",
    "bop_explorer_figure",
    "describe_bop",
    "describe_flip_monitor",
    "describe_inertia",
    "describe_ladder",
    "describe_latency",
    "describe_op_profile",
    "describe_pass",
    "describe_profile",
    "describe_roofline",
    "describe_stepper",
    "describe_training",
    "digits_figure",
    "first_flips_figure",
    "flip_monitor_figure",
    "flips_figure",
    "graph_ops",
    "inertia_explorer_figure",
    "intervals_figure",
    "ladder_figure",
    "latency_figure",
    "magnitudes_figure",
    "never_flipped_figure",
    "op_counts",
    "op_profile_figure",
    "ops_between",
    "pass_html",
    "pass_markdown",
    "pass_views",
    "pressures_figure",
    "profile_figure",
    "roofline_figure",
    "stepper_figure",
    "training_figure",
    "trajectory_figure",
]
