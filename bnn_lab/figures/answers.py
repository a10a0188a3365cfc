"""A student's result beside the expected one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing


def draw_answer(paths: Mapping[str, NDArray[np.float64] | None], quantity: str) -> Drawing:
    """Two lines that lie on each other when the answer is right.

    Args:
        paths: ``expected`` and ``yours`` (None if there is nothing to draw yet), float64 (steps,),
            as from `bnn_lab.lessons.checks.latent_paths`.
        quantity: name of the vertical axis.

    Returns:
        A static figure, and one sentence.
    """
    figure = go.Figure()
    expected, yours = paths["expected"], paths["yours"]
    figure.add_scatter(
        y=expected,
        mode="lines",
        name="expected",
        line={"color": theme.GREEN, "width": 7},
        opacity=0.5,
    )
    if yours is None or expected is None:
        title = words = "Nothing of yours to draw yet"
    else:
        same = np.allclose(yours, expected)
        title = "Yours is on the expected line ✓" if same else "Yours leaves the expected line"
        words = f"Two lines of the {quantity} over {len(expected) - 1} steps: "
        words += "yours is on the expected one." if same else _parting(yours, expected)
        figure.add_scatter(
            y=yours,
            mode="lines",
            name="yours",
            line={"color": theme.VERMILION, "width": 2, "dash": "dash"},
        )
    figure.update_layout(**theme.layout(title), height=260, margin={"t": 50, "b": 50, "r": 110})
    figure.update_layout(showlegend=True, legend={"x": 1.01, "y": 1})
    figure.update_xaxes(theme.axis("step"))
    figure.update_yaxes(theme.axis(quantity))
    return Drawing(figure, words)


def _parting(yours: NDArray[np.float64], expected: NDArray[np.float64]) -> str:
    step = int(np.flatnonzero(~np.isclose(yours, expected))[0])
    return (
        f"yours leaves the expected one at step {step}, with {yours[step]:.3g} in place of "
        f"{expected[step]:.3g}."
    )
