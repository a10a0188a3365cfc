"""Accuracy and time of the network with and without shortcuts and float ends."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bnn_lab.errors import InputError
from bnn_lab.figures import theme
from bnn_lab.figures.controls_in_figure import NONE, add_controls, choice
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.study_parts import LEGEND, MARGIN
from bnn_lab.measure.timing import TimingTable
from bnn_lab.measure.units import significant


def draw_accuracy_and_latency(frame: Any, table: TimingTable) -> Drawing:
    """Each variant at its time and its mean accuracy, a faint dot for each run.

    Args:
        frame: of `bnn_lab.experiments.training.shortcuts_and_ends`: ``variant``, ``accuracy``.
        table: times of networks of these names, measured in turn.

    Returns:
        A figure of best times in microseconds, and the pairs in a sentence.

    Raises:
        InputError: a variant was not timed.
    """
    means = 100 * frame.groupby("variant", sort=False).accuracy.mean()
    micros = {name: 1e6 * table[name].minimum for name in means.index}
    figure = go.Figure()
    for (name, mean), colour in zip(means.items(), theme.COLOURS, strict=False):
        runs = 100 * frame.accuracy[frame.variant == name]
        figure.add_scatter(
            x=[micros[name]] * (len(runs) + 1),
            y=[mean, *runs],
            name=str(name),
            mode="markers",
            marker={
                "color": colour,
                "size": [20, *[8] * len(runs)],
                "symbol": ["diamond", *["circle"] * len(runs)],
                "opacity": [1.0, *[0.5] * len(runs)],
            },
            hovertemplate=f"{name}<br>%{{x:.1f}} µs, %{{y:.1f}} %<extra></extra>",
        )
    figure.update_layout(
        **theme.layout("", showlegend=True),
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.3, "yanchor": "top"},
        height=420,
        margin={"l": 10, "r": 20, "t": 10, "b": 110},
    )
    figure.update_xaxes(theme.axis("time for one image, µs (best round)", rangemode="tozero"))
    figure.update_yaxes(theme.axis("test images right, %"))
    told = "; ".join(f"{name}: {micros[name]:.1f} µs, {mean:.1f} %" for name, mean in means.items())
    return Drawing(figure, f"Time and mean accuracy. {told[0].upper()}{told[1:]}.")


def draw_shortcuts_and_ends(frame: Any) -> Drawing:
    """A dot for each run, a line for each variant's mean.

    Args:
        frame: of `bnn_lab.experiments.training.shortcuts_and_ends`: ``variant``, ``accuracy``,
            and if they were timed ``fused_us`` and ``unfused_us``, which get a panel of their own.

    Returns:
        A figure, and the means in a sentence.
    """
    means = 100 * frame.groupby("variant", sort=False).accuracy.mean()
    timed = "fused_us" in frame
    # One below the other: side by side they are too narrow for a phone.
    figure = go.Figure()
    if timed:
        figure = make_subplots(rows=2, cols=1, vertical_spacing=110 / _inner_height(len(means)))
    figure.add_scatter(
        x=100 * frame.accuracy,
        y=frame.variant.map(_two_lines) if timed else frame.variant,
        mode="markers",
        marker={"color": theme.BLUE, "size": 10, "opacity": 0.6},
        hovertemplate="%{y}<br>one run: %{x:.1f} %<extra></extra>",
    )
    figure.add_scatter(
        x=means,
        y=means.index.map(_two_lines) if timed else means.index,
        mode="markers",
        marker={"color": theme.VERMILION, "size": 20, "symbol": "diamond"},
        hovertemplate="%{y}<br>mean: %{x:.1f} %<extra></extra>",
    )
    figure.update_layout(
        **theme.layout(""), height=90 + 50 * len(means), margin={"l": 10, "r": 20, "t": 10, "b": 50}
    )
    figure.update_xaxes(theme.axis("test images right, %"))
    figure.update_yaxes(theme.axis("", autorange="reversed", ticksuffix="  "))
    told = ", ".join(f"{name}: {mean:.1f} %" for name, mean in means.items())
    words = f"Test accuracy, mean of the runs. {told[0].upper()}{told[1:]}."
    return Drawing(figure, words + (_add_times(figure, frame) if timed else ""))


def draw_section_shortcuts(frame: Any) -> Drawing:
    """What `draw_shortcuts_and_ends` draws, and what each section's shortcuts change, in words.

    Args:
        frame: of `bnn_lab.experiments.training.section_shortcuts`.
    """
    drawing = draw_shortcuts_and_ends(frame)
    return Drawing(drawing.figure, f"{_changes(frame)} {drawing.words}")


def _changes(frame: Any) -> str:
    """What each section's shortcuts change, in a sentence."""
    told = []
    for name in (column for column in frame if column.startswith("section_")):
        means = frame.groupby(name)[[c for c in ("accuracy", "fused_us") if c in frame]].mean()
        change = means.loc[True] - means.loc[False]
        time = f" and {change.fused_us:+.2f} µs" if "fused_us" in frame else ""
        told.append(f"section {name[8:]} {100 * change.accuracy:+.1f} points{time}")
    return f"Shortcuts change, on average over the other sections: {'; '.join(told)}."


