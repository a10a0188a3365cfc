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
    bars = page.locator("#study-breakdown .barlayer .trace .point path")
    page.locator("#study-breakdown").scroll_into_view_if_needed()
    bars.first.wait_for(state="attached")
    fused = bars.evaluate_all("paths => paths.map((path) => path.getAttribute('d'))")
    page.get_by_role("combobox", name="ops").select_option(label="each on its own")
    page.wait_for_function(
        "(before) => JSON.stringify(before) !== JSON.stringify([...document.querySelectorAll("
        "'#study-breakdown .barlayer .trace .point path')].map((p) => p.getAttribute('d')))",
        arg=fused,
    )
    # A figure that is above the window is redrawn as high as it was.
    height = page.locator("#study-breakdown").bounding_box()["height"]
    page.locator("#study-threads").scroll_into_view_if_needed()
    page.evaluate(
        """() => {
          const labels = [...document.querySelectorAll("label")];
          const select = labels.find((one) => one.textContent.startsWith("ops")).control;
          select.selectedIndex = 0;
          select.dispatchEvent(new Event("change"));
        }"""
    )
    page.wait_for_function(
        "(wanted) => JSON.stringify(wanted) === JSON.stringify([...document.querySelectorAll("
        "'#study-breakdown .barlayer .trace .point path')].map((p) => p.getAttribute('d')))",
        arg=fused,
    )
    page.wait_for_timeout(300)
    assert page.locator("#study-breakdown").bounding_box()["height"] == pytest.approx(
        height, abs=30
    )
    sections = page.locator(f"#study-sections {POINTS}")
    page.locator("#study-sections").scroll_into_view_if_needed()
    sections.first.wait_for(state="attached")
    before = sections.count()
    page.get_by_role("combobox", name="section 1").select_option(label="without")
    page.wait_for_function(
        f"document.querySelectorAll('#study-sections {POINTS}').length === {before // 2}"
    )
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
    page.close()
    assert errors == []
