"""A course's folder: where things lie, how it starts, and notebooks from py:percent sources."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnn_lab.course.nbgrader_commands import require_nbgrader
from bnn_lab.errors import InputError
from bnn_lab.lessons.notebook import read_source

CONFIG = "nbgrader_config.py"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
# "raises-exception" is what Jupyter looks for before it stops a run.
_CHECK_TAGS = ("raises-exception", "hide-input")
_CHECK_TITLE = "# Check: select this cell and press Shift+Enter."
_HERE = Path(__file__).parent
_README = """\
# A course on binarized neural networks

    bnn-lab course release            # student versions: release/
    bnn-lab course collect ana FILE   # a student's notebook into submitted/
    bnn-lab course grade              # points and feedback; runs student code, in a sandbox
    bnn-lab course report             # table, reports/*.csv

`exercises/*.py` are the sources, with solutions: edit them, or add your own. Everything else is
made from them and from what students hand in.

**Student code runs on your machine when you grade**, in a sandbox; bubblewrap must be installed.
"""


@dataclass(frozen=True)
class CourseFolder:
    """Paths of a course, in nbgrader's layout.

    Attributes:
        root: absolute path.
    """

    root: Path

    @property
    def exercises(self) -> Path:
        """py:percent sources with solutions."""
        return self.root / "exercises"

    @property
    def reports(self) -> Path:
        """Tables of points."""
        return self.root / "reports"

    @property
    def gradebook(self) -> Path:
        """nbgrader's database."""
        return self.root / "gradebook.db"

    def source(self, assignment: str) -> Path:
        """Instructor version of an assignment's notebook."""
        return self.root / "source" / assignment / f"{assignment}.ipynb"

    def release(self, assignment: str) -> Path:
        """Student version."""
        return self.root / "release" / assignment / f"{assignment}.ipynb"

    def submitted(self, student: str, assignment: str) -> Path:
        """What a student handed in."""
        return self.root / "submitted" / student / assignment / f"{assignment}.ipynb"

    def autograded(self, student: str, assignment: str) -> Path:
        """The executed submission; it holds the hidden tests."""
        return self.root / "autograded" / student / assignment / f"{assignment}.ipynb"

    def feedback(self, student: str, assignment: str) -> Path:
        """What a student gets back."""
        return self.root / "feedback" / student / assignment / f"{assignment}.html"

    def assignments(self) -> list[str]:
        """Names of all assignments, in order."""
        names = {path.stem for path in self.exercises.glob("*.py")}
        names |= {path.parent.name for path in self.root.glob("source/*/*.ipynb")}
        return sorted(names)

    def choose(self, assignments: list[str] | None) -> list[str]:
        """The named assignments, or all.

        Raises:
            InputError: there is none of that name.
        """
        known = self.assignments()
        if not known:
            raise InputError(f"the course {self.root} has no exercises in {self.exercises}.")
        for name in assignments or []:
            if name not in known:
                raise InputError(f"no assignment '{name}'; this course has {', '.join(known)}.")
        return list(assignments) if assignments else known


def shipped_exercises() -> list[Path]:
    """py:percent sources that come with bnn_lab, with solutions.

    Raises:
        InputError: this installation has none.
    """
    # In a wheel they lie beside this file; in a checkout they have a folder of their own.
    for folder in (_HERE / "source", _HERE.parents[1] / "notebooks" / "exercises" / "source"):
        if found := sorted(folder.glob("*.py")):
            return found
    raise InputError(
        "this installation of bnn_lab has no exercises. Fix: reinstall it, or write your own into "
        "the course's exercises/ folder"
    )


def init_course(root: Path, *, empty: bool = False) -> CourseFolder:
    """Make a course's folder.

    Args:
        root: must not exist, or be empty.
        empty: without the shipped exercises.

    Returns:
        The course.

    Raises:
        InputError: something is there already.
        BnnLabError: nbgrader is not installed.
    """
    require_nbgrader()
    root = root.resolve()
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise InputError(f"{root} exists and is not an empty folder. Fix: choose another name.")
    course = CourseFolder(root)
    course.exercises.mkdir(parents=True)
    if not empty:
        for source in shipped_exercises():
            shutil.copy(source, course.exercises / source.name)
    shutil.copy(_HERE / f"{CONFIG}.txt", root / CONFIG)
    (root / "README.md").write_text(_README)
    return course


