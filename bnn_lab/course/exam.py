"""Check cells in a kernel of their own, in which no student code runs.

The teacher's other cells run there too. Names of the solution cells stand for what the student's
kernel has under them: see `bnn_lab.course.remote`.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from bnn_lab.course.folder import nbgrader_data
from bnn_lab.course.markers import open_lines
from bnn_lab.course.outputs import Budget, cell_error

_DEFINITIONS = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
_IMPORTS = (ast.Import, ast.ImportFrom)


@dataclass(frozen=True)
class Steps:
    """What the kernel of the checks does before a check.

    Attributes:
        sources: the teacher's cells that run there.
        names: then taken from the student's kernel.
    """

    sources: tuple[str, ...]
    names: tuple[str, ...]


class Exam:
    """Which of the instructor's cells come before which check.

    Args:
        notebook: the instructor's, with solutions.
        checks: grade_ids of the check cells.
    """

    def __init__(self, notebook: Any, checks: set[str]) -> None:
        self._cells: list[tuple[str, Steps]] = []
        self._done = 0
        for cell in notebook.cells:
            if cell.cell_type != "code" or not cell.source.strip():
                continue
            data = nbgrader_data(cell)
            grade_id = str(data.get("grade_id", ""))
            if grade_id in checks:
                steps = Steps((), ())
            elif data.get("solution"):
                imports = kept(cell.source, _IMPORTS)
                steps = Steps((imports,) if imports else (), tuple(bound_names(cell.source)))
            else:
                steps = Steps((cell.source,), ())
            self._cells.append((grade_id, steps))

    def before(self, check: str) -> Steps:
        """What has not been done yet of what comes before a check, or in all if it is unknown."""
        ends = [n for n, (grade_id, _) in enumerate(self._cells) if grade_id == check]
        end = ends[0] if ends else len(self._cells)
        steps = [steps for _, steps in self._cells[self._done : end]]
        self._done = max(self._done, end)
        names = dict.fromkeys(name for step in steps for name in step.names)
        return Steps(tuple(s for step in steps for s in step.sources), tuple(names))


def bound_names(source: str) -> list[str]:
    """Names that a cell assigns or defines, imported ones left out; none if it is not Python."""
    try:
        table = symtable.symtable(_as_python(source), "cell", "exec")
    except SyntaxError:
        return []
    symbols = table.get_symbols()
    return sorted(s.get_name() for s in symbols if s.is_assigned() and not s.is_imported())


def definitions(source: str) -> str:
    """Functions, classes and imports among the lines of a check cell that students see."""
    return kept("\n".join(open_lines(source)), _DEFINITIONS)


def kept(source: str, kinds: tuple[type[ast.stmt], ...]) -> str:
    """Statements of some kinds at a cell's top level."""
    try:
        body = ast.parse(_as_python(source)).body
    except SyntaxError:
        return ""
    return "\n".join(ast.unparse(statement) for statement in body if isinstance(statement, kinds))


def _as_python(source: str) -> str:
    return TransformerManager().transform_cell(source)


class CheckKernel:
    """The kernel of the checks.

    Args:
        exam: what runs when.
        kernel: name of Jupyter's kernel specification.
        connection_file: "" for one of Jupyter's choice; otherwise sockets lie beside it.
        folder: working directory, where it is not the kernel's own choice.
        budget: of output, which the student's cells share.
        executed: called as nbclient's `on_cell_executed`.
        warn: called with a line for each of the teacher's cells that fails there.
    """

    def __init__(
        self,
        exam: Exam,
        *,
        kernel: str,
        connection_file: str,
        folder: Path,
        budget: Budget,
        executed: Callable[..., None],
        timeout_error: Mapping[str, Any],
        warn: Callable[[str], None],
    ) -> None:
        place = {"transport": "ipc", "connection_file": connection_file} if connection_file else {}
        self._client = _Client(
            new_notebook(cells=[new_code_cell()]),
            km=AsyncKernelManager(kernel_name=kernel, **place),
            resources={"metadata": {"path": str(folder)}},
            allow_errors=True,
            interrupt_on_timeout=True,
            error_on_timeout=dict(timeout_error),
            raise_on_iopub_timeout=True,
            iopub_timeout=15,
            store_widget_state=False,
            on_cell_executed=executed,
        )
        self._client.budget = budget
        self._exam, self._warn = exam, warn
        self._connected = False
        self._client.start_new_kernel()

    def run(self, cell: NotebookNode, connection: dict[str, Any], seconds: int) -> None:
        """Run a check cell; its outputs are the check's.

        Args:
            cell: the check cell.
            connection: to the student's kernel.
            seconds: limit of each step.

        Raises:
            DeadKernelError: this kernel died.
            CellTimeoutError: it does not end.
        """
        self._client.timeout = seconds
        if not self._connected:
            self._client.start_new_kernel_client()
            self._connected = True
            start = f"remote.connect(get_ipython().user_ns, {connection!r})"
            self._prepare(f"from bnn_lab.course import remote\n{start}\ndel remote", "its start")
        steps = self._exam.before(cell.metadata.nbgrader.grade_id)
        for source in steps.sources:
            self._prepare(source, f"the teacher's cell {source[:60]!r}")
        if steps.names:
            fetched = new_code_cell(
                f"__import__('bnn_lab.course.remote', fromlist=['_']).fetch({list(steps.names)!r})"
            )
            self._client.execute_cell(fetched, 0, store_history=False)
            if cell_error(fetched):
                cell.outputs = fetched.outputs
                return
        self._client.execute_cell(cell, 0)

    def _prepare(self, source: str, what: str) -> None:
        cell = new_code_cell(source)
        self._client.execute_cell(cell, 0, store_history=False)
        if error := cell_error(cell):
            self._warn(f"in the kernel of the checks, {what} fails with {error}")

    def close(self) -> None:
        """End it."""
        self._client._cleanup_kernel()


class _Client(NotebookClient):
    budget: Budget

    def process_message(self, msg: Any, cell: NotebookNode, cell_index: int) -> Any:
        """Drop what is shown beyond the budget."""
        return super().process_message(msg, cell, cell_index) if self.budget.admits(msg) else None

    def _update_display_id(self, display_id: str, msg: Any) -> None:
        """Nothing shown earlier changes: progress is counted where the student sees it."""
