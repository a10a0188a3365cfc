from __future__ import annotations

import numpy as np
import pytest

from bnn_lab.controls import controls
from bnn_lab.figures.inertia_explorer import TURNS
from bnn_lab.widgets import BopExplorer, Explorer, InertiaExplorer


def drawn(shown: Explorer) -> list[object]:
    """All that a user can see change."""
    data = [np.asarray(values).tolist() for trace in shown.figure.data for values in (trace.y,)]
    return [data, shown.figure.layout.to_plotly_json()["shapes"], shown.words.value]


@pytest.mark.parametrize("make", [InertiaExplorer, BopExplorer])
def test_every_control_changes_the_figure_at_both_ends(make) -> None:
    for field, control in controls(make("").state).items():
        shown = make("")
        seen = [drawn(shown)]
        for value in control.extremes():
            if getattr(shown.state, field) == value:
                continue
            shown.inputs[field].value = value
            assert not shown.errors.outputs
            assert drawn(shown) not in seen, (field, value)
            seen.append(drawn(shown))
        live = [np.asarray(trace.y) for trace in shown.figure.data]
        plain = [np.asarray(trace.y) for trace in shown.static().figure.data]
        for a, b in zip(live, plain, strict=True):
            np.testing.assert_array_equal(a, b)


def test_they_can_start_elsewhere_and_are_found_by_their_class() -> None:
    shown = InertiaExplorer(name="inertia-test", drift=0.5, push=TURNS)
    assert shown.state.drift == 0.5 and shown.inputs["push"].value == TURNS
    assert {"bnn-lab-explorer", "bnn-lab-inertia-test"} <= set(shown._dom_classes)
    bop = BopExplorer()
    assert {"bnn-lab-explorer", "bnn-lab-bop"} <= set(bop._dom_classes)
    assert all(widget.description and widget.tooltip for widget in bop.inputs.values())
