"""Controls that a figure carries itself, so that they work where no Python runs.

`layout.meta["controls"]` and each trace's `meta["of"]` describe them;
`bnn_lab/widgets/live_plot.js`, which says what they mean, makes selects and sliders of them: in
notebooks, on pages of `bnn-lab bench` and on the site. Everywhere else the figure shows the first
choices, since what they hide is hidden from the start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

ALL = "all"
FIRST, LAST, NONE = "first", "last", "none"


def choice(
    name: str,
    label: str,
    options: Iterable[Any],
    *,
    words: Mapping[Any, str] | None = None,
    layout: Mapping[Any, Mapping[str, Any]] | None = None,
    every: str = FIRST,
) -> dict[str, Any]:
    """A choice among values that points or traces have.

    Args:
        name: of the choice, a key of each trace's `meta["of"]`.
        label: what stands before it.
        options: the values.
        words: value to how it is written; default as text.
        layout: value to changes of the layout, by dotted path.
        every: where an option stands that hides nothing: `FIRST`, `LAST` or `NONE`. The first
            option is the one to start with.
    """
    found = [
        {
            "label": (words or {}).get(v, str(v)),
            "value": v,
            "layout": dict((layout or {}).get(v, {})),
        }
        for v in options
    ]
    if every != NONE:
        found.insert(
            0 if every == FIRST else len(found), {"label": ALL, "value": None, "layout": {}}
        )
    return {
        "name": name,
        "label": label,
        "kind": "choice",
        "options": found,
        "value": found[0]["value"],
    }


def ratio(name: str, label: str, low: float, high: float, value: float) -> dict[str, Any]:
    """A slider of how many binary MACs count as a float one."""
    sizes = {"low": low, "high": high, "value": value, "marks": [value]}
    return {"name": name, "label": label, "kind": "ratio", **sizes}


def add_controls(figure: go.Figure, controls: Sequence[Mapping[str, Any]]) -> None:
    """Give a figure controls; it then shows their first choices. Those of one option are left out.

    Args:
        figure: its traces have `meta={"of": {name: value or list of values}}`; changed in place.
        controls: from `choice` and `ratio`.
    """
    useful = [
        c
        for c in controls
        if c["kind"] != "choice" or sum(o["value"] is not None for o in c["options"]) > 1
    ]
    hidden = {
        c["name"]: c["value"] for c in controls if c["kind"] == "choice" and c["value"] is not None
    }
    for trace in figure.data:
        of = (trace.meta or {}).get("of", {})
        for name, value in hidden.items():
            found = of.get(name, value)
            if not isinstance(found, (list, tuple)) and found != value:
                trace.visible = False
    figure.update_layout(meta={**(figure.layout.meta or {}), "controls": list(useful)})
