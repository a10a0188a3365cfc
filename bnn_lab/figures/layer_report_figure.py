"""Figure of a conversion report: where bytes and multiplications are."""

from __future__ import annotations

from plotly.subplots import make_subplots

from bnn_lab.convert.layer_report import Report
from bnn_lab.figures.drawing import Drawing
from bnn_lab.figures.theme import BLUE, GREEN, PINK, VERMILION, axis, layout

_ROW = 24  # pixels a layer


def draw_report(report: Report) -> Drawing:
    """Bytes by larq's summary and in the file, and operations, for each layer.

    Args:
        report: the report of a conversion.

    Returns:
        Two bar charts side by side, layers from top to bottom; those without weights are left out;
        and the report's summary.
    """
    layers = [layer for layer in report.layers if layer.weights_1bit or layer.weights_other]
    names = [layer.name for layer in layers]
    figure = make_subplots(
        cols=2, shared_yaxes=True, subplot_titles=("size", "operations a sample"), rows=1
    )
    bars = (
        (1, "in the file", GREEN, [layer.file_bytes for layer in layers]),
        (1, "larq's summary", PINK, [layer.larq_bytes for layer in layers]),
        (2, "binary MACs", VERMILION, [layer.macs_binary for layer in layers]),
        (2, "float MACs", BLUE, [layer.macs_float for layer in layers]),
    )
    verdicts = [f"{layer.verdict} {layer.reason}".strip() for layer in layers]
    for column, title, colour, values in bars:
        figure.add_bar(
            x=values,
            y=names,
            name=title,
            orientation="h",
            marker_color=colour,
            customdata=verdicts,
            hovertemplate="%{y}: %{x:,}<br>%{customdata}",
            row=1,
            col=column,
        )
    # The whole line would not fit into a notebook's column.
    title = (
        f"{report.model}: {len(report.binary_layers)} binary layers, {report.file_bytes:,} bytes"
    )
    height = 200 + _ROW * 2 * max(len(layers), 1)
    figure.update_layout(
        **layout(title, showlegend=True, height=height),
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -70 / (height - 150)},
        margin={"l": 10, "r": 20, "t": 90, "b": 90},
    )
    figure.update_xaxes(axis("bytes"), col=1)
    figure.update_xaxes(axis("multiply-accumulates"), col=2)
    figure.update_yaxes(axis("", ticksuffix="  "), autorange="reversed")
    return Drawing(figure, str(report))
