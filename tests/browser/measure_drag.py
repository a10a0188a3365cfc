"""Measures how an explorable follows a drag of one second in JupyterLab, while the kernel is busy.

    python tests/browser/measure_drag.py [--seconds 1] [--repeat 5]

For some explorables: how long after it has become visible it has answered a first drag; redraws
during a drag, and how many moves of the pointer the browser got in it, since more than that cannot
be; the frames that the page had time for; how long after the pointer is up the last redraw was;
script of a frame. Figures are this machine's, so nothing here passes or fails.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from playwright.async_api import async_playwright

BUSY = 600  # seconds that the kernel is blocked
MOUSE = 0.008  # seconds between two moves of a mouse, as usual ones report them
BACK = 0.4  # seconds from one end of a drag to the other
# Some explorables, the simplest and those that compute most, and what is dragged of each.
CLASSES = {"BallAndLamp": "ball", "BopExplorer": "upper", "TwinWorlds": "corner", "Fold": "pass"}
# How far the handle goes, there and back, several times in a drag.
REACH = {"ball": (0, -60), "upper": (0, -60), "corner": (-60, 30), "pass": (500, 0)}

WATCH = """
element => {
  const it = element.explorable;
  it.costs = [];
  const draw = it._draw.bind(it);
  it._draw = (now) => {
    const begun = performance.now();
    const more = draw(now);
    it.costs.push(performance.now() - begun);
    return more;
  };
  addEventListener("pointerup", () => { it.upAt = performance.now(); }, { capture: true });
  it.moves = it.pageFrames = 0;
  addEventListener("pointermove", () => { it.moves += 1; }, { capture: true });
  const count = () => { it.pageFrames += 1; requestAnimationFrame(count); };
  count();
}
"""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=1.0, help="of a drag")
    parser.add_argument("--repeat", type=int, default=5, help="drags of each explorable")
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_notebook(Path(folder) / "drag.ipynb")
        server, url = serve(Path(folder))
        try:
            asyncio.run(in_browser(url, options))
        finally:
            server.terminate()
            server.wait()


async def in_browser(url: str, options: argparse.Namespace) -> None:
    """Start a browser and measure."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=options.chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page(viewport={"width": 1440, "height": 1000})
        await measure(page, url, options)
        await browser.close()


def write_notebook(path: Path) -> None:
    """One explorable a cell, then a cell that blocks the kernel."""
    cells = ["from bnn_lab.widgets import *", *(f"{name}()" for name in CLASSES)]
    cells.append(f"import time; time.sleep({BUSY})")
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = new_notebook(cells=[new_code_cell(cell) for cell in cells], metadata=metadata)
    nbformat.write(notebook, path)


def serve(root: Path) -> tuple[subprocess.Popen[bytes], str]:
    """A Jupyter server of its own, and its address."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = os.environ | {
        name: str(root / ".jupyter")
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR")
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--ServerApp.root_dir={root}", f"--port={port}", "--IdentityProvider.token="]
    command += ["--LabApp.expose_app_in_browser=True", "--ip=127.0.0.1"]
    server = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}/"
    for _ in range(300):
        try:
            with urllib.request.urlopen(url + "api/status", timeout=5):
                return server, url
        except OSError:
            time.sleep(0.2)
    server.terminate()
    raise RuntimeError("the Jupyter server did not start")


async def measure(page: Any, url: str, options: argparse.Namespace) -> None:
    """Open the notebook, run it, and drag."""
    await page.goto(f"{url}lab/tree/drag.ipynb?reset", timeout=90_000)
    await page.wait_for_function(
        "window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel?.status"
        " === 'idle'",
        timeout=90_000,
    )
    await page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
    await page.wait_for_function(
        f"document.querySelectorAll('.bnn-lab-explorable').length === {len(CLASSES)}",
        timeout=90_000,
    )
    print(f"kernel busy; drags of {options.seconds:g} s, {options.repeat} each; worst, median")
    for (name, grip), view in zip(
        CLASSES.items(), await page.locator(".bnn-lab-explorable").all(), strict=True
    ):
        await view.evaluate(WATCH)
        first = await first_answer(page, view, grip)
        found = [await drag(page, view, grip, options.seconds) for _ in range(options.repeat)]
        redraws, moves, frames, late = zip(*found, strict=True)
        costs = sorted(await view.evaluate("element => element.explorable.costs"))
        print(
            f"{name:<12} first drag answered {first:4.0f} ms after it was visible; "
            f"redraws {min(redraws)}, {statistics.median(redraws):g} of "
            f"{min(moves)}, {statistics.median(moves):g} moves in "
            f"{min(frames)}, {statistics.median(frames):g} frames; "
            f"last redraw {max(late):.0f}, {statistics.median(late):.0f} ms after the pointer was "
            f"up; script of a frame p50 {costs[len(costs) // 2]:.1f}, "
            f"p95 {costs[int(len(costs) * 0.95)]:.1f} ms"
        )
    status = await page.evaluate(
        "window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.status"
    )
    print(f"the kernel is still {status}")


async def first_answer(page: Any, view: Any, grip: str) -> float:
    """Milliseconds from its coming into view to the first redraw of a drag."""
    handle = view.locator(f"[data-id='{grip}']")
    await view.scroll_into_view_if_needed()
    begun = await page.evaluate("performance.now()")
    box = await handle.bounding_box(timeout=10_000)
    await page.mouse.move(box["x"], box["y"])
    await page.mouse.down()
    dx, dy = REACH[grip]
    await page.mouse.move(box["x"] + dx / 2, box["y"] + dy / 2, steps=2)
    await page.evaluate(
        "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )
    answered = await view.evaluate("element => element.explorable.lastFrame")
    await page.mouse.up()
    return float(answered - begun)


async def drag(page: Any, view: Any, grip: str, seconds: float) -> tuple[int, int, int, float]:
    """Redraws, moves and the page's frames during a drag, and from its end to the last redraw."""
    counts = "({explorable: it}) => [it.frames, it.moves, it.pageFrames]"
    handle = view.locator(f"[data-id='{grip}']")
    box = await handle.bounding_box()
    dx, dy = REACH[grip]
    await page.mouse.move(box["x"], box["y"])
    await page.mouse.down()
    before = await view.evaluate(counts)
    # As a mouse does, without waiting for an answer to the move before; the browser joins those of
    # one frame. Waiting for each would measure the way to the browser and back.
    session = await page.context.new_cdp_session(page)
    begun, sent = time.monotonic(), []
    while (gone := time.monotonic() - begun) < seconds:
        share = abs((gone / BACK) % 2 - 1)
        x, y = box["x"] + dx * (1 - share), box["y"] + dy * (1 - share)
        event = {"type": "mouseMoved", "x": x, "y": y, "button": "left", "buttons": 1}
        sent.append(asyncio.create_task(session.send("Input.dispatchMouseEvent", event)))
        await asyncio.sleep(MOUSE)
    await asyncio.gather(*sent)
    after = await view.evaluate(counts)
    redraws, moves, frames = (b - a for a, b in zip(before, after, strict=True))
    await page.mouse.up()
    await page.wait_for_timeout(250)
    late = await view.evaluate("element => element.explorable.lastFrame - element.explorable.upAt")
    return redraws, moves, frames, max(float(late), 0.0)


if __name__ == "__main__":
    main()
