"""The harness must notice what it is there for: a notebook with one fault of each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

SETUP = """
import warnings
from dataclasses import dataclass
import plotly.graph_objects as go
from bnn_lab.controls import choice, slider, toggle
from bnn_lab.figures import Drawing
from bnn_lab.widgets import Explorer

@dataclass(frozen=True)
class Line:
    slope: float = slider(0.01, low=1e-4, high=0.1, log=True, label="slope")
    points: int = slider(3, low=1, high=9, label="points")
    colour: str = choice("red", options=("red", "blue"), label="colour")
    marked: bool = toggle(True, label="marked")

def draw(state):
    y = [state.slope * x for x in range(state.points)]
    figure = go.Figure(go.Scatter(y=y, line={"color": state.colour}))
    figure.update_layout(title=str(state.marked))
    return Drawing(figure, "")
"""
GOOD = "Explorer(Line(), draw, 'good')"
DEAF = """
def deaf(state):
    return Drawing(go.Figure(go.Scatter(y=[1, 2])), "")
Explorer(Line(), deaf, 'deaf')
"""
BROKEN = """
def broken(state):
    if state.points == 9:
        raise RuntimeError("nine points are too many")
    return draw(state)
Explorer(Line(), broken, 'broken')
"""


FIGURE = """
import plotly.graph_objects as go
from bnn_lab.widgets.live_figure import LiveFigure
figure = LiveFigure(go.Figure(go.Bar(y=[1, 2])))
figure
"""
CHANGED = "figure.show(go.Figure(go.Scatter(y=[3, 4])))"


@pytest.mark.parametrize("frontend", ["lab", "notebook"])
def test_every_kind_of_fault_is_noticed(
    open_notebook: Callable[[str, str], Any], write_notebook: Callable[..., str], frontend: str
) -> None:
    faults = ["warnings.warn('clutter', stacklevel=1)", "1 / 0", "print('never reached')"]
    name = write_notebook(f"faults_{frontend}.ipynb", SETUP, GOOD, DEAF, BROKEN, *faults)

    notebook = open_notebook(name, frontend)
    notebook.run_all()

    clutter = notebook.clutter()
    assert [text.split(":")[0] for text in clutter] == ["cell 4", "cell 5"]
    assert "clutter" in clutter[0] and "ZeroDivisionError" in clutter[1]
    assert notebook.not_run() == [6]

    explorers = notebook.explorers()
    assert set(explorers) == {"good", "deaf", "broken"}
    for explorer in explorers.values():
        explorer.wait_until_drawn()

    good = explorers["good"]
    assert [slider.label for slider in good.sliders()] == ["slope", "points"]
    assert good.try_sliders() + good.try_dropdowns() + good.try_checkboxes() == []

    deaf = explorers["deaf"]
    deaf.patience = 3
    assert "slider points, End changes nothing" in "\n".join(deaf.sliders()[1].press("End"))
    assert "dropdown colour changes nothing" in "\n".join(deaf.try_dropdowns())

    explorers["broken"].patience = 3
    assert "nine points are too many" in "\n".join(explorers["broken"].try_sliders())


def test_a_figure_is_drawn_while_the_kernel_is_busy(
    open_notebook: Callable[[str, str], Any], write_notebook: Callable[..., str], blocker: Any
) -> None:
    """Run All starts a training after the figures; plotly is there all the same, and once."""
    name = write_notebook("patient.ipynb", FIGURE, "display(figure)", blocker.source, CHANGED)
    notebook = open_notebook(name, "lab")
    notebook.start_all()
    plots = notebook.page.locator(".bnn-lab-plot")
    for number in range(2):
        plots.nth(number).locator(".barlayer .trace").first.wait_for()
    scripts = "[...document.scripts].filter(it => it.src.startsWith('blob:')).length"
    assert notebook.page.evaluate(scripts) == 1
    assert not blocker.flag.exists()
    blocker.release()
    notebook.wait_for_all()
    plots.first.locator(".scatterlayer .trace").wait_for()
    assert notebook.page_errors == []