def draw_section_choices(frame: Any) -> Drawing:
    """Each choice of sections with shortcuts, at its time and its accuracy.

    Args:
        frame: of `bnn_lab.experiments.training.section_shortcuts`, with times.

    Returns:
        A figure, whose controls show the choices with and without each section's shortcuts and how
        additions run, and what each section's shortcuts change in a sentence. A large point is the
        mean of the runs.

    Raises:
        InputError: the networks were not timed.
    """
    if "fused_us" not in frame:
        raise InputError(
            "draw_section_choices: no times. Fix: run the experiment with latency=True"
        )
    sections = [column for column in frame if column.startswith("section_")]
    means = frame.groupby(["variant", *sections], sort=False).mean(numeric_only=True).reset_index()
    figure = go.Figure()
    for fused, column in ((True, "fused_us"), (False, "unfused_us")):
        for rows, size, opacity, what in ((frame, 9, 0.7, "one run"), (means, 16, 1.0, "mean")):
            mean = rows is means
            figure.add_scatter(
                name=what,
                x=[significant(value, 4) for value in rows[column]],
                y=[significant(100 * value, 4) for value in rows.accuracy],
                mode="markers",
                marker={
                    "color": theme.VERMILION if mean else theme.BLUE,
                    "size": size,
                    "opacity": opacity,
                    "symbol": "diamond" if mean else "circle",
                },
                customdata=[f"shortcuts: {name}" for name in rows.variant],
                meta={
                    "of": {"fused": fused, **{name: rows[name].tolist() for name in sections}},
                    "counted": mean,
                },
                hovertemplate=f"%{{customdata}}<br>{what}: %{{y:.1f}} %, %{{x:.1f}} µs"
                "<extra></extra>",
            )
    times = frame[["fused_us", "unfused_us"]].to_numpy()
    figure.update_layout(
        **theme.layout("Accuracy and time of each choice of sections", showlegend=True),
        legend=LEGEND,
        height=440,
        margin=MARGIN,
        xaxis=theme.axis("time for one image, µs", range=_around(times)),
        yaxis=theme.axis("test images right, %", range=_around(100 * frame.accuracy.to_numpy())),
    )
    yes = {True: "with shortcuts", False: "without"}
    add_controls(
        figure,
        [
            *(choice(n, f"section {n[8:]}", (True, False), words=yes) for n in sections),
            choice(
                "fused", "additions", (True, False),
                words={True: "fused", False: "ops of their own"}, every=NONE,
            ),
        ],
    )  # fmt: skip
    plain, full = means.loc[~means[sections].any(axis=1)], means.loc[means[sections].all(axis=1)]
    ends = "; ".join(
        f"{name} {100 * row.accuracy.iloc[0]:.1f} % in {row.fused_us.iloc[0]:.1f} µs fused and "
        f"{row.unfused_us.iloc[0]:.1f} µs unfused"
        for name, row in (("without any", plain), ("with all", full))
    )
    return Drawing(figure, f"{_changes(frame)} {ends[0].upper()}{ends[1:]}.")


def _around(values: Any) -> list[float]:
    """A range with some room at both ends."""
    low, high = float(values.min()), float(values.max())
    room = 0.08 * max(high - low, 1e-9)
    return [low - room, high + room]


def _inner_height(variants: int) -> int:
    """Pixels of two panels and what is between them."""
    return 250 + 70 * variants


def _two_lines(variant: str) -> str:
    """A variant's name for a phone."""
    return variant.replace(", ", "<br>").replace("ends with ", "")


def _add_times(figure: Any, frame: Any) -> str:
    """Bars of each variant's time, fused and not, beside the accuracies; the same in words."""
    figure.update_traces(showlegend=False)
    figure.update_xaxes(nticks=5)
    times = frame.groupby("variant", sort=False)[["fused_us", "unfused_us"]].first()
    for column, name, colour in (
        ("unfused_us", "additions as ops of their own", theme.GREEN),
        ("fused_us", "additions fused", theme.BLUE),
    ):
        figure.add_bar(
            x=times[column],
            y=times.index.map(_two_lines),
            name=name,
            orientation="h",
            marker={"color": colour},
            text=[f"{value:.3g}" for value in times[column]],
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"%{{y}}<br>{name}: %{{x:.1f}} µs<extra></extra>",
            showlegend=True,
            row=2,
            col=1,
        )
    figure.update_layout(
        showlegend=True,
        height=_inner_height(len(times)) + 120,
        margin={"l": 10, "r": 20, "t": 10, "b": 110},
        legend={
            "orientation": "h",
            "x": 0,
            "y": -60 / _inner_height(len(times)),
            "traceorder": "reversed",
        },
    )
    most = 1.2 * float(times.max().max())
    figure.update_xaxes(theme.axis("time for one image, µs", range=[0, most]), row=2, col=1)
    told = "; ".join(
        f"{row.Index} {row.fused_us:.3g} µs fused, {row.unfused_us:.3g} µs unfused"
        for row in times.itertuples()
    )
    return f" Time for one image: {told}."
