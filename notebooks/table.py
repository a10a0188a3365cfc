"""What a reader meets in each lesson, counted while the lessons run: `python notebooks/table.py`.

A row for each lesson, as Markdown: seconds until the first thing to touch, seconds of wall clock
and of CPU for the whole lesson, print-outs, explorables, and how many claims are checked, measured
on this machine, or cited. Each lesson runs from its source in a kernel of its own. Times are of
the machine at hand: nothing else should run on it.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from bnn_lab.lessons.notebook import KERNEL, read_source

LESSONS = Path(__file__).parent / "lessons"
SECONDS_PER_CELL = 300
WIDGET = "application/vnd.jupyter.widget-view+json"
# Asked of the kernel at the end. Children count, too: some cells start processes.
ASKED = """\
import collections as _c, json as _j, resource as _r
_used = [_r.getrusage(_who) for _who in (_r.RUSAGE_SELF, _r.RUSAGE_CHILDREN)]
print(_j.dumps([sum(u.ru_utime + u.ru_stime for u in _used),
    _c.Counter(c.kind for c in checked.claims)]))"""
HEAD = (
    "lesson",
    "first touch, s",
    "run, s",
    "CPU, s",
    "prints",
    "explorables",
    "checked",
    "measured here",
    "cited",
)


@dataclass(frozen=True)
class Row:
    """One lesson.

    Attributes:
        lesson: stem of its file.
        touch: seconds from the first cell's start to the first widget; None if there is none.
        wall: seconds of all cells.
        cpu: seconds of the kernel and its children, all cores together, imports included.
        prints: calls of `print` in the lesson's own text.
        explorables: outputs that can be touched, a question with a line to guess on included.
        checked: facts.
        here: claims that depend on the machine.
        cited: claims of others.
    """

    lesson: str
    touch: float | None
    wall: float
    cpu: float
    prints: int
    explorables: int
    checked: int
    here: int
    cited: int

    def cells(self) -> list[str]:
        """The row's texts."""
        touch = "none" if self.touch is None else f"{self.touch:.1f}"
        counts = (self.prints, self.explorables, self.checked, self.here, self.cited)
        return [self.lesson, touch, f"{self.wall:.0f}", f"{self.cpu:.0f}", *map(str, counts)]


def prints(notebook: Any) -> int:
    """Calls of `print` in a notebook's cells.

    Args:
        notebook: a node of nbformat 4, whose code is plain Python.
    """
    code = [ast.parse(cell.source) for cell in notebook.cells if cell.cell_type == "code"]
    calls = (node for tree in code for node in ast.walk(tree) if isinstance(node, ast.Call))
    return sum(isinstance(call.func, ast.Name) and call.func.id == "print" for call in calls)


def run(source: Path) -> Row:
    """Run a lesson and count.

    Args:
        source: py:percent file.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised.
    """
    notebook = read_source(source)
    printed = prints(notebook)
    notebook.cells.append(new_code_cell(ASKED))
    ends: dict[int, float] = {}
    begun: list[float] = []
    client = NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(source.parent)}},
        store_widget_state=False,
        on_cell_execute=lambda **_: begun.append(time.perf_counter()),
        on_cell_executed=lambda cell_index, **_: ends.setdefault(cell_index, time.perf_counter()),
    )
    client.execute()
    touched = [
        number
        for number, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", ())
        if WIDGET in output.get("data", ())
    ]
    cpu, kinds = json.loads(notebook.cells[-1].outputs[-1].text)
    first, last = begun[0], max(ends.values())
    return Row(
        source.stem,
        ends[touched[0]] - first if touched else None,
        last - first,
        cpu,
        printed,
        len(touched),
        *(kinds.get(kind, 0) for kind in ("fact", "here", "cited")),
    )


def main(arguments: list[str] | None = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--only", action="append", metavar="NAME", help="lessons that begin so; may be repeated"
    )
    options = parser.parse_args(arguments)
    wanted = tuple(options.only or ("",))
    lessons = [path for path in sorted(LESSONS.glob("[0-9]*.py")) if path.name.startswith(wanted)]
    if not lessons:
        parser.error(f"no lesson begins with {' or '.join(wanted)}")
    print(f"| {' | '.join(HEAD)} |\n|---|{'---:|' * (len(HEAD) - 1)}", flush=True)
    for source in lessons:
        print(f"| {' | '.join(run(source).cells())} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
