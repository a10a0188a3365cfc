"""One name for the figure of any result."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

from bnn_lab.convert.layer_report import Report
from bnn_lab.errors import InputError
from bnn_lab.experiments.latency.base import Study
from bnn_lab.experiments.training.base import ExperimentResult
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.experiments import draw_experiment
from bnn_lab.figures.latency import draw_latency
from bnn_lab.figures.layer_report_figure import draw_report
from bnn_lab.figures.packed_sizes import PackedSizes, draw_packed_sizes
from bnn_lab.figures.profile_figure import draw_profile
from bnn_lab.figures.recordings import draw_recording
from bnn_lab.figures.studies import draw_study
from bnn_lab.figures.training import draw_training
from bnn_lab.measure.timing import TimingTable
from bnn_lab.profiling.model_profile import Profile
from bnn_lab.training.history import TrainingHistory
from bnn_lab.training.recording import Recording


@singledispatch
def draw(result: Any, **options: Any) -> Drawing:
    """Draw a result, whatever it is the result of.

    Args:
        result: a `Profile`, a `TimingTable`, a `TrainingHistory`, a `Recording`, a conversion's
            `Report`, a latency `Study`, an `ExperimentResult` of a training; or the state of an
            explorer that needs nothing more.
        options: options of the function that draws this type.

    Returns:
        A static figure and the same in words.

    Raises:
        InputError: there is no figure of this type.
    """
    known = ", ".join(sorted(kind.__name__ for kind in draw.registry if kind is not object))
    raise InputError(
        f"draw: there is no figure of a {type(result).__name__}. Fix: pass one of these: {known}"
    )


_DRAWN: dict[type, Callable[..., Drawing]] = {
    ExperimentResult: draw_experiment,
    PackedSizes: draw_packed_sizes,
    Profile: draw_profile,
    Recording: draw_recording,
    Report: draw_report,
    Study: draw_study,
    TimingTable: draw_latency,
    TrainingHistory: draw_training,
}
for _kind, _function in _DRAWN.items():
    draw.register(_kind, _function)
