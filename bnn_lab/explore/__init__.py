"""Pure functions from measured data to plotly figures."""

from bnn_lab.explore.latency import describe_latency, latency_figure
from bnn_lab.explore.training import describe_training, training_figure

__all__ = ["describe_latency", "describe_training", "latency_figure", "training_figure"]
