"""Colours and layout shared by all figures.

The colours are those of Okabe and Ito, which stay apart for colour-blind eyes, limited to the ones
with at least 3:1 contrast on white and on JupyterLab's dark background. Backgrounds are
transparent and text is a middle grey, so a figure reads in either theme.
"""

from __future__ import annotations

from typing import Any

BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#009E73"
PINK = "#CC79A7"
GOLD, VIOLET = "#9A7400", "#7D6BD0"  # where four colours are too few

TEXT = "#7A7A7A"
GRID = "rgba(127, 127, 127, 0.25)"
CLEAR = "rgba(0, 0, 0, 0)"

_TOOLS = ("zoom", "pan", "zoomIn", "zoomOut", "autoScale", "resetScale", "sendChartToCloud")

COLOURS = (BLUE, VERMILION, GREEN, PINK)


def layout(title: str, **more: Any) -> dict[str, Any]:
    """Layout options every figure starts from.

    Args:
        title: says what is to be seen, in one line; in documents also the alternative text, unless
            `meta={"alt": text}` gives another.
        more: plotly layout options that are added.

    Returns:
        Keyword arguments of `go.Figure.update_layout`.
    """
    return {
        "template": "none",
        "title": {"text": title, "x": 0, "xref": "paper", "font": {"size": 17}},
        "font": {"color": TEXT, "size": 14},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "showlegend": False,
        # Figures are for reading: no zooming by accident, no row of tools over the content.
        "dragmode": False,
        "modebar": {"bgcolor": CLEAR, "color": TEXT, "remove": list(_TOOLS)},
        **more,
    }


def axis(title: str, **more: Any) -> dict[str, Any]:
    """Options of one axis.

    Args:
        title: quantity and unit.
        more: plotly axis options that are added.

    Returns:
        A plotly axis dictionary. Of logarithmic ones every label is a whole number: plotly writes
        0.05 as a small 5 otherwise.
    """
    if more.get("dtick") in ("D1", "D2"):
        more = {"minorloglabels": "complete", **more}
    return {
        "title": {"text": title, "font": {"size": 14}},
        "gridcolor": GRID,
        "zerolinecolor": GRID,
        "automargin": True,
        **more,
    }
