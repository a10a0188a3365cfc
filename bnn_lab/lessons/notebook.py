"""Notebooks made of py:percent sources, the same each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def read_source(source: Path) -> Any:
    """Notebook of a py:percent source, without outputs, in its settled form.

    Raises:
        Exception: whatever jupytext's parsers raise for a file that they cannot read.
    """
    import jupytext

    return settle(jupytext.read(source, fmt="py:percent"))


def settle(notebook: Any) -> Any:
    """Set what would differ from machine to machine and from run to run: kernel, format, ids.

    Args:
        notebook: a node of nbformat 4, changed in place.

    Returns:
        The same notebook.
    """
    import nbformat

    notebook.metadata = nbformat.from_dict(
        {"kernelspec": dict(KERNEL), "language_info": {"name": "python"}}
    )
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:02d}"
    return notebook
