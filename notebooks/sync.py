"""Makes the `.ipynb` files from their py:percent sources, which are the truth.

Without options it updates the notebooks' cells; unchanged cells keep their outputs. `--execute`
also runs them and stores what they print. `--check` changes nothing and exits with code 1 if a
notebook is out of date. `--only NAME` does so with one lesson: its file's stem or the start of it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from jupytext.combine import combine_inputs_with_outputs

from bnn_lab.lessons.glossary import mark_notebook
from bnn_lab.lessons.notebook import KERNEL, read_source, settle

LESSONS = Path(__file__).parent / "lessons"
SECONDS_PER_CELL = 300

# For Colab, Binder and notebooks that were copied elsewhere. The site leaves it out.
SETUP_TAGS = ["setup", "remove-cell", "hide-input"]
SETUP = """\
# Where bnn_lab is missing, as on Colab, this installs it. It does nothing elsewhere.
import importlib.util

if importlib.util.find_spec("bnn_lab") is None:
    %pip install --quiet "bnn-lab[train,notebooks]"
    %pip install --quiet --no-deps larq==0.14.0"""

# Tag to the metadata by which Jupyter shows only a cell's output, and code to those who open it;
# or only a heading, and what is below it to those who open that.
FOLDED: dict[str, dict[str, Any]] = {
    "hide-input": {"jupyter": {"source_hidden": True}},
    "folded-section": {"jp-MarkdownHeadingCollapsed": True},
}

# What a figure needs in JupyterLab, and a still for pages that know no plotly. Its HTML form would
# carry a copy of plotly, 5 MB. The site brings an explorable to life from the third.
PLOTLY, STILL = "application/vnd.plotly.v1+json", "image/svg+xml"
KEPT_FORMATS = (
    "text/plain",
    PLOTLY,
    "application/vnd.bnn-lab.explorable+json",
    STILL,
    "image/png",
    "text/markdown",
)


def sources() -> list[Path]:
    """All py:percent lessons, in order."""
    return sorted(LESSONS.glob("[0-9]*.py"))


def chosen(names: list[str] | None) -> list[Path]:
    """The lessons that `--only` names, in order; all without it.

    Args:
        names: stems of lessons or their beginnings, such as "03".

    Returns:
        py:percent files.

    Raises:
        ValueError: no lesson, or more than one, begins with a name.
    """
    if not names:
        return sources()
    picked = set()
    for name in names:
        stem = Path(name).name.removesuffix(".py").removesuffix(".ipynb")
        found = [source for source in sources() if source.stem.startswith(stem) and stem]
        exact = [source for source in found if source.stem == stem]
        if len(exact or found) != 1:
            known = ", ".join(source.stem for source in found or sources())
            raise ValueError(f"--only {name}: {len(found)} lessons begin so; choose of {known}")
        picked |= set(exact or found)
    return sorted(picked)


def build(source: Path) -> Any:
    """Notebook with the source's cells, and the present `.ipynb`'s outputs where they still fit.

    Args:
        source: py:percent file.

    Returns:
        A notebook node.
    """
    notebook = mark_notebook(read_source(source))
    target = source.with_suffix(".ipynb")
    if target.exists():
        notebook = combine_inputs_with_outputs(notebook, nbformat.read(target, 4), fmt="py:percent")
    return with_setup(normalize(notebook))


def with_setup(notebook: Any) -> Any:
    """The cell that installs bnn_lab where it is missing, behind the title.

    Args:
        notebook: without that cell; changed in place.

    Returns:
        The same notebook.
    """
    cell = nbformat.v4.new_code_cell(SETUP, id="setup", metadata=_metadata(SETUP_TAGS))
    notebook.cells.insert(1, cell)
    return notebook


def without_setup(notebook: Any) -> Any:
    """The opposite of `with_setup`."""
    notebook.cells = [cell for cell in notebook.cells if cell.get("id") != "setup"]
    return notebook


def normalize(notebook: Any) -> Any:
    """Keep what a reader needs and what does not change from run to run.

    Args:
        notebook: changed in place.

    Returns:
        The same notebook.
    """
    for cell in settle(notebook).cells:
        cell.metadata = _metadata(cell.metadata.get("tags", ()))
        if cell.cell_type == "code":
            cell.outputs = [_slim(output) for output in cell.outputs]
    return notebook


def execute(notebook: Any, folder: Path) -> Any:
    """Run all cells in a fresh kernel.

    Args:
        notebook: changed in place.
        folder: working directory of the kernel.

    Returns:
        The same notebook, normalized.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    from nbclient import NotebookClient

    client = NotebookClient(
        without_setup(notebook),
        timeout=SECONDS_PER_CELL,
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
    )
    # Widgets leave a plain figure, which readers without a running kernel see.
    client.execute(env={**os.environ, "BNN_LAB_STATIC": "1"})
    return with_setup(normalize(notebook))