def open_course(root: Path) -> CourseFolder:
    """The course in a folder.

    Raises:
        InputError: there is none.
    """
    if not (root / CONFIG).is_file():
        raise InputError(
            f"{root.resolve()} is not a course: it has no {CONFIG}. Fix: go to the course's folder "
            "or name it with --course; make a new one with `bnn-lab course init FOLDER`."
        )
    return CourseFolder(root.resolve())


def build_notebook(source: Path) -> Any:
    """Notebook of a py:percent source, without outputs.

    Args:
        source: `.py` file whose cells carry nbgrader's metadata.

    Returns:
        A notebook node.

    Raises:
        InputError: jupytext cannot read it.
    """
    require_nbgrader()
    try:
        return _with_checks_folded(read_source(source))
    except Exception as error:  # jupytext raises whatever its parsers do
        raise InputError(f"{source} is not a py:percent notebook: {error}") from error


def _with_checks_folded(notebook: Any) -> Any:
    """Put check cells out of sight, and let *Run All* go on after one that is not green yet."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
            tags = cell.metadata.get("tags", [])
            cell.metadata["tags"] = [*tags, *(tag for tag in _CHECK_TAGS if tag not in tags)]
            cell.metadata["jupyter"] = {"source_hidden": True}
            cell.source = f"{_CHECK_TITLE}\n{cell.source}"  # all that is seen of it
    return notebook


def read_notebook(path: Path) -> Any:
    """A notebook file.

    Raises:
        InputError: there is none, or it is damaged.
    """
    import nbformat

    if not path.is_file():
        raise InputError(f"there is no notebook {path}.")
    try:
        return nbformat.reads(path.read_bytes().decode("utf-8-sig"), 4)
    except Exception as error:  # JSON, encoding, schema: whatever is wrong with the file
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"{path} is not a readable notebook ({reason}). Fix: download it again, as .ipynb."
        ) from error


def nbgrader_data(cell: Any) -> dict[str, Any]:
    """nbgrader's metadata of a cell, empty if it has none or something else stands there."""
    metadata = cell.get("metadata")
    data = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return data if isinstance(data, dict) else {}


def write_source(course: CourseFolder, assignment: str) -> Path:
    """Make an assignment's instructor notebook from its py:percent source, if it has one.

    Raises:
        InputError: see `instructor_notebook`; or the notebook was edited after its source.
    """
    import nbformat

    notebook = instructor_notebook(course, assignment)
    target, source = course.source(assignment), course.exercises / f"{assignment}.py"
    if not source.is_file():
        return target
    if target.is_file() and target.stat().st_mtime > source.stat().st_mtime:
        if _cells(read_notebook(target)) != _cells(notebook):
            raise InputError(
                f"{target} was edited, but is made from {source}. Fix: make the edit there, or "
                "delete one of the two"
            )
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target)
    return target


def instructor_notebook(course: CourseFolder, assignment: str) -> Any:
    """An assignment with its solutions, from its py:percent source if it has one.

    Raises:
        InputError: the name is unfit, or there is neither a source nor a notebook.
    """
    if not NAME.fullmatch(assignment):
        raise InputError(f"the assignment name '{assignment}' may hold letters, digits, _ and -.")
    target, source = course.source(assignment), course.exercises / f"{assignment}.py"
    if source.is_file():
        return build_notebook(source)
    if not target.is_file():
        raise InputError(f"there is neither {source} nor {target}.")
    return read_notebook(target)


def _cells(notebook: Any) -> list[Any]:
    return [(c.cell_type, c.source, c.metadata.get("nbgrader")) for c in notebook.cells]
