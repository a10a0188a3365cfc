"""Grading: nbgrader's `autograde` and `generate_feedback`, one submission at a time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bnn_lab._files import write_whole
from bnn_lab.course.folder import CourseFolder, instructor_notebook, nbgrader_data
from bnn_lab.course.nbgrader_commands import Finished, nbgrader
from bnn_lab.course.points import NOT_GRADED, Row, read_gradebook, read_reports, write_report
from bnn_lab.course.release import make_release
from bnn_lab.course.sandbox import Quota, Sandbox, require_bubblewrap, sandbox
from bnn_lab.course.submission import check_student, clean_copy, handed_in, printable
from bnn_lab.errors import BnnLabError, InputError

_SPARE = 90  # seconds for nbgrader itself, beyond the notebook's limit
# Bytes for nbgrader itself, to which a student's kernel may send messages as long as it likes.
_MEMORY = 2 << 30
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
    sandboxed: bool = True,
    quota: Quota | None = None,
    database: bool = True,
    progress: Callable[[str], None] = lambda line: None,
) -> list[Row]:
    """Grade what students handed in, write feedback, and write the tables of points.

    Whatever a student hands in, the others are graded and the tables are written: what is wrong
    with a submission as a whole is a note in its rows.

    Args:
        course: where.
        assignments: names; None: all that were handed in.
        students: names; None: all.
        limits: limits of run time.
        sandboxed: run student code in a sandbox; otherwise it has this user's rights.
        quota: what it may use there.
        database: keep points in the gradebook. Otherwise a throw-away one serves, so that only
            reports and feedback remain, and no points can be given by hand.
        progress: called with a line for each submission.

    Returns:
        Rows of the report, one an exercise.

    Raises:
        InputError: an unknown assignment or student, or nothing was handed in.
        BnnLabError: there is no sandbox here, the assignment was never released, or the gradebook
            cannot be read.
    """
    limits = limits or Limits()
    if sandboxed:
        require_bubblewrap()
    quota = (quota or Quota()) if sandboxed else None
    work = _submissions(course, assignments, students)
    status = read_status(course)
    rows: list[Row] = []
    for assignment, names in work.items():
        with _gradebook(course, assignment, database) as url:
            known = known_cells(course, assignment)
            notes = status.setdefault(assignment, {})
            for student in names:
                job = _Job(course, assignment, student, limits, quota, url, known)
                notes[job.shown] = job.grade()
                progress(f"{assignment} {job.shown}: {notes[job.shown] or 'graded'}")
            _write_status(course, status)
            graded = [s for s in names if not notes.get(s, "-")]
            for student, problem in _write_feedback(course, assignment, graded, url).items():
                notes[student] = problem
                progress(f"{assignment} {student}: {problem}")
            _write_status(course, status)
            if database:
                fresh = read_gradebook(course, url, [assignment], status)
            else:  # a throw-away gradebook knows of no earlier work
                now = {printable(student): notes[printable(student)] for student in names}
                fresh = read_gradebook(course, url, [assignment], {assignment: now})
                fresh += _earlier_rows(course, assignment, list(now))
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
    found = {name: handed_in(course, name) for name in course.choose(assignments)}
    everyone = sorted({student for names in found.values() for student in names})
    for student in students or []:
        if student not in everyone:
            raise InputError(
                f"nothing handed in by '{student}'; there is work of "
                f"{printable(', '.join(everyone), 1000) or 'no one'}."
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


def known_cells(course: CourseFolder, assignment: str) -> dict[str, dict[str, Any]]:
    """nbgrader's metadata of an assignment's cells, by grade_id."""
    cells = instructor_notebook(course, assignment).cells
    found = map(nbgrader_data, cells)
    return {data["grade_id"]: dict(data) for data in found if data.get("grade_id")}


@dataclass(frozen=True)
class _Job:
    """Grading one submission."""

    course: CourseFolder
    assignment: str
    student: str
    limits: Limits
    quota: Quota | None  # None: no sandbox
    url: str
    known: dict[str, dict[str, Any]]

    @property
    def shown(self) -> str:
        """The student's name in tables; the name itself if it is fit."""
        return printable(self.student)

    def grade(self) -> str:
        """What went wrong, "" if nothing did. Never raises for what a student did."""
        try:
            return self._grade()
        except InputError as error:
            problem = str(error)
        except (BnnLabError, OSError) as error:
            problem = f"{type(error).__name__}: {error}"
        self._remove()
        return f"{NOT_GRADED}: {printable(problem)}"

    def _grade(self) -> str:
        course, assignment, student = self.course, self.assignment, self.student
        check_student(course, student)
        with ExitStack() as stack:
            stage = Path(stack.enter_context(TemporaryDirectory(prefix="bnn-course-")))
            copy = stage / student / assignment
            copy.mkdir(parents=True)
            clean_copy(course, student, assignment, self.known, copy)
            place = Sandbox((), {})
            if self.quota is not None:
                own = self.course.source(self.assignment).parent
                place = stack.enter_context(
                    sandbox(_side_files(copy, own), self.quota, _side_files(own))
                )
            finished = nbgrader(
                "autograde",
                assignment,
                f"--student={student}",
                "--force",
                f"--CourseDirectory.db_url={self.url}",
                f"--CourseDirectory.submitted_directory={stage}",
                f"--Execute.timeout={self.limits.cell}",
                f"--LimitedExecute.total_timeout={self.limits.total}",
                *place.arguments,
                folder=course.root,
                environment=place.environment,
                seconds=self.limits.total + _SPARE,
                memory=_MEMORY if self.quota else None,
            )
        if finished.code != 0 or not course.autograded(student, assignment).is_file():
            self._remove()
            return f"{NOT_GRADED}: {printable(finished.problem)}"
        return ""

    def _remove(self) -> None:
        """Nothing of an earlier run may pass for the result of this one."""
        course, student = self.course, self.student
        for path in (course.autograded, course.feedback):
            with suppress(OSError, ValueError):
                shutil.rmtree(path(student, self.assignment).parent, ignore_errors=True)


def _side_files(*folders: Path) -> list[Path]:
    """Files beside a notebook that its code may read: of two with a name, the last folder's."""
    files = {
        path.name: path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.suffix != ".ipynb" and not path.name.startswith(".") and not path.is_symlink()
    }
    return list(files.values())


def _write_feedback(
    course: CourseFolder, assignment: str, students: list[str], url: str
) -> dict[str, str]:
    """Feedback for students; gives those that have none, and why.

    nbgrader makes it for all in one call, which ends at the first that it cannot make.
    """
    common = [assignment, "--force", f"--CourseDirectory.db_url={url}"]

    def make(*more: str) -> Finished:
        return nbgrader("generate_feedback", *common, *more, folder=course.root)

    for student in students:
        shutil.rmtree(course.feedback(student, assignment).parent, ignore_errors=True)
    if len(students) > 1 and make().code == 0:
        missing = [s for s in students if not course.feedback(s, assignment).is_file()]
    else:
        missing = students
    failed = {}
    for student in missing:
        finished = make(f"--student={student}")
        if finished.code != 0:
            failed[student] = f"graded, but without feedback: {printable(finished.problem)}"
    return failed


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
