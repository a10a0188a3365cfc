"""How much of what a notebook shows is kept: one budget for a submission and all it shows."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode

from bnn_lab.course.submission import printable


class Budget:
    """Characters that a notebook's outputs may have.

    Args:
        cell: of one cell.
        total: of all.
    """

    def __init__(self, cell: int, total: int) -> None:
        self._cell, self._total = cell, total
        self._left = self._at_first = 0

    def begin(self) -> None:
        """A cell begins."""
        self._left = self._at_first = min(self._cell, self._total)

    def end(self, outputs: list[NotebookNode]) -> list[NotebookNode]:
        """A cell has ended; gives the outputs that are kept.

        Some did not come as a message: the reply's own traceback, an update of a display.
        """
        self._total -= self._at_first - max(self._left, 0)
        return limit_outputs(outputs, self._at_first)

    def admits(self, message: Any) -> bool:
        """Whether a kernel's message is shown; an error that is too long is shortened."""
        kind = message["msg_type"]
        if kind.startswith("comm"):  # of a widget, which no page shows
            return False
        if kind in ("status", "execute_input", "clear_output"):
            return True
        self._left -= _size(message["content"])
        if self._left < 0:
            if kind != "error":
                return False
            message["content"] = _short_content(message["content"])
        return True


def limit_outputs(outputs: list[NotebookNode], most: int) -> list[NotebookNode]:
    """Outputs of at most this many characters; errors are shortened, others dropped."""
    kept = []
    for output in outputs:
        size = _size(output)
        if size > most:
            if output.output_type != "error":
                continue
            output = NotebookNode(output_type="error", **_short_content(output))
            size = _size(output)
        kept.append(output)
        most -= min(size, most)
    return kept


def error_output(name: str, text: str) -> NotebookNode:
    """The output of a cell that stopped with an error."""
    return NotebookNode(
        output_type="error", ename=name, evalue=text, traceback=[f"{name}: {text}."]
    )


def cell_error(cell: NotebookNode) -> str:
    """Name of the error that a cell stopped with, "" if it did not."""
    names = [o.ename for o in cell.get("outputs", []) if o.output_type == "error"]
    return printable(str(names[-1]), 80) if names else ""


def _size(content: Any) -> int:
    """Characters of all texts in it."""
    if isinstance(content, str):
        return len(content)
    if isinstance(content, dict):
        return sum(_size(key) + _size(value) for key, value in content.items())
    if isinstance(content, (list, tuple)):
        return sum(map(_size, content))
    return 1


def _short_content(content: Any) -> dict[str, Any]:
    name, value = str(content.get("ename", "")), str(content.get("evalue", ""))
    short = f"{printable(name, 80)}: {printable(value, 300)}"
    traceback = [f"{short} (The traceback was too long.)"]
    return {"ename": printable(name, 80), "evalue": printable(value, 300), "traceback": traceback}
