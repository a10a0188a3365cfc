"""The studies' figures on the site: their controls work without Python."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.slow
POINTS = ".scatterlayer .trace path.point"


def test_controls_of_the_studies(browser: Any, served: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.set_default_timeout(120_000)  # bounds a hang, and asserts no speed
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{served}studies.html")
    for name in ("macs", "speedup"):  # a figure is drawn once it is near
        page.locator(f"#study-{name}").scroll_into_view_if_needed()
        page.locator(f"#study-{name} {POINTS}").first.wait_for(state="attached")
    said = page.get_by_text("correlation of the logarithms")
    slider = page.get_by_label("binary MACs per float MAC")
    texts = []
    for end in ("0", "400"):
        slider.fill(end)
        page.get_by_text(f"One float MAC counts as {('1.00', '100')[end == '400']}").wait_for()
        texts.append(said.inner_text())
    assert len(set(texts)) == 2
    points = page.locator(f"#study-speedup {POINTS}")
    before = points.count()
    page.get_by_role("combobox", name="kernel").select_option(label="5x5")
    page.wait_for_function(
        f"document.querySelectorAll('#study-speedup {POINTS}').length < {before}"
    )
    page.get_by_role("combobox", name="show").first.select_option(label="over float32")
    page.locator(".figure-title", has_text="Times faster than float32").wait_for()
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
    page.close()
    assert errors == []
