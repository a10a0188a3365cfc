"""Pictures of an explorable on a page from disk, to be looked at.

    python tests/browser/look.py ball_and_lamp --start '{"step": 150}' --drag ball 0 -80

Writes rest, drag and dark at 1100 pixels, and phone at 390, to --folder.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from bnn_lab.widgets import bundle

PAGE = """<!doctype html><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<body style="margin: 12px; background: {paper}; font-family: system-ui">
<div class="bnn-lab-explorable-here" data-explorable="{module}" data-start='{start}'></div>
<script src="explorables.js"></script>"""
PAPERS = {"light": "#ffffff", "dark": "#131416"}


def write_page(folder: Path, module: str, start: dict[str, Any], theme: str = "light") -> Path:
    """A page with one explorable and its scripts, for file://."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "explorables.js").write_text(bundle.classic_core(), encoding="utf-8")
    (folder / f"{module}.js").write_text(bundle.classic(module), encoding="utf-8")
    page = folder / f"{module}-{theme}.html"
    text = PAGE.format(paper=PAPERS[theme], module=module, start=json.dumps(start))
    page.write_text(text, encoding="utf-8")
    return page


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", choices=bundle.explorables())
    parser.add_argument("--start", type=json.loads, default={}, help="state as JSON")
    parser.add_argument("--drag", nargs=3, metavar=("HANDLE", "DX", "DY"), help="hold it there")
    parser.add_argument("--folder", type=Path, default=Path("build/look"))
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=options.chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for name, width, theme in (
            ("rest", 1100, "light"),
            ("dark", 1100, "dark"),
            ("phone", 390, "light"),
        ):
            tab = browser.new_page(
                viewport={"width": width, "height": 900}, device_scale_factor=1.5
            )
            tab.on("pageerror", lambda error: print(f"error: {error}"))
            tab.goto(write_page(options.folder, options.module, options.start, theme).as_uri())
            tab.wait_for_function(
                "document.querySelector('.bnn-lab-explorable')?.explorable?.frames > 0"
            )
            tab.wait_for_timeout(200)
            _shoot(tab, options.folder / f"{options.module}-{name}.png")
            if options.drag:
                handle, dx, dy = options.drag
                box = tab.locator(f".grip[data-id='{handle}']").bounding_box()
                tab.mouse.move(box["x"], box["y"])
                tab.mouse.down()
                tab.mouse.move(box["x"] + float(dx), box["y"] + float(dy), steps=12)
                tab.wait_for_timeout(100)
                _shoot(tab, options.folder / f"{options.module}-{name}-drag.png")
                tab.mouse.up()
            tab.close()
        browser.close()


def _shoot(tab: Any, path: Path) -> None:
    tab.screenshot(path=path, full_page=True)
    print(path)


if __name__ == "__main__":
    main()
