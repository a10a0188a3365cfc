"""What the front page costs on a slow device: bytes, seconds until it is alive, time of a stroke.

    make docs && python tests/browser/measure_front_page.py docs/_build/html [--cpu 4] [--runs 5]

Chromium's CPU is slowed down `--cpu` times, and its network is a phone's: `--kbps` kilobits a
second with `--latency` milliseconds a request. Files are sent packed, as web servers do. "Alive" is
the first drawn frame of the explorable that can be drawn on; each run is a visitor's first.

Other programs only ever make a run slower, so the fastest one is what the page itself takes. Beside
it stands how long the page's main thread worked in that time, the slowing included.
"""

from __future__ import annotations

import argparse
import gzip
import os
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

PACKED = {".html", ".css", ".js", ".svg", ".json"}
SHOWN = "document.querySelector('.bnn-lab-explorable')"
STROKES = """(rounds) => {
  const { compute, network } = bnnLabModules["draw_digit.js"];
  const { state } = document.querySelector(".bnn-lab-explorable").explorable;
  const net = network();
  const least = (run) => {
    let best = Infinity;
    for (let i = 0; i < rounds; i++) {
      const start = performance.now();
      for (let k = 0; k < 10; k++) run();
      best = Math.min(best, (performance.now() - start) / 10);
    }
    return best;
  };
  return [least(() => net.run()), least(() => compute(state))];
}"""


class Packing(SimpleHTTPRequestHandler):
    """A folder, its texts gzipped; `counted` holds what was sent: path, bytes, bytes unpacked."""

    counted: list[tuple[str, int, int]]

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        if path.suffix not in PACKED or not path.is_file():
            return super().do_GET()
        content = path.read_bytes()
        body = gzip.compress(content, 6)
        self.counted.append((self.path, len(body), len(content)))
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def visit(browser: Any, address: str, options: argparse.Namespace) -> tuple[float, float, float]:
    """Seconds until the first paint and until the first frame, and of tasks till then."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    devtools = context.new_cdp_session(page)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": options.cpu})
    network = {
        "offline": False,
        "latency": options.latency,
        "downloadThroughput": options.kbps * 1000 / 8,
        "uploadThroughput": options.kbps * 1000 / 8,
    }
    devtools.send("Performance.enable")
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", network)
    page.goto(address, wait_until="commit")
    # The page's own clock, which began with the request.
    alive = page.wait_for_function(
        f"{SHOWN}?.explorable.frames > 0 && performance.now()", polling=10
    ).json_value()
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    (tasks,) = [metric["value"] for metric in metrics if metric["name"] == "TaskDuration"]
    paint = page.evaluate("performance.getEntriesByName('first-contentful-paint')[0].startTime")
    context.close()
    return paint / 1e3, alive / 1e3, tasks


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("site", type=Path, help="folder of the built site")
    parser.add_argument("--cpu", type=float, default=4)
    parser.add_argument("--kbps", type=float, default=9000)
    parser.add_argument("--latency", type=float, default=60)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    Packing.counted = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Packing, directory=str(options.site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}/index.html"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        print(f"CPU {options.cpu:g} times slower, {options.kbps:g} kbit/s, {options.latency:g} ms")
        runs = []
        for _ in range(options.runs):
            Packing.counted.clear()
            paint, alive, tasks = visit(browser, address, options)
            runs.append((alive, paint, tasks))
            sent, whole = (sum(one[i] for one in Packing.counted) for i in (1, 2))
            print(
                f"first paint {paint:.2f} s, alive {alive:.2f} s, tasks {tasks:.2f} s; "
                f"{len(Packing.counted)} files, "
                f"{sent / 1e3:.0f} kB sent, {whole / 1e3:.0f} kB unpacked; load average "
                f"{os.getloadavg()[0]:.1f}"
            )
        alive, paint, tasks = min(runs)
        print(f"fastest: first paint {paint:.2f} s, alive {alive:.2f} s, tasks {tasks:.2f} s")
        for path, size, _ in sorted(Packing.counted, key=lambda one: -one[1])[:6]:
            print(f"  {size / 1e3:6.1f} kB  {path}")
        page = browser.new_page()
        page.goto(address)
        page.wait_for_function(f"{SHOWN}?.explorable.frames > 0")
        net, stroke = page.evaluate(STROKES, 50)
        print(
            f"a stroke, not slowed down: {net:.3f} ms for the network, {stroke:.3f} ms with "
            "rasterizing and comparing (fastest of 50 rounds)"
        )
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main()
