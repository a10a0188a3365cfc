"""Each lesson in a browser: runs without clutter, and every widget answers to its controls.

Every lesson runs in JupyterLab and in Notebook 7 at the same time, which costs hardly more than one
of them: a lesson keeps one core busy. JupyterLab then gets every control at both ends; Notebook 7,
which runs the same widgets by the same code, one slider of each widget.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LESSONS = Path(__file__).parents[2] / "notebooks" / "lessons"
NAMES = sorted(path.stem for path in LESSONS.glob("[0-9]*.ipynb"))

# Lesson to the names of the explorers it shows.
EXPLORERS: dict[str, set[str]] = {
    "00_start_here": {"packed-sizes"},
    "01_latent_weights_as_inertia": set(),
    "02_bop_flip_dynamics": set(),
    "03_bitpacked_convolution": set(),
    "04_from_training_to_deployment": set(),
    "05_designing_fast_bnns": {"latency"},
    "06_from_bnns_to_one_bit_llms": set(),
}

# Lesson to the names of what computes in the page.
EXPLORABLES: dict[str, set[str]] = {
    "00_start_here": {"heart"},
    "01_latent_weights_as_inertia": {"first", "ball-and-lamp", "twin-worlds", "clipping", "walls"},
    "02_bop_flip_dynamics": {
        "first",
        "bop",
        "mine",
        "flicker",
        "bop-map",
        "trained-map",
        "schedules",
    },
    "03_bitpacked_convolution": {"switches", "window", "kernel-ladder", "roofline"},
    "04_from_training_to_deployment": {"draw-digit", "first", "fold", "op-profile"},
    "05_designing_fast_bnns": {"first", "film-strip"},
    "06_from_bnns_to_one_bit_llms": {"first"},
}

pytestmark = pytest.mark.slow


def test_every_lesson_is_known() -> None:
    assert set(NAMES) == set(EXPLORERS)


def a_guess_is_kept(notebook: Any) -> None:
    notebook.guess(17)
    shown = notebook.page.locator("[class*=bnn-lab-predict-] .words")
    # Both where it is asked and where it is revealed.
    for number in range(2):
        shown.nth(number).scroll_into_view_if_needed()  # what is out of sight is not drawn
        shown.nth(number).filter(has_text="Your guess: 17 flips. The result:").wait_for()
    notebook.run_cell("score_sheet()")
    notebook.page.get_by_role("cell", name="17 flips").first.wait_for()


def a_design_is_measured(notebook: Any) -> None:
    view = notebook.page.locator(".bnn-lab-film-strip").first
    view.scroll_into_view_if_needed()
    view.get_by_role("button", name="add a block to section 1").click()
    view.get_by_role("button", name="Measure this design").click()
    row = view.locator("table", has_text="measured designs").locator("tbody tr").first
    row.filter(has_text="5-4-4-4").wait_for()
    notebook.screenshot("measured", view)


# What only one lesson has.
EXTRA: dict[str, Callable[[Any], None]] = {
    "00_start_here": a_guess_is_kept,
    "05_designing_fast_bnns": a_design_is_measured,
}


@pytest.mark.parametrize("name", NAMES)
def test_lesson(
    open_notebook: Callable[[str, str], Any], jupyter: Any, name: str, tmp_path: Path
) -> None:
    copy = f"{name}-7.ipynb"  # a kernel of its own
    shutil.copy(jupyter.root / f"{name}.ipynb", jupyter.root / copy)
    lab = open_notebook(f"{name}.ipynb", "lab")
    classic = open_notebook(copy, "notebook")
    for notebook in (lab, classic):
        notebook.start_all()
    for notebook in (lab, classic):
        notebook.wait_for_all()
        check_outputs(notebook, EXPLORERS[name])
        check_explorables(notebook, EXPLORABLES.get(name, set()))

    wrong = []
    for explorer in lab.explorers().values():
        wrong += try_every_control(lab, explorer)
    for explorer in classic.explorers().values():
        wrong += explorer.try_sliders(most=1)
    if name in EXTRA:
        EXTRA[name](lab)
    with lab.busy(tmp_path / "released"):
        for view in own_explorables(lab):
            wrong += lab.drag_to_both_ends(view)
    lab.use_theme("JupyterLab Dark")
    for explorer in lab.explorers().values():
        lab.screenshot(f"{explorer.name}-dark", explorer.view)
    lab.use_theme("JupyterLab Light")
    assert wrong == []
    assert lab.page_errors + classic.page_errors == []


def own_explorables(notebook: Any) -> list[Any]:
    """Views of what has a state or data of the lesson's; test_explorables.py drags all others."""
    kinds = "element => [element.explorable.name, element.explorable.definition.schema.name]"
    views = notebook.page.locator(".bnn-lab-explorable").all()
    named = [(view, *view.evaluate(kinds)) for view in views]
    return [view for view, name, kind in named if name != kind and kind != "prediction"]


def check_outputs(notebook: Any, explorers: set[str]) -> None:
    """All cells ran, nothing went wrong, and all explorers are there and drawn."""
    notebook.screenshot("page")
    assert notebook.clutter() == []
    assert notebook.not_run() == []
    assert set(notebook.explorers()) == explorers
    for explorer in notebook.explorers().values():
        explorer.wait_until_drawn()
        assert explorer.errors() == ""
        notebook.screenshot(explorer.name, explorer.view)


def check_explorables(notebook: Any, names: set[str]) -> None:
    """All are there, and each is drawn when it comes into view."""
    views = notebook.page.locator(".bnn-lab-explorable").all()
    found = {view.evaluate("element => element.explorable.name") for view in views}
    # Every lesson asks for guesses; what they are called is in their questions.
    assert {name for name in found if not name.startswith("predict-")} == names
    for view in views:
        view.scroll_into_view_if_needed()
        notebook.page.wait_for_function(
            "element => element.explorable.frames > 0", arg=view.element_handle()
        )


def try_every_control(notebook: Any, explorer: Any) -> list[str]:
    """Sliders to both ends, all options, all boxes; returns what went wrong."""
    wrong = []
    for slider in explorer.sliders():
        start = slider.readout()
        wrong += slider.try_both_ends()
        notebook.screenshot(f"{explorer.name}-{slider.label}-lowest", explorer.view)
        slider.put(start)  # another slider may have no effect where this one is at its end
    return [*wrong, *explorer.try_dropdowns(), *explorer.try_checkboxes()]
