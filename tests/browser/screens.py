"""Pictures of a whole lesson, screen by screen, to be looked at as a reader would.

    python tests/browser/screens.py 01 --folder /tmp/look --dark 1440 --light 1100
    python tests/browser/screens.py 01 --folder /tmp/look --light 390 --site docs/_build/html

Runs the lesson in JupyterLab (`--front notebook` for Notebook 7), opens its folded sections, and
writes `NN_FRONT_WIDTH_SCREEN.png` for each width in pixels. `--untrusted` shows what a reader sees
who was sent the stored notebook and has not run it. `--site FOLDER` takes the pages of the built
site in its place; `--columns N` puts that many screens beside each other.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

sys.path.insert(0, str(Path(__file__).parent))
from conftest import HANG, LESSONS, SECOND, NotebookPage, serve

# What scrolls: the notebook in Jupyter's pages, the page itself on the site.
SCROLLER = {
    "lab": "document.querySelector('.jp-Notebook .jp-WindowedPanel-outer') ?? "
    "document.querySelector('.jp-Notebook')",
    "notebook": "document.querySelector('.jp-Notebook .jp-WindowedPanel-outer') ?? "
    "document.querySelector('.jp-Notebook')",
    "site": "document.scrollingElement",
}
OVERLAP = 60


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lesson", help="start of its file's name, such as 03")
    parser.add_argument("--folder", type=Path, default=Path("build/screens"))
    for theme in ("light", "dark"):
        parser.add_argument(
            f"--{theme}", type=int, metavar="WIDTH", action="append", default=[], help="repeatable"
        )
    parser.add_argument("--height", type=int, default=900)
    parser.add_argument("--front", choices=("lab", "notebook"), default="lab")
    parser.add_argument("--site", type=Path, help="folder of the built site's HTML")
    parser.add_argument("--untrusted", action="store_true", help="as stored, scripts not allowed")
    parser.add_argument("--columns", type=int, default=1, help="screens beside each other")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    found = sorted(LESSONS.glob(f"{options.lesson}*.ipynb"))
    if len(found) != 1:
        parser.error(f"{len(found)} lessons begin with {options.lesson}")
    options.folder.mkdir(parents=True, exist_ok=True)
    front = "site" if options.site else options.front
    views = [(width, theme) for theme in ("light", "dark") for width in getattr(options, theme)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=options.chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1100, "height": options.height})
        page.set_default_timeout(4 * HANG * SECOND)
        page.on("pageerror", lambda error: print(f"error: {error}"))
        with _opened(page, found[0], options) as notebook:
            for width, theme in views or [(1440, "dark"), (1100, "light")]:
                page.set_viewport_size({"width": width, "height": options.height})
                page.emulate_media(color_scheme=theme)
                if notebook is not None:
                    notebook.use_theme(f"JupyterLab {theme.capitalize()}")
                kind = f"{front}-untrusted" if options.untrusted else front
                name = f"{found[0].stem[:2]}_{kind}_{width}_{theme}"
                _shoot(page, SCROLLER[front], options.folder / name, options.columns)
        browser.close()


@contextmanager
def _opened(page: Any, lesson: Path, options: Any) -> Iterator[NotebookPage | None]:
    """The page shows the lesson, with all folds open; yields None on the site."""
    if options.site:
        page.goto((options.site / "lessons" / f"{lesson.stem}.html").resolve().as_uri())
        _unfold(page)
        yield None
        return
    with tempfile.TemporaryDirectory() as home, serve(Path(home)) as server:
        notebook = NotebookPage(page, lesson.name, options.front, options.folder)
        notebook.open(server.url)
        if options.front == "lab":
            page.evaluate("window.jupyterapp.shell.collapseLeft()")
        if not options.untrusted:
            notebook.run_all()
        _unfold(page)
        yield notebook
        print("\n".join(notebook.clutter()))
        notebook.close()


def _unfold(page: Any) -> None:
    """Open folded sections and details."""
    page.evaluate(
        """() => {
          window.jupyterapp?.commands.execute('notebook:expand-all-headings');
          document.querySelectorAll('details').forEach(fold => { fold.open = true; });
        }"""
    )
    page.wait_for_timeout(300)


def _shoot(page: Any, scroller: str, stem: Path, columns: int) -> None:
    """Scroll from top to end, a picture for each screen."""
    page.evaluate(f"({scroller}).scrollTop = 0")
    page.wait_for_timeout(500)
    screens: list[Path] = []
    while True:
        # Figures are drawn when they come into view.
        page.wait_for_timeout(700)
        path = stem.with_name(f"{stem.name}_{len(screens):02d}.png")
        page.screenshot(path=path)
        screens.append(path)
        moved = page.evaluate(
            f"""() => {{
              const box = {scroller}, before = box.scrollTop;
              box.scrollBy({{ top: box.clientHeight - {OVERLAP}, behavior: 'instant' }});
              return box.scrollTop > before + 1;
            }}"""
        )
        if not moved:
            break
    if columns == 1:
        print(f"{len(screens)} screens: {stem.name}_00.png and on")
        return
    for first in range(0, len(screens), columns):
        pictures = [Image.open(path) for path in screens[first : first + columns]]
        wide, high = pictures[0].size
        sheet = Image.new("RGB", (len(pictures) * (wide + 8), high), "#888")
        for number, picture in enumerate(pictures):
            sheet.paste(picture, (number * (wide + 8), 0))
        sheet.save(stem.with_name(f"{stem.name}_sheet_{first // columns:02d}.png"))
    for path in screens:
        path.unlink()
    print(f"{-(-len(screens) // columns)} sheets: {stem.name}_sheet_00.png and on")


if __name__ == "__main__":
    main()
