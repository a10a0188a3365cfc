"""Runs 'Measure your device' in headless Chromium and prints what it finds.

    python tests/browser/run_measure_page.py [--rounds 20] [--folder reports]

Once with relaxed SIMD and once without. `--folder` takes the reports, for `bnn-lab bench merge`.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGE = "docs/measure.html"
HANG = 600_000  # milliseconds


class Handler(SimpleHTTPRequestHandler):
    """The repository, and the page with the element that docs/measure.md puts into the site's."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {
        ".mjs": "text/javascript",
        ".js": "text/javascript",
        ".wasm": "application/wasm",
    }

    def do_GET(self) -> None:
        if self.path.split("?")[0] != f"/{PAGE}":
            super().do_GET()
            return
        (block,) = re.findall(r"```\{raw\} html\n(.*?)```", (DOCS / "measure.md").read_text(), re.S)
        head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        head += '<link rel="icon" href="data:,"><title>measure</title>'
        body = f'<!doctype html><html lang="en">{head}<body>{block}'.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def load(path: Path) -> Any:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextmanager
def served() -> Iterator[str]:
    """The address of a server that has all the page needs, LiteRT.js from the npm index too."""
    assert load(DOCS / "fetch_peers.py").main() == 0
    load(DOCS / "_ext/measure_page.py").make_files(None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(ROOT)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def finish(page: Any) -> None:
    """Wait until the page has measured or failed."""
    ended = "/Done|failed/.test(document.querySelector('#measure .status').textContent)"
    page.wait_for_function(ended, timeout=HANG)


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    with served() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        for mode in ("relaxed", "plain"):
            page = browser.new_page()
            page.goto(f"{site}{PAGE}?rounds={arguments.rounds}")
            page.select_option("#measure select", mode)
            page.click("#measure .primary")
            finish(page)
            load_average = f"load average {os.getloadavg()[0]:.1f}"
            print(page.inner_text("#measure .headline") or page.inner_text("#measure .status"))
            print(load_average, page.inner_text("#measure .notes"))
            print(page.inner_text("#measure table"), end="\n\n")
            if arguments.folder:
                with page.expect_download() as download:
                    page.click("text=Save the report")
                download.value.save_as(arguments.folder / f"{mode}.json")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
