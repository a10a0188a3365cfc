"""Grading: nbgrader's `autograde` and `generate_feedback`, one submission at a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bnn_lab._files import write_whole
from bnn_lab.course.folder import CourseFolder, read_notebook
from bnn_lab.course.nbgrader_commands import nbgrader
from bnn_lab.course.points import Row, read_gradebook, read_reports, write_report
from bnn_lab.course.release import make_release
from bnn_lab.course.sandbox import Sandbox, require_bubblewrap, sandbox
from bnn_lab.errors import BnnLabError, InputError

SANDBOXES = ("none", "bubblewrap")
_SPARE = 90  # seconds for nbgrader itself, beyond the notebook's limit
STATUS = "status.json"


@dataclass(frozen=True)
class Limits:
    """How long student code may run.

    Attributes:
        cell: seconds for each cell.
        total: seconds for a notebook.
    """

    cell: int = 30
    total: int = 180

    def __post_init__(self) -> None:
        if self.cell < 1 or self.total < self.cell:
            raise InputError(
                f"limits of {self.cell} s a cell and {self.total} s in all: both must be at least "
                "1 s, and a cell's no longer than the notebook's."
            )


def grade(
    course: CourseFolder,
    assignments: list[str] | None = None,
    students: list[str] | None = None,
    *,
    limits: Limits | None = None,
    sandbox_kind: str = "none",
    database: bool = True,
    progress: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """Grade what students handed in, write feedback, and write the tables of points.

    Student code runs: with this user's rights, unless in a sandbox.

    Args:
        course: where.
        assignments: names; None: all that were handed in.
        students: names; None: all.
        limits: limits of run time.
        sandbox_kind: "none" or "bubblewrap".
        database: keep points in the gradebook. Otherwise a throw-away one serves, so that only
            reports and feedback remain, and no points can be given by hand.
        progress: called with a line for each submission.

    Returns:
        Rows of the report, one an exercise.

    Raises:
        InputError: an unknown assignment, student or sandbox, or nothing was handed in.
        BnnLabError: the assignment was never released, or nbgrader failed as a whole.
    """
    limits = limits or Limits()
    if sandbox_kind not in SANDBOXES:
        raise InputError(f"no sandbox '{sandbox_kind}'; there are {', '.join(SANDBOXES)}.")
    if sandbox_kind == "bubblewrap":
        require_bubblewrap()
    work = _submissions(course, assignments, students)
    status = read_status(course)
    rows: list[Row] = []
    for assignment, names in work.items():
        with _gradebook(course, assignment, database) as url:
            for student in names:
                problem = _grade_one(course, assignment, student, limits, sandbox_kind, url)
                status.setdefault(assignment, {})[student] = problem
                progress(f"{assignment} {student}: {problem or 'graded'}")
            _write_status(course, status)
            graded = [s for s in names if not status[assignment][s]]
            _write_feedback(course, assignment, graded, url, all_students=students is None)
            if database:
                fresh = read_gradebook(course, url, [assignment], status)
            else:  # a throw-away gradebook knows of no earlier work
                now = {student: status[assignment][student] for student in names}
                fresh = read_gradebook(course, url, [assignment], {assignment: now})
                fresh += _earlier_rows(course, assignment, names)
                fresh.sort(key=lambda row: row.student)  # exercises keep their order
            write_report(course, assignment, fresh)
            rows += fresh
    return rows


def _earlier_rows(course: CourseFolder, assignment: str, but: list[str]) -> list[Row]:
    """The last report's rows of students that were not graded now."""
    if not (course.reports / f"{assignment}.csv").is_file():
        return []
    return [row for row in read_reports(course, [assignment]) if row.student not in but]


