"""nbgrader preprocessors that a course's nbgrader_config.py names: what a submission can do wrong.

* `RestoreCells`: a deleted check cell comes back, wherever its neighbors went.
* `LimitedExecute`: check cells run in a kernel of their own, out of reach of student code; limits
  of time and output for the whole notebook, not only for each cell; a kernel that dies or cannot be
  interrupted costs the submission the cells that follow, not all its points.
* `HideHiddenTests`: feedback without hidden tests, in the source and in tracebacks.
"""

from __future__ import annotations

import contextlib
import math
import re
import time
from pathlib import Path
from typing import Any

from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute, NbGraderPreprocessor, OverwriteCells
from traitlets import Integer, Unicode

from bnn_lab.course.exam import CheckKernel, Exam, definitions
from bnn_lab.course.folder import CourseFolder, instructor_notebook
from bnn_lab.course.markers import hidden_lines
from bnn_lab.course.outputs import Budget, cell_error, error_output

DIED, STUCK, TIME_UP = "KernelDied", "KernelStuck", "TotalTimeLimit"
# What jail.py says -> what it means.
LIMITS = {
    "MemoryLimit": "the code used more memory than it may",
    "ProcessLimit": "the code started more processes than it may",
    "DiskLimit": "the code wrote more than it may",
}
_QUOTED = 15  # characters from which a line of a hidden test counts as quoted in an output


class RestoreCells(OverwriteCells):
    """nbgrader's `OverwriteCells`, whose own way to add cells fails if two neighbors are gone."""

    def add_missing_grade_cells(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Put each missing graded cell after the cell that preceded it, as far as that exists."""
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
    """nbgrader's `Execute`, with check cells in a kernel of their own, and limits for all."""

    timeout: Any  # nbclient's: seconds for a cell
    total_timeout = Integer(300, help="Seconds for all cells of a notebook together.").tag(
        config=True
    )
    max_output = Integer(1_000_000, help="Characters of output of a cell, of every kind.").tag(
        config=True
    )
    max_total_output = Integer(4_000_000, help="Characters of output of a notebook.").tag(
        config=True
    )
    jail_log = Unicode("", help="Where the sandbox says which limit it found exceeded.").tag(
        config=True
    )
    check_kernel_name = Unicode("python3", help="Kernel of the check cells.").tag(config=True)
    check_connection = Unicode(
        "", help="Its connection file, beside which its sockets lie; empty: any."
    ).tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Any, km: Any = None) -> Any:
        """Start the clock, then run the cells."""
        self._deadline = time.monotonic() + self.total_timeout
        self._each: int = self.timeout or self.total_timeout
        self._stopped: tuple[str, str] | None = None
        self._budget = Budget(self.max_output, self.max_total_output)
        # The state of a student's widgets is output too, and nobody sees it.
        self.store_widget_state = False
        known = resources["nbgrader"]
        self._sources = check_sources(known["db_url"], known["assignment"], known["notebook"])
        course = CourseFolder(Path(CourseDirectory(parent=self).root))
        exam = Exam(instructor_notebook(course, known["assignment"]), set(self._sources))
        self._checks = CheckKernel(
            exam,
            kernel=self.check_kernel_name,
            connection_file=self.check_connection,
            folder=course.source(known["assignment"]).parent,
            budget=self._budget,
            executed=self.on_cell_executed,
            timeout_error=self.error_on_timeout,
            warn=self.log.warning,
        )
        try:
            return super().preprocess(nb, resources, km)
        finally:
            self._checks.close()

    def preprocess_cell(self, cell: NotebookNode, resources: Any, index: int) -> Any:
        """Run a cell, unless the kernel has died or the time is up."""
        if cell.cell_type != "code" or not cell.source.strip():
            return cell, resources
        left = self._deadline - time.monotonic()
        if left <= 0 and not self._stopped:
            limit = f"the notebook took longer than {self.total_timeout} s"
            self._stopped = (TIME_UP, limit)
        if self._stopped:
            cell.outputs = [error_output(*self._stopped)]
            return cell, resources
        self.timeout = max(1, min(self._each, math.ceil(left)))
        check = self._sources.get(cell.metadata.get("nbgrader", {}).get("grade_id", ""))
        self._budget.begin()
        try:
            if check is None:
                cell, resources = super().preprocess_cell(cell, resources, index)
            else:
                self._check(cell, check, index)
        except DeadKernelError:
            self._stopped = self._cause()
        except CellTimeoutError:
            self._stopped = (STUCK, "a cell took too long and could not be interrupted")
        cell.outputs = self._budget.end(cell.get("outputs", []))
        if self._stopped:
            cell.outputs.append(error_output(*self._stopped))
        return cell, resources

    def _check(self, cell: NotebookNode, source: str, index: int) -> None:
        """Run a check cell of the gradebook, whatever the notebook has in its place."""
        if not cell.source.endswith(source):  # a cell that came back begins with a notice
            cell.source = source
        if helpers := definitions(source):  # what later cells of students may call
            helper_cell = new_code_cell(helpers)
            self.execute_cell(helper_cell, index, store_history=False)
            self.nb.cells[index] = cell
            self.clear_display_id_mapping(index)  # what was shown there must not change the check
        connection = self.km.get_connection_info()
        connection["key"] = connection["key"].decode()
        self._checks.run(cell, connection, self.timeout)
        if cell_error(cell) == DIED:
            cell.outputs, self._stopped = [], self._cause()

    def process_message(self, msg: Any, cell: NotebookNode, cell_index: int) -> Any:
        """Drop what a cell shows beyond the limit, whatever its kind, and all of its widgets."""
        return super().process_message(msg, cell, cell_index) if self._budget.admits(msg) else None

    def _update_display_id(self, display_id: str, msg: Any) -> None:
        # What was shown may have been dropped since.
        with contextlib.suppress(IndexError, KeyError):
            super()._update_display_id(display_id, msg)

    def _cause(self) -> tuple[str, str]:
        """Why the kernel died: the sandbox has killed it, or it ended by itself."""
        with contextlib.suppress(OSError):
            # The log is written before the kernel is killed.
            name = Path(self.jail_log).read_text()
            if name in LIMITS:
                return name, LIMITS[name]
        return DIED, "the Python process ended, in this cell or before it"


def check_sources(url: str, assignment: str, notebook: str) -> dict[str, str]:
    """Check cells of an assignment, as the gradebook has them, by grade_id."""
    with Gradebook(url) as gradebook:
        found = gradebook.find_notebook(notebook, assignment)
        checks = {c.name for c in found.grade_cells} - {c.name for c in found.solution_cells}
        return {
            cell.name: cell.source
            for cell in found.source_cells
            if cell.name in checks and cell.cell_type == "code"
        }


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
