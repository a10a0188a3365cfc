"""One name for the figure of any result."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

from bnn_lab.convert.report import Report
from bnn_lab.errors import InputError
from bnn_lab.experiments.latency.base import Study
from bnn_lab.experiments.training.base import ExperimentResult
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.experiments import draw_experiment
from bnn_lab.figures.profile import draw_profile
from bnn_lab.figures.quicknet_designer import draw_design
from bnn_lab.figures.report import draw_report
from bnn_lab.figures.studies import draw_study
from bnn_lab.lessons.designer import Design
from bnn_lab.profiling.profile import Profile


@singledispatch
def draw(result: Any, **options: Any) -> Drawing:
    """Draw a result, whatever it is the result of.

    Args:
        result: a `Profile`, a conversion's `Report`, a latency `Study`, an `ExperimentResult`, or
            a `Design`.
        options: of the function that draws this type.

    Returns:
        A static figure and the same in words.

    Raises:
        InputError: results of this type have no figure.
    """
    known = ", ".join(sorted(kind.__name__ for kind in draw.registry if kind is not object))
    raise InputError(f"draw: no figure is made of a {type(result).__name__}; there are: {known}.")


draw.register(Design, draw_design)
draw.register(ExperimentResult, draw_experiment)
draw.register(Profile, draw_profile)
draw.register(Report, draw_report)
draw.register(Study, draw_study)
