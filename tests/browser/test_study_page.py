"""A page of studies, opened from a disk: its figures' controls work without Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bnn_lab.bench.report import EXAMPLE, read_report
from bnn_lab.cli.page import write_page

pytestmark = pytest.mark.slow
POINTS = ".scatterlayer .trace path.point"


def test_controls_of_a_page(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    report = read_report(EXAMPLE)
    write_page([report], path)
    page = browser.new_page(viewport={"width": 390, "height": 900})
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(path.as_uri())
    figure = page.locator("figure", has_text="binary MACs per float MAC")
    said = figure.locator("p[role=status]")
    said.filter(has_text="correlation of the logarithms").wait_for()
    before = said.inner_text()
    place = figure.locator(POINTS).last
    place.wait_for(state="attached")
    there = place.bounding_box()
    figure.locator("input[type=range]").fill("0")
    said.filter(has_text="counts as 1.00 binary ones").wait_for()
    assert said.inner_text() != before and place.bounding_box() != there
    bars = page.locator("figure", has_text="share of the time").first
    bars.locator("select").first.select_option(label="milliseconds")
    bars.locator(".xtitle", has_text="milliseconds").wait_for()
    # Controls push what is below them down; nothing lies over anything, or beside the page.
    for one in page.locator("figure").all()[:4]:
        plot = one.locator(".plotly-graph-div").bounding_box()
        words = one.locator("figcaption").bounding_box()
        assert plot["y"] + plot["height"] <= words["y"] + 1
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth - {root}.clientWidth") == 0
    page.close()
    assert errors == []
