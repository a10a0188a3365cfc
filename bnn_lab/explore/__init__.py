"""Pure functions from data to plotly figures and short texts."""

from bnn_lab.explore.answers import answer_figure
from bnn_lab.explore.bop_explorer import BopState, bop_explorer_figure, describe_bop
from bnn_lab.explore.digits import digits_figure
from bnn_lab.explore.flip_monitor import describe_flip_monitor, flip_monitor_figure
from bnn_lab.explore.inertia import first_flips_figure, trajectory_figure
from bnn_lab.explore.inertia_explorer import (
    InertiaState,
    describe_inertia,
    inertia_explorer_figure,
)
from bnn_lab.explore.ir import op_counts, ops_between
from bnn_lab.explore.latency import describe_latency, latency_figure
from bnn_lab.explore.profile import describe_profile, profile_figure
from bnn_lab.explore.recordings import (
    flips_figure,
    intervals_figure,
    magnitudes_figure,
    never_flipped_figure,
    pressures_figure,
)
from bnn_lab.explore.training import describe_training, training_figure

__all__ = [
    "BopState",
    "InertiaState",
    "answer_figure",
    "bop_explorer_figure",
    "describe_bop",
    "describe_flip_monitor",
    "describe_inertia",
    "describe_latency",
    "describe_profile",
    "describe_training",
    "digits_figure",
    "first_flips_figure",
    "flip_monitor_figure",
    "flips_figure",
    "inertia_explorer_figure",
    "intervals_figure",
    "latency_figure",
    "magnitudes_figure",
    "never_flipped_figure",
    "op_counts",
    "ops_between",
    "pressures_figure",
    "profile_figure",
    "training_figure",
    "trajectory_figure",
]
