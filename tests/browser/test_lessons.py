"""Each lesson in a browser: runs without clutter, and every widget answers to its controls.

JupyterLab gets every lesson and every control. Notebook 7 runs the same widgets by the same code;
it gets every lesson's cells and, of each widget, presence and one slider.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LESSONS = Path(__file__).parents[2] / "notebooks" / "lessons"
NAMES = sorted(path.stem for path in LESSONS.glob("[0-9]*.ipynb"))

# Lesson to the names of the explorers it shows.
EXPLORERS: dict[str, set[str]] = {
    "00_start_here": {"packed-sizes"},
    "01_latent_weights_as_inertia": {"inertia", "clipping"},
    "02_bop_flip_dynamics": {"bop", "flip-monitor", "schedules"},
    "04_from_training_to_deployment": set(),
    "05_designing_fast_bnns": {"quicknet-designer"},
}

pytestmark = pytest.mark.slow


def test_every_lesson_is_known() -> None:
    assert set(NAMES) == set(EXPLORERS)


@pytest.mark.parametrize("name", NAMES)
def test_in_jupyterlab(open_notebook: Callable[[str, str], Any], name: str) -> None:
    notebook = run_clean(open_notebook, name, "lab")
    wrong = []
    for explorer in notebook.explorers().values():
        notebook.screenshot(explorer.name, explorer.view)
        for slider in explorer.sliders():
            start = slider.readout()
            wrong += slider.try_both_ends()
            notebook.screenshot(f"{explorer.name}-{slider.label}-lowest", explorer.view)
            slider.put(start)  # another slider may have no effect where this one is at its end
        wrong += explorer.try_dropdowns() + explorer.try_checkboxes()
    if name in EXTRA:
        EXTRA[name](notebook)
    notebook.use_theme("JupyterLab Dark")
    for explorer in notebook.explorers().values():
        notebook.screenshot(f"{explorer.name}-dark", explorer.view)
    notebook.use_theme("JupyterLab Light")
    assert wrong == []
    assert notebook.page_errors == []


def a_guess_is_kept(notebook: Any) -> None:
    notebook.guess(17)
    assert "your guess: 17 flips" in notebook.run_cell("flips.reveal")


def a_design_is_measured(notebook: Any) -> None:
    explorer = notebook.explorers()["quicknet-designer"]
    explorer.view.get_by_role("button", name="Measure this design").click()
    row = explorer.view.locator("table", has_text="measured designs").locator("tbody tr").first
    row.wait_for(timeout=90_000)
    assert explorer.errors() == ""
    assert "measured" in explorer.shows()
    notebook.screenshot("measured", explorer.view)


# What only one lesson has.
EXTRA: dict[str, Callable[[Any], None]] = {
    "00_start_here": a_guess_is_kept,
    "05_designing_fast_bnns": a_design_is_measured,
}


@pytest.mark.parametrize("name", NAMES)
def test_in_notebook_7(open_notebook: Callable[[str, str], Any], name: str) -> None:
    notebook = run_clean(open_notebook, name, "notebook")
    wrong = []
    for explorer in notebook.explorers().values():
        notebook.screenshot(explorer.name, explorer.view)
        wrong += explorer.try_sliders(most=1)
    assert wrong == []
    assert notebook.page_errors == []


def run_clean(open_notebook: Callable[[str, str], Any], name: str, frontend: str) -> Any:
    """Run all cells; nothing may go wrong, and all explorers must be there and drawn."""
    notebook = open_notebook(f"{name}.ipynb", frontend)
    notebook.run_all()
    assert notebook.clutter() == []
    assert notebook.not_run() == []
    explorers = notebook.explorers()
    assert set(explorers) == EXPLORERS[name]
    for explorer in explorers.values():
        explorer.wait_until_drawn()
        assert explorer.errors() == ""
    notebook.screenshot("page")
    return notebook
