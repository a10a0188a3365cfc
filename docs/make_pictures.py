"""The README's moving picture and the card of links to the site, filmed from explorables.

    python docs/make_pictures.py

Writes docs/images/tour.webp and docs/_static/social-card.png. What is drawn is bnn_lab's own: the
network of the front page answers while the strokes are made, and the flicker plays its example.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from bnn_lab.widgets import bundle

DOCS = Path(__file__).parent
SHOWN = "document.querySelector('.bnn-lab-explorable')"
VIEW = {"width": 860, "height": 640}
WIDTH = 720  # of the moving picture
FRAME = 90  # milliseconds
CARD = (1200, 630)
LARGEST = 1_500_000  # bytes


def open_page(
    browser: Any, folder: Path, module: str, start: dict[str, Any], **options: Any
) -> Any:
    """A page with one explorable, drawn."""
    path = folder / f"{module}.html"
    path.write_text(bundle.page(module, start), encoding="utf-8")
    page = browser.new_page(viewport=VIEW, **options)
    page.goto(path.as_uri())
    page.wait_for_function(f"{SHOWN}?.explorable.frames > 0")
    return page


def picture(page: Any) -> Image.Image:
    """What the window shows."""
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def drawing(page: Any, strokes: list[list[int]], every: int = 2) -> Iterator[Image.Image]:
    """Draws with the mouse."""
    page.get_by_role("button", name="clear").click()
    box = page.locator(".area[data-id=paper]").bounding_box()
    unit = box["width"] / 280
    for stroke in strokes:
        points = [
            (box["x"] + x * unit, box["y"] + y * unit)
            for x, y in zip(stroke[::2], stroke[1::2], strict=True)
        ]
        page.mouse.move(*points[0])
        page.mouse.down()
        for number, point in enumerate(points[1:]):
            page.mouse.move(*point, steps=4)
            if number % every == 0:
                yield picture(page)
        page.mouse.up()
    for _ in range(9):
        page.wait_for_timeout(60)
        yield picture(page)


def flickering(page: Any) -> Iterator[Image.Image]:
    """Plays the example of the flicker."""
    steps = page.evaluate(f"{SHOWN}.explorable.scene().data.frames")
    for step in range(0, steps, max(1, steps // 36)):
        page.evaluate(f"{SHOWN}.explorable.player.seek({step})")
        page.wait_for_timeout(60)
        yield picture(page)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    digits = json.loads((bundle.SOURCES / "nets" / "strokes.json").read_text())
    frames: list[Image.Image] = []
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(
            executable_path=options.chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = open_page(browser, Path(folder), "draw_digit", {})
        page.wait_for_timeout(3000)  # the stopwatches
        for strokes in digits[:3]:
            frames += drawing(page, strokes)
        weights = page.locator(".area[data-id=weights]")
        for x, y in ((30, 30), (130, 130), (220, 40)):
            weights.click(position={"x": x, "y": y})
            page.wait_for_timeout(150)
            frames += [picture(page)] * 8
        page.close()
        page = open_page(browser, Path(folder), "flicker", {})
        frames += flickering(page)
        page.close()
        page = open_page(browser, Path(folder), "draw_digit", {}, device_scale_factor=2)
        page.wait_for_timeout(3000)
        large = picture(page)
        browser.close()
    size = (WIDTH, round(WIDTH * VIEW["height"] / VIEW["width"]))
    frames = [frame.resize(size, Image.Resampling.LANCZOS) for frame in frames]
    target = DOCS / "images" / "tour.webp"
    frames[0].save(
        target,
        save_all=True,
        append_images=frames[1:],
        duration=FRAME,
        loop=0,
        quality=42,
        method=4,
    )
    stored = target.stat().st_size
    print(f"{target}: {len(frames)} frames, {stored:,} bytes")
    if stored > LARGEST:
        raise SystemExit(f"larger than {LARGEST:,} bytes")
    large.crop((0, 0, large.width, round(large.width * CARD[1] / CARD[0]))).resize(CARD).save(
        DOCS / "_static" / "social-card.png", optimize=True
    )


if __name__ == "__main__":
    main()
