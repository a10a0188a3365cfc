"""nbgrader preprocessors that a course's nbgrader_config.py names: what a submission can do wrong.

* `RestoreCells`: a deleted check cell comes back, wherever its neighbours went.
* `LimitedExecute`: a limit for the whole notebook, not only for each cell; a kernel that dies or
  cannot be interrupted costs the submission the cells that follow, not all its points.
* `HideHiddenTests`: feedback without hidden tests, in the source and in tracebacks.
"""

from __future__ import annotations

import math
import re
import time
from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from nbgrader.preprocessors import Execute, NbGraderPreprocessor, OverwriteCells
from traitlets import Integer

from bnn_lab.course.markers import hidden_lines

DIED, STUCK, TIME_UP = "KernelDied", "KernelStuck", "TotalTimeLimit"
_QUOTED = 15  # characters from which a line of a hidden test counts as quoted in an output


class RestoreCells(OverwriteCells):
    """nbgrader's `OverwriteCells`, whose own way to add cells fails if two neighbours are gone."""

    def add_missing_grade_cells(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Put each missing graded cell behind the cell that preceded it, as far as that exists."""
        notebook = self.gradebook.find_notebook(self.notebook_id, self.assignment_id)
        graded = {cell.name: cell for cell in notebook.grade_cells}
        solutions = {cell.name for cell in notebook.solution_cells}
        place = 0  # where the next missing cell goes
        for source in notebook.source_cells:
            present = [
                index
                for index, cell in enumerate(nb.cells)
                if cell.metadata.get("nbgrader", {}).get("grade_id") == source.name
            ]
            if present:
                place = present[0] + 1
            elif source.name in graded:
                self.log.warning("Missing grade cell %s, adding to notebook", source.name)
                points = graded[source.name].max_score
                cell = self.missing_cell_transform(source, points, source.name in solutions)
                nb.cells.insert(place, cell)
                place += 1
        return nb, resources


class LimitedExecute(Execute):
    """nbgrader's `Execute` with limits for the notebook as a whole."""

    timeout: Any  # nbclient's: seconds for a cell
    total_timeout = Integer(300, help="Seconds for all cells of a notebook together.").tag(
        config=True
    )
    max_output = Integer(1_000_000, help="Characters that a cell may print.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Any, km: Any = None) -> Any:
        """Start the clock, then run the cells."""
        self._deadline = time.monotonic() + self.total_timeout
        self._each: int = self.timeout or self.total_timeout
        self._stopped: tuple[str, str] | None = None
        self._printed = 0
        return super().preprocess(nb, resources, km)

    def preprocess_cell(self, cell: NotebookNode, resources: Any, index: int) -> Any:
        """Run a cell, unless the kernel has died or the time is up."""
        if cell.cell_type != "code" or not cell.source.strip():
            return cell, resources
        left = self._deadline - time.monotonic()
        if left <= 0 and not self._stopped:
            limit = f"the notebook took longer than {self.total_timeout} s"
            self._stopped = (TIME_UP, limit)
        if self._stopped:
            cell.outputs = [_error(*self._stopped)]
            return cell, resources
        self.timeout = max(1, min(self._each, math.ceil(left)))
        self._printed = 0
        try:
            return super().preprocess_cell(cell, resources, index)
        except DeadKernelError:
            self._stopped = (DIED, "the Python process ended, in this cell or before it")
        except CellTimeoutError:
            self._stopped = (STUCK, "a cell took too long and could not be interrupted")
        cell.outputs = [*cell.get("outputs", []), _error(*self._stopped)]
        return cell, resources

    def output(self, outs: Any, msg: Any, display_id: Any, cell_index: Any) -> Any:
        """Drop what a cell prints beyond the limit."""
        self._printed += len(str(msg["content"].get("text", "")))
        if msg["msg_type"] == "stream" and self._printed > self.max_output:
            return None
        return super().output(outs, msg, display_id, cell_index)


class HideHiddenTests(NbGraderPreprocessor):
    """Remove hidden tests from what students see: the cell, its traceback, and its output."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Note all hidden lines, then clean each cell."""
        self._quoted = {
            line.strip()
            for cell in nb.cells
            for line in hidden_lines(cell.source).values()
            if len(line.strip()) >= _QUOTED
        }
        for cell in nb.cells:
            if cell.cell_type == "code":
                self._clean(cell)
        return nb, resources

    def _clean(self, cell: NotebookNode) -> None:
        hidden = hidden_lines(cell.source)
        for output in cell.get("outputs", []):
            if output.output_type == "error" and hidden and output.ename != "NotYet":
                output.traceback = [_short_error(output, hidden)]
                output.evalue = ""
            elif output.output_type == "error":
                output.traceback = [self._unquoted(line) for line in output.traceback]
            elif output.output_type == "stream":
                output.text = self._unquoted(output.text)
            else:
                for kind, text in output.get("data", {}).items():
                    if isinstance(text, str):
                        output.data[kind] = self._unquoted(text)
        if hidden:
            lines = cell.source.split("\n")
            kept = [line for number, line in enumerate(lines, 1) if number not in hidden]
            cell.source = "\n".join([*kept, "# Hidden tests ran here."])

    def _unquoted(self, text: str) -> str:
        for line in self._quoted:
            if line in text:
                text = text.replace(line, "(a hidden test)")
        return text


def cell_error(cell: NotebookNode) -> str:
    """Name of the error that a cell stopped with, "" if it did not."""
    names = [o.ename for o in cell.get("outputs", []) if o.output_type == "error"]
    return str(names[-1]) if names else ""


def _error(name: str, text: str) -> NotebookNode:
    return NotebookNode(
        output_type="error", ename=name, evalue=text, traceback=[f"{name}: {text}."]
    )


def _short_error(output: NotebookNode, hidden: dict[int, str]) -> str:
    # In IPython's traceback an arrow marks the line at which each frame stopped.
    text = strip_ansi("\n".join(output.traceback))
    arrows = re.findall(r"^-+> (\d+) (.*)$", text, re.MULTILINE)
    visible = arrows and not any(
        int(number) in hidden and line.strip() == hidden[int(number)].strip()
        for number, line in arrows
    )
    if not visible:
        return f"A hidden test failed ({output.ename})."
    return f"{output.ename}: {output.evalue}"
