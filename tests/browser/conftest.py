"""Drives notebooks in JupyterLab 4 and Notebook 7 as a reader does, in Debian's Chromium.

One Jupyter server with folders of its own serves both. What is asserted on is the notebook's model
and the page's DOM, never pixels; nothing waits for a fixed time.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

LESSONS = Path(__file__).parents[2] / "notebooks" / "lessons"

# All cells stay attached to the page; no dialogs about news.
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
}
ADDRESS = {"lab": "lab/tree/", "notebook": "notebooks/"}
SECOND = 1000  # playwright counts milliseconds
# After this many seconds what must come will never come. It bounds a hang, and asserts no speed.
HANG = 180

# What a view shows: every plot's data and the parts of its layout that carry content, or, where
# there is no plot, the text and pictures.
_VIEW = """
root => {
  const plain = (key, value) => ArrayBuffer.isView(value) ? Array.from(value) : value;
  const plots = [...root.querySelectorAll('.js-plotly-plot')].map(plot => [plot.data, ...[
    'title', 'shapes', 'annotations', 'xaxis', 'yaxis'].map(part => (plot.layout || {})[part])]);
  if (plots.length) return JSON.stringify(plots, plain);
  return root.innerText + [...root.querySelectorAll('img, svg')].map(x => x.outerHTML).join();
}
"""


class JupyterServer:
    """A running server.

    Attributes:
        url: ends with "/".
        root: the folder of the notebooks it serves.
    """

    def __init__(self, url: str, root: Path, log: Path, process: subprocess.Popen[bytes]) -> None:
        self.url, self.root, self.log, self.process = url, root, log, process

    def wait(self) -> None:
        """Until it answers."""
        deadline = time.monotonic() + HANG
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(self.url + "api/status", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError(f"the Jupyter server did not start:\n{self.log.read_text()[-3000:]}")


@contextmanager
def serve(home: Path) -> Iterator[JupyterServer]:
    """A server with its own configuration, data and a copy of the lessons.

    Args:
        home: an empty folder for all of it.
    """
    root = home / "notebooks"
    shutil.copytree(LESSONS, root, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    for name, setting in SETTINGS.items():
        path = home / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(setting))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "IPYTHONDIR": str(home / "ipython"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }
    # pytest-cov and others must not reach into the kernels.
    environment = {k: v for k, v in environment.items() if not k.startswith("COV_")}
    log = home / "server.log"
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"]
    command += [f"--ServerApp.root_dir={root}", f"--port={port}", "--ServerApp.port_retries=0"]
    command += ["--IdentityProvider.token=", "--ServerApp.password=", "--ip=127.0.0.1"]
    command += ["--LabApp.expose_app_in_browser=True"]
    command += ["--JupyterNotebookApp.expose_app_in_browser=True"]
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, cwd=root, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
    server = JupyterServer(f"http://127.0.0.1:{port}/", root, log, process)
    try:
        server.wait()
        yield server
    finally:
        process.terminate()  # it ends its kernels
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterServer]:
    """See `serve`."""
    with serve(tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture
def write_notebook(jupyter: JupyterServer) -> Callable[..., str]:
    """`write_notebook(name, *sources of code cells)` returns the file's name."""

    def write(name: str, *sources: str) -> str:
        metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
        cells = [new_code_cell(source) for source in sources]
        nbformat.write(new_notebook(cells=cells, metadata=metadata), jupyter.root / name)
        return name

    return write


class Blocker(NamedTuple):
    """A cell that keeps its kernel busy until it is released."""

    flag: Path

    @property
    def source(self) -> str:
        return f"""
from pathlib import Path
from time import sleep
while not Path({str(self.flag)!r}).exists():
    sleep(0.05)
"""

    def release(self) -> None:
        self.flag.touch()


@pytest.fixture
def blocker(tmp_path: Path) -> Blocker:
    return Blocker(tmp_path / "released")


