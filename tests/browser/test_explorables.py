"""Explorables in JupyterLab and Notebook 7: alive from the start, whatever the kernel does."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from bnn_lab.widgets import bundle

FRONTENDS = ("lab", "notebook")
IMPORT = "from bnn_lab.widgets import *\n"

pytestmark = pytest.mark.slow


class OnPage:
    """One explorable of a page, as a reader has it.

    Attributes:
        view: playwright locator of its element.
    """

    def __init__(self, page: Any, view: Any) -> None:
        self.page, self.view = page, view

    def get(self, what: str) -> Any:
        """An attribute of its JavaScript object, such as "state" or "frames"."""
        return self.view.evaluate(f"element => element.explorable.{what}")

    def wait_until(self, condition: str) -> None:
        """Until `condition`, in JavaScript about `it`, holds for what is on the page by then."""
        holds = f"element => {{ const it = element.explorable; return Boolean({condition}); }}"
        stop = time.monotonic() + 180
        while not self.view.evaluate(holds):
            assert time.monotonic() < stop, f"{condition} does not come: {self.get('state')}"
            self.page.wait_for_timeout(50)

    def grip(self, name: str) -> Any:
        """What can be grabbed, by its id."""
        return self.view.locator(f"[data-id='{name}']")

    def touch(self) -> bool:
        """Drag, or press, the first thing that can be; whether the state has changed."""
        before = self.get("state")
        grips = self.view.locator(".grip.invite, .grip")
        if grips.count() == 0:
            self.view.locator(".spot:not([aria-pressed=true])").first.click()
            return bool(self.get("state") != before)
        for dx, dy in ((40, -30), (-70, 60)):
            self.drag(grips.first, dx, dy)
            if self.get("state") != before:
                return True
        return False

    def drag(self, what: Any, dx: float, dy: float) -> None:
        """Move something, or what has this id, by so many pixels with the mouse."""
        handle = self.grip(what) if isinstance(what, str) else what
        handle.scroll_into_view_if_needed()
        box = handle.bounding_box()
        self.page.mouse.move(box["x"], box["y"])
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + dx, box["y"] + dy, steps=10)
        self.page.mouse.up()


def one_of_each() -> list[str]:
    """Calls that make one explorable of each kind."""
    schemas = (bundle.SOURCES / f"{module}.json" for module in bundle.explorables())
    names = [json.loads(schema.read_text())["python"] for schema in schemas]
    return [f"{name}()" for name in names]


def explorables(page: Any, count: int) -> dict[str, OnPage]:
    """Name to explorable, once there are so many of them on the page."""
    page.wait_for_function(
        f"document.querySelectorAll('.bnn-lab-explorable').length >= {count}", timeout=60_000
    )
    views = page.locator(".bnn-lab-explorable").all()
    found = [OnPage(page, view) for view in views]
    return {one.get("name"): one for one in found}


@pytest.fixture
def run(
    open_notebook: Callable[[str, str], Any],
    write_notebook: Callable[..., str],
    request: pytest.FixtureRequest,
) -> Callable[..., Any]:
    """`run(frontend, *sources)`: a notebook of these cells, started."""

    def start(frontend: str, *sources: str) -> Any:
        name = f"{request.node.name.split('[')[0]}_{frontend}.ipynb"
        notebook = open_notebook(write_notebook(name, *sources), frontend)
        notebook.start_all()
        return notebook

    return start


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_all_are_drawn_and_answer_while_the_kernel_is_busy(
    run: Callable[..., Any], blocker: Any, frontend: str
) -> None:
    cells = one_of_each()
    notebook = run(frontend, IMPORT, *cells, blocker.source)
    for name, one in explorables(notebook.page, len(cells)).items():
        one.view.scroll_into_view_if_needed()
        one.wait_until("it.frames > 0")
        assert one.touch(), name
        notebook.screenshot(name)
        if frontend == "lab":
            assert notebook.drag_to_both_ends(one.view) == []
    # The kernel has had no time for any of it.
    assert notebook.page.evaluate("() => window.bnnLabRan") is None
    assert notebook.page_errors == []


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_python_and_the_page_hear_of_each_other(run: Callable[..., Any], frontend: str) -> None:
    notebook = run(
        frontend,
        IMPORT + "shown = BallAndLamp(drift=0.3)\nshown",
        "shown.learning_rate, shown.clip = 0.1, 0.5",
        "print('heard', shown.initial, shown.step)",
    )
    notebook.wait_for_all()
    one = explorables(notebook.page, 1)["ball-and-lamp"]
    one.wait_until("it.state.learning_rate === 0.1 && it.state.clip === 0.5")
    assert one.get("state.drift") == 0.3
    one.drag("ball", 0, -60)
    one.view.get_by_role("button", name="one step on").click()
    initial = one.get("state.initial")
    one.wait_until(f"it.model.get('initial') === {initial}")
    notebook.wait_idle()
    notebook.page.wait_for_timeout(300)  # the last message may be held back for a while
    notebook.wait_idle()
    assert f"heard {initial} 1" in notebook.run_cell("print('heard'")


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_it_stays_as_it_was_left(run: Callable[..., Any], frontend: str) -> None:
    """Over another run of its cell, a restart of the kernel, and a reload of the page."""
    notebook = run(frontend, IMPORT + "BallAndLamp(drift=0.4)")
    notebook.wait_for_all()
    page = notebook.page
    one = explorables(page, 1)["ball-and-lamp"]
    one.wait_until("it.frames > 0")
    one.drag("ball", 0, -60)
    left = one.get("state")
    assert left["initial"] > 1.2 and left["drift"] == 0.4

    notebook.run_cell("BallAndLamp")
    again = explorables(page, 1)["ball-and-lamp"]
    assert again.get("state") == left

    page.evaluate(
        """async () => {
          const session = window.jupyterapp.shell.currentWidget.context.sessionContext;
          await session.session.kernel.restart();
        }"""
    )
    notebook.wait_idle()
    again.drag("ball", 0, 20)  # no kernel knows of it any more
    moved = again.get("state")
    assert moved["initial"] < left["initial"]
    notebook.run_cell("BallAndLamp")
    assert explorables(page, 1)["ball-and-lamp"].get("state") == moved

    assert notebook.page_errors == []
    page.evaluate("() => window.jupyterapp.shell.currentWidget.context.save()")
    page.reload()
    last = explorables(page, 1)["ball-and-lamp"]
    last.wait_until("it.frames > 0")
    assert last.get("state") == moved


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_two_views_of_one_move_together_and_two_of_a_kind_do_not(
    run: Callable[..., Any], frontend: str
) -> None:
    notebook = run(frontend, IMPORT + "shown = BallAndLamp()\nshown", "shown", "BallAndLamp('own')")
    notebook.wait_for_all()
    page = notebook.page
    explorables(page, 3)
    first, _, own = (OnPage(page, view) for view in page.locator(".bnn-lab-explorable").all())
    first.wait_until("it.frames > 0")
    first.drag("ball", 0, -60)
    first.wait_until("it.state.initial !== 1")
    # With the first as it is now: Python may have changed both.
    page.wait_for_function(
        """() => {
          const views = [...document.querySelectorAll(".bnn-lab-explorable")];
          const [first, second] = views.map((view) => view.explorable.state.initial);
          return first !== 1 && first === second;
        }"""
    )
    assert own.get("state.initial") == 1


def test_window_theme_and_keys(run: Callable[..., Any]) -> None:
    notebook = run("lab", IMPORT + "BallAndLamp()", "'next'")
    notebook.wait_for_all()
    page = notebook.page
    one = explorables(page, 1)["ball-and-lamp"]
    for width in (1440, 1100, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        one.wait_until(f"it.canvas.clientWidth === it.width && it.width > {width / 2}")
        one.wait_until("it.canvas.clientHeight === it.height && it.height > 300")
    notebook.use_theme("JupyterLab Dark")
    one.wait_until("it.theme.dark")
    notebook.screenshot("dark")
    notebook.use_theme("JupyterLab Light")
    one.wait_until("!it.theme.dark")

    # JupyterLab's own keys must not go off: the arrow would select the next cell, D D delete it.
    cell = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    one.view.click(position={"x": 5, "y": 5})
    active = page.evaluate(cell)
    one.grip("ball").focus()
    before = one.get("state.initial")
    for key in ("ArrowDown", "ArrowDown", "d", "d"):
        page.keyboard.press(key)
    assert one.get("state.initial") < before
    assert page.evaluate(cell) == active
    assert len(notebook.cells()) == 2
    assert notebook.page_errors == []


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_a_script_that_loads_late_hears_python(
    open_notebook: Callable[[str, str], Any], write_notebook: Callable[..., str], frontend: str
) -> None:
    """Anywidget drops all messages to a widget that takes more than two seconds to load."""
    first = """
