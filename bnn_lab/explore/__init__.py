"""Pure functions from data to plotly figures and short texts."""

from bnn_lab.explore.digits import digits_figure
from bnn_lab.explore.ir import op_counts, ops_between
from bnn_lab.explore.latency import describe_latency, latency_figure
from bnn_lab.explore.profile import describe_profile, profile_figure
from bnn_lab.explore.training import describe_training, training_figure

__all__ = [
    "describe_latency",
    "describe_profile",
    "describe_training",
    "digits_figure",
    "latency_figure",
    "op_counts",
    "ops_between",
    "profile_figure",
    "training_figure",
]
