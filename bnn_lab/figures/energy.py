"""Energy of one convolution, by the cited table of `bnn_lab.bench.energy`."""

from __future__ import annotations

import plotly.graph_objects as go

from bnn_lab.bench.energy import BITS_OUT, CACHE_BYTE, DRAM_BYTE, FLOAT, FORMS, conv_energy
from bnn_lab.bench.kernels import ConvCase
from bnn_lab.figures import theme
from bnn_lab.figures.drawing import Drawing


def draw_energy(case: ConvCase) -> Drawing:
    """Arithmetic and bytes of a convolution in each form, in microjoules.

    Args:
        case: the convolution.

    Returns:
        A figure, and the ratios of float32 to bits in a sentence.
    """
    rows = {
        "arithmetic": [conv_energy(case, form)[0] for form in FORMS],
        "bytes, if all lie in a cache": [conv_energy(case, form, CACHE_BYTE)[1] for form in FORMS],
        "bytes, if all come from DRAM": [conv_energy(case, form, DRAM_BYTE)[1] for form in FORMS],
    }
    figure = go.Figure()
    for (name, values), color in zip(rows.items(), theme.COLOURS, strict=False):
        figure.add_bar(
            name=name,
            x=list(FORMS),
            y=values,
            marker={"color": color},
            hovertemplate=f"{name}<br>%{{x}}: %{{y:.3g}} µJ<extra></extra>",
        )
    figure.update_layout(
        **theme.layout("", showlegend=True),
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -0.2, "yanchor": "top"},
        height=360,
        margin={"l": 10, "r": 10, "t": 10, "b": 80},
    )
    figure.update_xaxes(theme.axis(""))
    figure.update_yaxes(theme.axis("µJ, logarithmic", type="log", dtick=1, exponentformat="none"))
    work, data = (conv_energy(case, FLOAT)[i] / conv_energy(case, BITS_OUT)[i] for i in (0, 1))
    words = (
        f"By the cited table, a {case.kernel}×{case.kernel} convolution of {case.size}×{case.size} "
        f"pixels and {case.channels_in} channels in float32 takes {work:,.0f} times the energy of "
        f"bits for its arithmetic and {data:,.0f} times for its bytes."
    )
    return Drawing(figure, words)