import plotly.graph_objects as go
from bnn_lab.widgets.live_figure import LiveFigure
figure = LiveFigure(go.Figure(go.Bar(y=[1]), {"title": {"text": "one"}}))
ball = BallAndLamp()
guess = Prediction("How many?", at=0.5)
"""
    second = "ball.drift = 0.25\nguess.reveal(30)\n"
    second += 'figure.show(go.Figure(go.Bar(y=[2]), {"title": {"text": "two"}}))'
    name = write_notebook(
        f"late_{frontend}.ipynb", IMPORT + first, "ball", "guess", "figure", second, "ball.step = 7"
    )
    notebook = open_notebook(name, frontend)
    page = notebook.page
    # Its two seconds are over before any script can have loaded.
    page.evaluate(
        """() => {
          const timeout = AbortSignal.timeout.bind(AbortSignal);
          AbortSignal.timeout = (ms) => timeout(ms === 2000 ? 0 : ms);
        }"""
    )
    notebook.run_all()
    found = explorables(page, 2)
    found["ball-and-lamp"].wait_until("it.state.drift === 0.25 && it.state.step === 7")
    found["predict-how-many"].wait_until("it.state.truth === 30")
    page.locator(".bnn-lab-plot .gtitle", has_text="two").wait_for()
    # And from now on, in both directions.
    notebook.run_cell("ball.step = 7")
    found["ball-and-lamp"].drag("ball", 0, -40)
    initial = found["ball-and-lamp"].get("state.initial")
    found["ball-and-lamp"].wait_until(f"it.model.get('initial') === {initial}")
