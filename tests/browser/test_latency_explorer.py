"""The latency explorer in a browser: its controls, and a click on a point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from bnn_lab.bench.collect import rename
from bnn_lab.bench.report import EXAMPLE, read_report, write_report

CODE = """
from bnn_lab.widgets.latency_explorer import LatencyExplorer
explorer = LatencyExplorer()
explorer.inputs["cited"].value = False  # a click takes the nearest point, also a cited one
explorer
"""


@pytest.mark.slow
@pytest.mark.parametrize("frontend", ["lab", "notebook"])
def test_controls_and_a_click(
    open_notebook: Callable[[str, str], Any], jupyter: Any, frontend: str
) -> None:
    name = f"latency_{frontend}.ipynb"
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    cells = [new_code_cell(CODE)]
    nbformat.write(new_notebook(cells=cells, metadata=metadata), jupyter.root / name)
    notebook = open_notebook(name, frontend)
    notebook.run_all()
    assert notebook.clutter() == []
    (explorer,) = notebook.explorers().values()
    explorer.wait_until_drawn()
    notebook.screenshot("light", explorer.view)

    # A click on the first measured point. Plotly takes clicks through its drag layer.
    words = explorer.view.locator("p[role=status]").last
    assert "Click a filled point" in words.inner_text()
    plot = explorer.view.locator(".js-plotly-plot").first
    plot.locator(".scatterlayer .trace").first.locator("path.point").first.wait_for()
    plot.scroll_into_view_if_needed()
    box = plot.locator(".scatterlayer .trace path.point").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    notebook.page.mouse.move(x - 3, y)
    notebook.page.mouse.move(x, y, steps=3)
    plot.locator(".hoverlayer .hovertext").first.wait_for()
    notebook.page.mouse.click(x, y)
    explorer.view.locator("p[role=status]", has_text="for one inference").wait_for()
    # Files by the place to drop them: a report joins, anything else is named.
    other = jupyter.root / "other.json"
    write_report(rename(read_report(EXAMPLE), "Ann's laptop"), other)
    (jupyter.root / "text.json").write_text("hello")
    chooser = explorer.view.locator(".bnn-lab-drop input[type=file]")
    chooser.set_input_files([str(other), str(jupyter.root / "text.json")])
    explorer.view.locator(".bnn-lab-drop", has_text="text.json is not JSON").wait_for()
    explorer.view.locator("option", has_text="Ann's laptop").first.wait_for(state="attached")
    if frontend == "lab":
        notebook.use_theme("JupyterLab Dark")
    notebook.screenshot("dark", explorer.view)
    assert explorer.try_checkboxes() == []
    assert explorer.errors() == "" and notebook.page_errors == []