def _submissions(
    course: CourseFolder, assignments: list[str] | None, students: list[str] | None
) -> dict[str, list[str]]:
    found = {name: course.students(name) for name in course.choose(assignments)}
    everyone = sorted({student for names in found.values() for student in names})
    for student in students or []:
        if student not in everyone:
            raise InputError(
                f"nothing handed in by '{student}'; there is work of "
                f"{', '.join(everyone) or 'no one'}."
            )
    chosen = {
        name: [s for s in names if students is None or s in students]
        for name, names in found.items()
    }
    chosen = {name: names for name, names in chosen.items() if names}
    if not chosen:
        raise InputError(
            f"nothing was handed in. Fix: put notebooks into {course.root}/submitted/STUDENT/"
            "ASSIGNMENT/ASSIGNMENT.ipynb, or use `bnn-lab course collect STUDENT FILE`."
        )
    return chosen


@contextmanager
def _gradebook(course: CourseFolder, assignment: str, database: bool) -> Iterator[str]:
    """URL of the gradebook, which knows the assignment."""
    if database:
        if not course.release(assignment).is_file() or not course.gradebook.is_file():
            raise BnnLabError(
                f"'{assignment}' is not in the gradebook. Fix: `bnn-lab course release "
                f"{assignment}` (without --no-db), or grade with --no-db."
            )
        yield f"sqlite:///{course.gradebook}"
        return
    with TemporaryDirectory(prefix="bnn-course-") as folder:
        url = f"sqlite:///{folder}/gradebook.db"
        make_release(course, assignment, database_url=url, release_folder=f"{folder}/release")
        yield url


def _grade_one(
    course: CourseFolder, assignment: str, student: str, limits: Limits, kind: str, url: str
) -> str:
    """Grade one submission; returns what went wrong, "" if nothing did."""
    notebook = course.submitted(student, assignment)
    try:
        read_notebook(notebook)
    except InputError as error:
        _remove(course, assignment, student)
        return f"not graded: {error}"
    common = [assignment, f"--student={student}", "--force", f"--CourseDirectory.db_url={url}"]
    options = [
        f"--Execute.timeout={limits.cell}",
        f"--LimitedExecute.total_timeout={limits.total}",
    ]
    with ExitStack() as stack:
        place = Sandbox((), {})
        if kind == "bubblewrap":
            place = stack.enter_context(sandbox(_side_files(course, assignment, student)))
        finished = nbgrader(
            "autograde",
            *common,
            *options,
            *place.arguments,
            folder=course.root,
            environment=place.environment,
            seconds=limits.total + _SPARE,
        )
    if finished.code != 0 or not course.autograded(student, assignment).is_file():
        _remove(course, assignment, student)
        return f"not graded: {finished.problem}"
    return ""


def _write_feedback(
    course: CourseFolder, assignment: str, students: list[str], url: str, *, all_students: bool
) -> None:
    """Feedback for the students; one call of nbgrader where it is for all of them.

    Raises:
        BnnLabError: nbgrader fails.
    """
    common = [assignment, "--force", f"--CourseDirectory.db_url={url}"]
    calls: list[list[str]] = [[]] if all_students else [[f"--student={s}"] for s in students]
    for more in calls if students else []:
        finished = nbgrader("generate_feedback", *common, *more, folder=course.root)
        if finished.code != 0:
            raise BnnLabError(
                f"the points of '{assignment}' are in the gradebook, but nbgrader could not write "
                f"the feedback: {finished.problem}"
            )


def _side_files(course: CourseFolder, assignment: str, student: str) -> list[Path]:
    """Files beside the notebook that the student's code may read: the teacher's win."""
    folders = (course.submitted(student, assignment).parent, course.source(assignment).parent)
    files = {
        path.name: path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.suffix != ".ipynb" and not path.name.startswith(".") and not path.is_symlink()
    }
    return list(files.values())


def _remove(course: CourseFolder, assignment: str, student: str) -> None:
    """Nothing of an earlier run may pass for the result of this one."""
    for path in (course.autograded(student, assignment), course.feedback(student, assignment)):
        shutil.rmtree(path.parent, ignore_errors=True)


def read_status(course: CourseFolder) -> dict[str, dict[str, str]]:
    """Assignment to student to what went wrong with the whole submission, "" if nothing did."""
    path = course.reports / STATUS
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write_status(course: CourseFolder, status: dict[str, dict[str, str]]) -> None:
    write_whole(course.reports / STATUS, json.dumps(status, indent=2, sort_keys=True) + "\n")
