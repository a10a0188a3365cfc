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


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", choices=bundle.explorables())
    parser.add_argument("--start", type=json.loads, default={}, help="state as JSON")
    parser.add_argument("--drag", nargs=3, metavar=("HANDLE", "DX", "DY"), help="hold it there")
    parser.add_argument("--folder", type=Path, default=Path("build/look"))
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    page = options.folder / f"{options.module}.html"
    page.write_text(bundle.page(options.module, options.start), encoding="utf-8")
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
                viewport={"width": width, "height": 900},
                device_scale_factor=1.5,
                color_scheme=theme,
            )
            tab.on("pageerror", lambda error: print(f"error: {error}"))
            tab.goto(page.as_uri())
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