@pytest.fixture
def open_notebook(
    browser: Any, jupyter: JupyterServer, screenshots: Path
) -> Iterator[Callable[[str, str], NotebookPage]]:
    """`open_notebook(file_name, frontend)`: frontend is "lab" or "notebook"."""
    pages: list[NotebookPage] = []

    def start(name: str, frontend: str) -> NotebookPage:
        page = browser.new_page(viewport={"width": 1400, "height": 1300})
        page.set_default_timeout(HANG * SECOND)
        opened = NotebookPage(page, name, frontend, screenshots)
        pages.append(opened)
        opened.open(jupyter.url)
        return opened

    yield start
    for opened in pages:
        opened.close()


class NotebookPage:
    """A notebook in a browser tab.

    Attributes:
        page: the playwright page.
        name: the notebook's file name.
        frontend: "lab" or "notebook".
        page_errors: exceptions that the page's scripts threw since the notebook was open; those
            before are the front end's own.
    """

    def __init__(self, page: Any, name: str, frontend: str, screenshots: Path) -> None:
        self.page, self.name, self.frontend, self._folder = page, name, frontend, screenshots
        self.page_errors: list[str] = []
        page.on("pageerror", lambda error: self.page_errors.append(str(error)))

    def open(self, url: str) -> None:
        """Load the page and wait for the notebook and its kernel."""
        # JupyterLab would also open what was open before.
        address = url + ADDRESS[self.frontend] + self.name
        self.page.goto(address + "?reset" * (self.frontend == "lab"))
        self.page.wait_for_function(
            """() => {
              const widget = window.jupyterapp?.shell?.currentWidget;
              const kernel = widget?.context?.sessionContext?.session?.kernel;
              return widget?.context?.isReady && kernel?.status === 'idle';
            }"""
        )
        self.page_errors.clear()

    def run_all(self) -> None:
        """Run all cells, as the menu does, and wait for them."""
        self.start_all()
        self.wait_for_all()

    def start_all(self) -> None:
        """Run all cells without waiting."""
        self.page.evaluate(
            "() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')"
        )
        self.page.evaluate(
            """() => {
              window.bnnLabRan = null;
              window.jupyterapp.commands.execute('notebook:run-all-cells').then(
                () => { window.bnnLabRan = true; }, error => { window.bnnLabRan = String(error); });
            }"""
        )

    def wait_for_all(self) -> None:
        """Until all cells have run, or one has failed."""
        self.page.wait_for_function("() => window.bnnLabRan !== null")
        self.wait_idle()

    def wait_idle(self) -> None:
        """Until the kernel has done all that it was asked before now."""
        self.page.evaluate(
            """async () => {
              const context = window.jupyterapp.shell.currentWidget.context.sessionContext;
              await context.session.kernel.requestKernelInfo();
            }"""
        )

    def settle(self) -> None:
        """Until page and kernel have done all that follows from what was done before now.

        A widget holds a change back while an earlier one is under way, so that its message may
        come after the kernel's first answer here, but not after its second. What the page makes of
        the kernel's messages is drawn in the frames after them.
        """
        for _ in range(3):
            self.wait_idle()
            self.page.evaluate(
                """async () => {
                  const frame = () => new Promise(done => requestAnimationFrame(() => done()));
                  await frame();
                  await frame();
                }"""
            )

    def cells(self) -> list[dict[str, Any]]:
        """The notebook as it would be saved: source, tags and outputs of each cell."""
        model = "() => window.jupyterapp.shell.currentWidget.content.model.toJSON().cells"
        found: list[dict[str, Any]] = self.page.evaluate(model)
        return found

    def clutter(self) -> list[str]:
        """Errors, warnings and other text that does not belong into a lesson, cell by cell."""
        found = []
        for number, cell in enumerate(self.cells()):
            for output in cell.get("outputs", ()):
                if output["output_type"] == "error":
                    text = "".join(output["traceback"])[-1500:]
                elif output.get("name") == "stderr":
                    text = "".join(output["text"])[:1500]
                elif match := _noise(output):
                    text = match
                else:
                    continue
                found.append(f"cell {number}: {text}")
        return found

    def not_run(self) -> list[int]:
        """Numbers of the code cells with content that did not run."""
        return [
            number
            for number, cell in enumerate(self.cells())
            if cell["cell_type"] == "code"
            and "".join(cell["source"]).strip()
            and not cell["execution_count"]
        ]

    def explorers(self) -> dict[str, ExplorerOnPage]:
        """Name to explorer; one shown twice counts once, by its last view."""
        views = self.page.locator(".bnn-lab-explorer")
        found = {}
        for index in range(views.count()):
            classes = (views.nth(index).get_attribute("class") or "").split()
            names = [c for c in classes if c.startswith("bnn-lab-") and c != "bnn-lab-explorer"]
            # Some carry a longer name, too, under which their state is kept.
            name = min(names, key=len, default=f"unnamed-{index}").removeprefix("bnn-lab-")
            found[name] = ExplorerOnPage(self, name, views.nth(index))
        return found

    def guess(self, number: float, which: int = 0) -> None:
        """Type a guess into a *predict* prompt."""
        # The explorable's shadow root is open, so a locator reaches into it.
        field = self.page.locator("[class*=bnn-lab-predict-] .guess input").nth(which)
        field.fill(str(number))
        field.press("Enter")
        self.wait_idle()

    def run_cell(self, containing: str) -> str:
        """Run the first code cell with this text again; returns what it prints."""
        found = [
            index
            for index, cell in enumerate(self.cells())
            if cell["cell_type"] == "code" and containing in "".join(cell["source"])
        ]
        assert found, f"{self.name} has no cell with {containing!r}"
        number = found[0]
        self.page.evaluate(
            """async number => {
              const app = window.jupyterapp;
              app.shell.currentWidget.content.activeCellIndex = number;
              app.shell.currentWidget.content.deselectAll();
              await app.commands.execute('notebook:run-cell');
            }""",
            number,
        )
        outputs = self.cells()[number]["outputs"]
        return "".join("".join(output.get("text", "")) for output in outputs)

    @contextmanager
    def busy(self, flag: Path) -> Iterator[None]:
        """Meanwhile the kernel does something else, until `flag`, a file that is not there, is."""
        kernel = "window.jupyterapp.shell.currentWidget.context.sessionContext.session.kernel"
        code = Blocker(flag).source
        self.page.evaluate(f"code => void {kernel}.requestExecute({{ code }})", code)
        self.page.wait_for_function(f"() => {kernel}.status === 'busy'")
        try:
            yield
            assert self.page.evaluate(f"() => {kernel}.status") == "busy"
        finally:
            flag.touch()
            self.wait_idle()

    def drag_to_both_ends(self, view: Any) -> list[str]:
        """Grips with the mouse, sliders with their keys; names what leaves the state as it is.

        Args:
            view: locator of an explorable.
        """
        page = self.page
        view.scroll_into_view_if_needed()
        name = view.evaluate("element => element.explorable.name")
        state = "element => JSON.stringify([element.explorable.state, element.explorable.local])"
        wrong = []
        # A grip is a point, which playwright takes for invisible. One without effect is not there.
        ids = view.locator(".grip").evaluate_all("grips => grips.map(grip => grip.dataset.id)")
        for grip in (view.locator(f".grip[data-id='{id}']") for id in ids):
            if not grip.count():
                continue  # gone since another one was dragged
            seen = set()
            for direction in (1, -1):
                grip.evaluate("element => element.scrollIntoView({ block: 'center' })")
                box = grip.bounding_box()
                page.mouse.move(box["x"], box["y"])
                page.mouse.down()
                page.mouse.move(box["x"] + 900 * direction, box["y"] - 900 * direction, steps=4)
                page.mouse.up()
                seen.add(view.evaluate(state))
            if len(seen) < 2:
                wrong.append(f"{name}: {grip.get_attribute('aria-label')} cannot be dragged")
        for slider in view.locator("input[type=range]:visible:enabled").all():
            if slider.evaluate("input => input.closest('[inert]') !== null"):
                continue  # without an effect in this state
            seen = set()
            for key in ("End", "Home"):
                slider.press(key)
                seen.add(view.evaluate("element => JSON.stringify(element.explorable.state)"))
                seen.add(slider.input_value())
            if len(seen) < 4:
                wrong.append(f"{name}: {slider.get_attribute('aria-label')} does not move")
        # And it is still drawn.
        drawn = view.evaluate("element => element.explorable.frames")
        view.evaluate("element => element.explorable.redraw()")
        page.wait_for_function(
            f"element => element.explorable.frames > {drawn}", arg=view.element_handle()
        )
        return wrong

    def use_theme(self, name: str) -> None:
        """Such as "JupyterLab Dark"."""
        self.page.evaluate(
            "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", name
        )
        light = str("Dark" not in name).lower()
        self.page.wait_for_function(f"() => document.body.dataset.jpThemeLight === '{light}'")
        # JupyterLab 4.6 fails if the next change comes before this one's splash screen has gone.
        self.page.wait_for_function("() => !document.getElementById('jupyterlab-splash')")

    def screenshot(self, name: str, view: Any = None) -> Path:
        """Save a picture of an element, or of what the window shows."""
        stem = re.sub(r"[^\w.-]+", "-", f"{Path(self.name).stem}-{self.frontend}-{name}")
        path = self._folder / f"{stem}.png"
        if view is not None:
            view.scroll_into_view_if_needed()
        (view or self.page).screenshot(path=path)
        return path

    def close(self) -> None:
        """End the kernel, then the tab: its unsaved changes are nobody's."""
        self.page.evaluate(
            """async () => {
              const app = window.jupyterapp;
              await app?.shell?.currentWidget?.context?.sessionContext?.shutdown();
            }"""
        )
        self.page.close(run_before_unload=False)


