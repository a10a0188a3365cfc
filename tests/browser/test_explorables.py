"""Explorables in JupyterLab and Notebook 7: alive from the start, whatever the kernel does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

FRONTENDS = ("lab", "notebook")

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

    def wait_until_drawn(self) -> None:
        self.page.wait_for_function(
            "element => element.explorable.frames > 0", arg=self.view.element_handle()
        )

    def grip(self, name: str) -> Any:
        """What can be grabbed, by its id."""
        return self.view.locator(f"[data-id='{name}']")

    def drag(self, name: str, dx: float, dy: float, steps: int = 10) -> None:
        """Move it by this many pixels, with the mouse."""
        self.grip(name).scroll_into_view_if_needed()
        box = self.grip(name).bounding_box()
        self.page.mouse.move(box["x"], box["y"])
        self.page.mouse.down()
        self.page.mouse.move(box["x"] + dx, box["y"] + dy, steps=steps)
        self.page.mouse.up()


def explorables(page: Any, count: int) -> list[OnPage]:
    """All explorables of a page, once there are this many of them."""
    views = page.locator(".bnn-lab-explorable")
    page.wait_for_function(f"document.querySelectorAll('.bnn-lab-explorable').length >= {count}")
    return [OnPage(page, views.nth(index)) for index in range(views.count())]


@pytest.mark.parametrize("frontend", FRONTENDS)
def test_it_answers_while_the_kernel_is_busy(
    open_notebook: Callable[[str, str], Any],
    write_notebook: Callable[..., str],
    blocker: Any,
    frontend: str,
) -> None:
    name = write_notebook(
        f"busy_{frontend}.ipynb",
        "from bnn_lab.widgets import BallAndLamp\nBallAndLamp()",
        blocker.source,
    )
    notebook = open_notebook(name, frontend)
    notebook.start_all()
    (shown,) = explorables(notebook.page, 1)
    shown.wait_until_drawn()
    before = shown.get("state.initial")
    shown.drag("ball", 0, -60)
    assert shown.get("state.initial") > before
    assert notebook.page.evaluate("() => window.bnnLabRan") is None
    notebook.screenshot("dragged")
    assert notebook.page_errors == []