def differences(source: Path) -> list[str]:
    """Why the `.ipynb` beside a source is out of date.

    Args:
        source: py:percent file.

    Returns:
        One line per reason; empty if it is in sync.
    """
    target = source.with_suffix(".ipynb")
    if not target.exists():
        return [f"{target.name} does not exist"]
    wanted, present = build(source), nbformat.read(target, 4)
    found = []
    if len(wanted.cells) != len(present.cells):
        found.append(f"{target.name} has {len(present.cells)} cells, not {len(wanted.cells)}")
    for number, (new, old) in enumerate(zip(wanted.cells, present.cells, strict=False)):
        if (new.cell_type, new.source) != (old.cell_type, old.source):
            found.append(f"{target.name}, cell {number}: its text differs from the source")
        elif new.metadata != old.metadata:
            found.append(f"{target.name}, cell {number}: its tags differ from the source")
        elif new.get("outputs") != old.get("outputs"):
            found.append(f"{target.name}, cell {number}: its outputs hold what should be stripped")
    if wanted.metadata != present.metadata:
        found.append(f"{target.name}: its metadata differ")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="only report what is out of date")
    mode.add_argument("--execute", action="store_true", help="run the notebooks, store outputs")
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="only this lesson; may be given repeatedly"
    )
    options = parser.parse_args(arguments)
    try:
        lessons = chosen(options.only)
    except ValueError as error:
        parser.error(str(error))

    failed = False
    for source in lessons:
        if options.check:
            reasons = differences(source)
            failed |= bool(reasons)
            for reason in reasons:
                print(reason)
            continue
        notebook = build(source)
        if options.execute:
            print(f"running {source.name} ...", flush=True)
            notebook = execute(notebook, source.parent)
        target = source.with_suffix(".ipynb")
        nbformat.write(notebook, target)
        print(f"{target.name}: {target.stat().st_size / 1000:.0f} kB")
    if failed:
        print("Fix: python notebooks/sync.py --execute")
    return int(failed)


def _metadata(tags: Sequence[str]) -> Any:
    kept: dict[str, Any] = {"tags": list(tags)} if tags else {}
    for tag in tags:
        kept |= FOLDED.get(tag, {})
    return nbformat.from_dict(kept)


def _slim(output: Any) -> Any:
    if "data" in output:
        output["data"] = {k: v for k, v in output["data"].items() if _is_kept(k, v)}
        # A figure that was not shown by bnn_lab, or before it drew stills, has none yet.
        if PLOTLY in output["data"] and STILL not in output["data"]:
            output["data"][STILL] = _still(output["data"][PLOTLY])
    return output


def _still(figure: Any) -> str:
    import plotly.io

    from bnn_lab.figures.still import still

    return still(plotly.io.from_json(json.dumps(figure)))


def _is_kept(kind: str, content: Any) -> bool:
    # Cards and lines of our own are a few hundred bytes of HTML.
    own = kind == "text/html" and "".join(content).startswith('<div class="bnn-lab-')
    return own or kind in KEPT_FORMATS


if __name__ == "__main__":
    sys.exit(main())