class ExplorerOnPage:
    """An explorer as a reader sees it.

    Attributes:
        name: of `bnn_lab.widgets.Explorer`.
        view: playwright locator of its element.
        patience: seconds to wait for a change that must come, beyond what `settle` waits for.
    """

    patience = 120

    def __init__(self, notebook: NotebookPage, name: str, view: Any) -> None:
        self.notebook, self.name, self.view = notebook, name, view
        self._page = notebook.page

    def shows(self) -> str:
        """All that its plots show, as text to compare."""
        shown: str = self.view.evaluate(_VIEW)
        return shown

    def wait_until_drawn(self) -> None:
        """Until every plot has been drawn; explorers without a plot are at once."""
        self._page.wait_for_function(
            """root => {
              const boxes = [...root.querySelectorAll(
                '.bnn-lab-plot, .plotly-graph-div, .js-plotly-plot')];
              return boxes.every(box => box.querySelector('.main-svg'));
            }""",
            arg=self.view.element_handle(),
        )

    def errors(self) -> str:
        """What its Output widgets show as errors, and scripts that could not draw."""
        wrong = self.view.locator(
            "[data-mime-type='application/vnd.jupyter.stderr'], "
            "[data-mime-type='application/vnd.jupyter.error']"
        )
        return "\n".join(wrong.all_inner_texts())

    def sliders(self) -> list[SliderOnPage]:
        """The handles of all sliders that are shown."""
        handles = self.view.locator(".noUi-handle:visible")
        return [SliderOnPage(self, handles.nth(index)) for index in range(handles.count())]

    def try_dropdowns(self) -> list[str]:
        """Choose every option of every dropdown; returns what went wrong."""
        wrong = []
        boxes = self.view.locator("select:visible")
        for index in range(boxes.count()):
            box = boxes.nth(index)
            label = _label(box)
            options = box.locator("option").count()
            start = box.evaluate("box => [...box.selectedOptions].map(option => option.index)")
            seen = []
            for chosen in [*([option] for option in range(options)), start]:
                box.select_option(index=chosen)
                self.notebook.settle()  # one option may look like another
                seen.append(self.shows())
                wrong += self._trouble(f"dropdown {label}, option {chosen}")
            if len(set(seen)) < 2 <= options:
                wrong.append(f"{self.name}: dropdown {label} changes nothing")
        return wrong

    def try_checkboxes(self) -> list[str]:
        """Toggle every checkbox there and back; returns what went wrong."""
        wrong = []
        boxes = self.view.locator("input[type=checkbox]:visible")
        for index in range(boxes.count()):
            label = _label(boxes.nth(index))
            before = self.shows()
            boxes.nth(index).press("Space")
            wrong += self._must_change(before, f"checkbox {label}")
            before = self.shows()
            boxes.nth(index).press("Space")
            wrong += self._must_change(before, f"checkbox {label}, back")
        return wrong

    def try_sliders(self, most: int | None = None) -> list[str]:
        """Move each slider, or the first `most`, to both ends; returns what went wrong."""
        wrong = []
        for slider in self.sliders()[:most]:
            wrong += slider.try_both_ends()
        return wrong

    def _must_change(self, before: str, action: str) -> list[str]:
        """Wait until the view differs from `before`; says what is wrong, if anything."""
        deadline = time.monotonic() + self.patience
        while self.shows() == before:
            if self.errors() or time.monotonic() > deadline:
                return [*self._trouble(action), f"{self.name}: {action} changes nothing"]
            self.notebook.settle()
        return self._trouble(action)

    def _trouble(self, action: str) -> list[str]:
        return [f"{self.name}: {action}: {self.errors()}"] if self.errors() else []


