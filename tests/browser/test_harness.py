"""The harness must notice what it is there for: a notebook with one fault of each kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

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


@pytest.mark.parametrize("frontend", ["lab", "notebook"])
def test_every_kind_of_fault_is_noticed(
    open_notebook: Callable[[str, str], Any], jupyter: Any, frontend: str
) -> None:
    cells = [new_markdown_cell("# Faults")]
    cells += [new_code_cell(source) for source in (SETUP, GOOD, DEAF, BROKEN)]
    cells += [new_code_cell("warnings.warn('clutter', stacklevel=1)")]
    cells += [new_code_cell("1 / 0"), new_code_cell("print('never reached')")]
    name = f"faults_{frontend}.ipynb"
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    nbformat.write(new_notebook(cells=cells, metadata=metadata), jupyter.root / name)

    notebook = open_notebook(name, frontend)
    notebook.run_all(60)

    clutter = notebook.clutter()
    assert [text.split(":")[0] for text in clutter] == ["cell 5", "cell 6"]
    assert "clutter" in clutter[0] and "ZeroDivisionError" in clutter[1]
    assert notebook.not_run() == [7]

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
