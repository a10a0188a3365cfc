"""Figures of what a student's own function returns, one for each assignment."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from plotly.subplots import make_subplots

from bnn_lab.data import load_digits
from bnn_lab.errors import InputError
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing

_RED, _PALE, _BLUE = "rgb(213, 94, 0)", "rgb(242, 242, 242)", "rgb(0, 114, 178)"  # of the theme
_TWO = [[0.0, _RED], [1.0, _BLUE]]
_HEIGHT = 340


def draw_signs(signs: ArrayLike) -> Drawing:
    """Binary weights over time: a row for each weight, a column for each step.

    Args:
        signs: ±1, shape (steps + 1, weights).

    Returns:
        A figure, and the number of flips in a sentence.

    Raises:
        InputError: not two axes, or a value that is not ±1.
    """
    values = np.asarray(signs)
    if values.ndim != 2 or not np.isin(values, (-1, 1)).all():
        raise InputError(
            f"draw_signs: ±1 of shape (steps + 1, weights) are wanted, not shape {values.shape}."
        )
    flips = int((values[1:] != values[:-1]).sum())
    negative = (values < 0).mean(axis=1)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, row_heights=[0.7, 0.3])
    figure.add_heatmap(
        z=values.T,
        zmin=-1,
        zmax=1,
        colorscale=_TWO,
        showscale=False,
        hovertemplate="step %{x}, weight %{y}: %{z:+d}<extra></extra>",
        row=1,
        col=1,
    )
    figure.add_scatter(
        y=100 * negative,
        line={"color": theme.VERMILION},
        hovertemplate="step %{x}: %{y:.0f} % are -1<extra></extra>",
        row=2,
        col=1,
    )
    figure.update_layout(
        **theme.layout(f"{values.shape[1]} weights, {flips} flips: blue is +1, red is -1"),
        height=_HEIGHT,
        margin={"l": 60, "r": 20, "t": 50, "b": 50},
    )
    figure.update_yaxes(theme.axis("weight"), row=1, col=1)
    figure.update_yaxes(theme.axis("-1, %", range=[-5, 105]), row=2, col=1)
    figure.update_xaxes(theme.axis("step"), row=2, col=1)
    words = (
        f"{values.shape[1]} weights over {len(values) - 1} steps: {flips} flips. At the end "
        f"{negative[-1]:.0%} of them are -1, half-way {negative[len(values) // 2]:.0%}."
    )
    return Drawing(figure, words)


Convolution = Callable[[NDArray[np.int64], NDArray[np.int64]], Any]


def draw_binary_convolution(convolution: Convolution, digit: int = 3) -> Drawing:
    """A digit, its signs, and what a binary convolution makes of them.

    The filter is +1 in its upper row, -1 in its lower row: it looks for bright above dark. Its
    middle row is +1, -1, +1, because a bit has no zero.

    Args:
        convolution: ``convolution(image, filters)`` for ±1 arrays (8, 8, 1) and (1, 3, 3, 1)
            returns integers (8, 8, 1).
        digit: which one, 0 to 9.

    Returns:
        A figure, and the largest output in a sentence.

    Raises:
        InputError: the convolution returns another shape.
    """
    digits = load_digits()
    grey = digits.test_images[np.flatnonzero(digits.test_labels == digit)[0], ..., 0]
    signs = np.where(grey < 0, -1, 1)
    pattern = np.array([[1, 1, 1], [1, -1, 1], [-1, -1, -1]])
    output = np.asarray(convolution(signs[..., None], pattern[None, ..., None]))
    if output.shape != (*signs.shape, 1):
        raise InputError(
            f"draw_binary_convolution: an output of shape {(*signs.shape, 1)} is wanted, not "
            f"{output.shape}."
        )
    found = output[..., 0]
    panels = (("the digit", grey), ("its signs", signs), ("filter", pattern), ("output", found))
    figure = make_subplots(rows=1, cols=4, subplot_titles=[name for name, _ in panels])
    for column, (_, values) in enumerate(panels, start=1):
        limit = float(np.abs(values).max())
        grey_scale = column <= 2
        figure.add_heatmap(
            z=values,
            zmin=-limit,
            zmax=limit,
            colorscale="gray" if grey_scale else [[0, _RED], [0.5, _PALE], [1, _BLUE]],
            showscale=False,
            texttemplate="%{z:.0f}" if column > 2 else "",
            textfont={"size": 11},
            hovertemplate="row %{y}, column %{x}: %{z}<extra></extra>",
            row=1,
            col=column,
        )  # fmt: skip
        anchor = "x" if column == 1 else f"x{column}"
        figure.update_yaxes(scaleanchor=anchor, row=1, col=column)
    figure.update_xaxes(visible=False, constrain="domain")
    figure.update_yaxes(visible=False, autorange="reversed", constrain="domain")
    figure.update_layout(**theme.layout(""), height=280, margin={"l": 0, "r": 0, "t": 40, "b": 10})
    row, place = np.unravel_index(found.argmax(), found.shape)
    words = (
        f"A handwritten {digit}, its signs, a 3×3 filter and your output. The filter fits best at "
        f"row {row}, column {place}: {found.max()} of at most 9."
    )
    return Drawing(figure, words)


def draw_threshold(t: float, K: int, gamma: float, beta: float, mean: float, std: float) -> Drawing:
    """A normalized accumulator over the popcount, and where a threshold says that it is negative.

    Args:
        t: the threshold: negative is said for popcounts above it.
        K: number of products.
        gamma: scale of the batch normalization.
        beta: its offset.
        mean: its mean.
        std: its standard deviation.

    Returns:
        A figure, and in a sentence at how many popcounts the threshold is right.
    """
    counts = np.arange(K + 1)
    normalized = gamma * (K - 2 * counts - mean) / std + beta
    said, is_so = counts > float(t), normalized < 0
    right = said == is_so
    figure = go.Figure()
    figure.add_vrect(
        x0=float(t) + 0.5, x1=K + 0.5, fillcolor=theme.VERMILION, opacity=0.15, line_width=0
    )
    figure.add_hline(y=0, line={"color": theme.TEXT, "width": 1})
    for agrees, symbol in ((True, "circle"), (False, "x")):
        for negative, color in ((False, theme.BLUE), (True, theme.VERMILION)):
            rows = (right == agrees) & (is_so == negative)
            figure.add_scatter(
                x=counts[rows],
                y=normalized[rows],
                mode="markers",
                marker={"color": color, "size": 8, "symbol": symbol},
                hovertemplate="popcount %{x}: normalized %{y:.2f}<extra></extra>",
            )
    figure.update_layout(
        **theme.layout(f"Shaded: your threshold, p > {float(t):g}, says negative"),
        height=_HEIGHT,
        margin={"l": 60, "r": 20, "t": 50, "b": 50},
    )
    figure.update_xaxes(theme.axis("popcount p"))
    figure.update_yaxes(theme.axis("normalized value"))
    words = (
        f"The normalized value falls as the popcount grows. Your threshold {float(t):g} says "
        f"the right sign at {int(right.sum())} of {K + 1} popcounts."
    )
    return Drawing(figure, words)


def draw_budget(table: Any, budget_ms: float) -> Drawing:
    """Where the time of a network goes, op by op, against a budget.

    Args:
        table: of `CostModel.predict_file`: a row for each op, with ``kind``, ``shape``, ``ms`` and
            ``binary``.
        budget_ms: the time that it may take.

    Returns:
        A figure, and its sums in a sentence.
    """
    figure, start = go.Figure(), 0.0
    for name, binary, color in (
        ("binary ops", True, theme.VERMILION),
        ("float ops", False, theme.BLUE),
    ):
        rows = table.binary.to_numpy(bool) == binary
        ends = np.cumsum(table.ms.to_numpy(float))
        figure.add_bar(
            name=name,
            orientation="h",
            y=["your design"] * int(rows.sum()),
            x=table.ms[rows],
            base=(ends - table.ms.to_numpy(float))[rows],
            marker={"color": color, "line": {"width": 1, "color": "white"}},
            customdata=np.stack([table.kind[rows], table["shape"][rows].astype(str)], axis=-1),
            hovertemplate="%{customdata[0]} %{customdata[1]}<br>%{x:.3f} ms<extra></extra>",
        )
        start = float(ends[-1])
    figure.add_vline(
        x=budget_ms,
        line={"color": theme.GREEN, "width": 3},
        annotation_position="top left",
        annotation={"text": f"budget, {budget_ms:g} ms", "font": {"color": theme.GREEN}},
    )
    figure.update_layout(
        **theme.layout("Each op, from the image at the left to the classes", showlegend=True),
        barmode="overlay",
        height=230,
        legend={"orientation": "h", "y": -0.45, "x": 0},
        margin={"l": 90, "r": 20, "t": 60, "b": 80},
    )
    figure.update_xaxes(theme.axis("predicted time, ms", range=[0, 1.1 * max(start, budget_ms)]))
    figure.update_yaxes(theme.axis(""))
    float_ms = float(table.ms[~table.binary.to_numpy(bool)].sum())
    words = (
        f"Your design takes {start:.2f} ms of {budget_ms:g} ms, {float_ms / start:.0%} of it in "
        "float ops."
    )
    return Drawing(figure, words)