class SliderOnPage:
    """One handle of a slider, moved by the keyboard."""

    def __init__(self, explorer: ExplorerOnPage, handle: Any) -> None:
        self.explorer, self.handle = explorer, handle
        self.label = _label(handle)

    def at(self) -> float:
        """Where the handle is, in the slider's own units."""
        return float(self.handle.get_attribute("aria-valuenow"))

    def press(self, key: str) -> list[str]:
        """Press a key; if the handle moves, what is shown must change."""
        before, shown = self.at(), self.explorer.shows()
        self.handle.focus()
        self.handle.press(key)
        if self.at() == before:
            return []
        return self.explorer._must_change(shown, f"slider {self.label}, {key}")

    def put(self, readout: str) -> None:
        """Type a value into the number beside the slider, if it has one."""
        box = self.handle.locator(
            "xpath=ancestor::*[contains(@class, 'widget-inline-hbox')][1]"
        ).locator(".widget-readout")
        if readout and box.count():
            box.fill(readout)
            box.press("Enter")
            self.explorer.notebook.settle()

    def readout(self) -> str:
        """The number beside the slider."""
        text: str = self.handle.evaluate(
            """handle => handle.closest('.widget-inline-hbox')
                 ?.querySelector('.widget-readout')?.innerText || ''"""
        )
        return text

    def try_both_ends(self) -> list[str]:
        """End, then Home; returns what went wrong."""
        wrong = self.press("End")
        last = self.at()
        wrong += self.press("Home")
        if self.at() >= last:
            wrong.append(f"{self.explorer.name}: slider {self.label} does not obey Home and End")
        return wrong


def _label(element: Any) -> str:
    label: str = element.evaluate(
        """element => {
          const box = element.closest('.jupyter-widgets');
          return (box?.querySelector('.widget-label')?.innerText || box?.innerText || '?').trim();
        }"""
    )
    return label


# Printed by libraries to stdout, or rendered in place of what could not be.
_NOISE = re.compile(
    r".*(?:Warning:|WARNING|DeprecationWarning|oneDNN|cuda|TF-TRT|Error displaying widget"
    r"|Loading widget|absl::|I0000 00:00|W0000 00:00).*"
)


def _noise(output: dict[str, Any]) -> str:
    text = output.get("text") or output.get("data", {}).get("text/plain") or ""
    match = _NOISE.search("".join(text))
    return match.group() if match else ""
