"""The figures of the studies of ternary weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from bnn_lab.experiments.latency.ternary import READING, SAMPLES
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing

if TYPE_CHECKING:
    import pandas as pd


def draw_ternary(frame: pd.DataFrame) -> Drawing:
    """Bars of each competitor's time, on one sample and on many; the memory's bound is dotted.

    Args:
        frame: of the study `ternary`.

    Returns:
        A static figure, and a sentence or two.
    """
    order = frame[frame.samples == SAMPLES[0]].sort_values("ms").name.tolist()
    titles = [f"{samples} at once" for samples in SAMPLES]
    figure = make_subplots(rows=1, cols=2, subplot_titles=titles, shared_yaxes=True)
    for column, samples in enumerate(SAMPLES, start=1):
        found = frame[frame.samples == samples].set_index("name").loc[order]
        figure.add_trace(
            go.Bar(
                x=found.ms.tolist(),
                y=order,
                orientation="h",
                marker={
                    "color": [theme.VERMILION if name == READING else theme.BLUE for name in order]
                },
                text=[f"{ms:.3g}" for ms in found.ms],
                textposition="auto",
                customdata=found[["gb_per_s", "over_bound"]].to_numpy().tolist(),
                hovertemplate="%{y}<br>%{x:.3g} ms<br>%{customdata[0]:.3g} GB/s of weights<br>"
                "%{customdata[1]:.2f} times the memory's bound<extra></extra>",
            ),
            row=1,
            col=column,
        )
        figure.add_vline(
            x=float(found.ms[READING]), line={"dash": "dot", "color": theme.TEXT}, row=1, col=column
        )
    figure.update_layout(
        **theme.layout("A dense layer, one thread"),
        height=140 + 36 * len(order),
        margin={"l": 10, "r": 20, "t": 80, "b": 50},
    )
    figure.update_xaxes(**theme.axis("ms", type="log", dtick=1))
    figure.update_yaxes(autorange="reversed", ticksuffix="  ", automargin=True)
    words = "; ".join(
        f"{samples} at once: " + ", ".join(f"{row.who} {row.ms:.3g}" for row in group.itertuples())
        for samples, group in frame.rename(columns={"name": "who"}).groupby("samples")
    )
    return Drawing(figure, f"Bars of milliseconds on logarithmic axes. {words}.")


def draw_generation(frame: pd.DataFrame) -> Drawing:
    """Bars of characters a second, a panel for each size of the transformer.

    Args:
        frame: of the study `generation`.

    Returns:
        A static figure, and a sentence or two.
    """
    groups = list(frame.groupby(["width", "depth"]))
    titles = [f"{width} channels, {depth} blocks" for (width, depth), _ in groups]
    figure = make_subplots(rows=1, cols=len(groups), subplot_titles=titles)
    for column, (_, rows) in enumerate(groups, start=1):
        figure.add_trace(
            go.Bar(
                x=rows.form.tolist(),
                y=rows.characters_per_s.tolist(),
                marker={"color": list(theme.COLOURS[: len(rows)])},
                text=[f"{value:,.0f}" for value in rows.characters_per_s],
                textposition="auto",
                customdata=(rows.file_bytes / 1e6).tolist(),
                hovertemplate="%{x}<br>%{y:,.0f} characters a second<br>%{customdata:.2f} MB"
                "<extra></extra>",
            ),
            row=1,
            col=column,
        )
    figure.update_layout(
        **theme.layout("A small transformer writes, one thread"),
        height=380,
        margin={"l": 10, "r": 20, "t": 80, "b": 40},
    )
    figure.update_yaxes(**theme.axis("", rangemode="tozero"))
    figure.update_yaxes(title_text="characters a second", col=1)
    words = "; ".join(
        f"{title}: " + ", ".join(f"{r.form} {r.characters_per_s:,.0f}" for r in rows.itertuples())
        for title, (_, rows) in zip(titles, groups, strict=True)
    )
    return Drawing(figure, f"Bars of characters a second. {words}.")
