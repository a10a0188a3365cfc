"""The commands ``bnn-lab course ...``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnn_lab.cli.terminal import check_targets, console, say, warn, write_file
from bnn_lab.errors import InputError

app = typer.Typer(
    no_args_is_help=True,
    help="Exercises for a class: release, check, grade, report (over nbgrader).",
)

CourseOption = Annotated[Path, typer.Option("--course", help="The course's folder.")]
Names = Annotated[list[str] | None, typer.Argument(help="Assignments; none: all.")]

UNTRUSTED = (
    "Student code is about to run on this machine with your rights: it can read and change your "
    "files. Leave out --no-sandbox, or use a machine that has nothing to lose."
)


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(help="New folder of the course.")],
    empty: Annotated[bool, typer.Option("--empty", help="Without bnn_lab's exercises.")] = False,
) -> None:
    """Make a course's folder with bnn_lab's exercises in it."""
    from bnn_lab.course.folder import init_course

    course = init_course(folder, empty=empty)
    for name in course.assignments():
        say(f"  {name}")
    say(f"Course made in {course.root}. Next: cd {folder} && bnn-lab course release")


@app.command()
def release(
    assignments: Names = None,
    course: CourseOption = Path("."),
    no_db: Annotated[bool, typer.Option("--no-db", help="Leave the gradebook alone.")] = False,
) -> None:
    """Make the student versions: without solutions and hidden tests."""
    from bnn_lab.course.folder import open_course
    from bnn_lab.course.release import lint_assignment, make_release

    opened = open_course(course)
    chosen = opened.choose(assignments)
    failed = False
    for name in chosen:  # first all mistakes, so that they can be fixed in one go
        for problem in lint_assignment(opened, name):
            failed = failed or problem.serious
            say(f"{name}: {problem}", "red" if problem.serious else "yellow")
    if failed:
        raise InputError("nothing was released. Fix: correct the errors above")
    for name in chosen:
        with console().status(f"releasing {name} ..."):
            target = make_release(opened, name, no_database=no_db)
        say(f"{name}: {target}")


@app.command()
def collect(
    student: Annotated[str, typer.Argument(help="Name for the student's folder.")],
    file: Annotated[Path, typer.Argument(help="The student's notebook, whatever its name.")],
    assignment: Annotated[str | None, typer.Option(help="Default: found by its exercises.")] = None,
    course: CourseOption = Path("."),
) -> None:
    """Take a student's notebook into the course's folder."""
    from bnn_lab.course.collect import collect as collect_file
    from bnn_lab.course.folder import open_course

    name, target = collect_file(open_course(course), student, file, assignment)
    say(f"{name} of {student}: {target}")


@app.command()
def check(
    notebook: Annotated[Path, typer.Argument(help="Your notebook.")],
    seconds: Annotated[int, typer.Option(min=1, help="Limit for each cell.")] = 60,
) -> None:
    """For students: run a notebook and say which exercises are right, with hints."""
    from bnn_lab.course.validate import BY_HAND, PASSED, check_notebook

    with console().status("running the notebook ..."):
        verdicts = check_notebook(notebook, seconds=seconds)
    for verdict in verdicts:
        right, by_hand = verdict.state == PASSED, verdict.state == BY_HAND
        sign, style = ("✓", "green") if right else ("·", "") if by_hand else ("✗", "yellow")
        note = "your teacher reads it" if by_hand else verdict.hint
        line = f"{sign} {verdict.grade_id} ({verdict.points:g} points)"
        say(f"{line}: {note}" if note else line, style)
    states = [verdict.state for verdict in verdicts]
    say(f"{states.count(PASSED)} of {len(states)} exercises pass the visible checks.")
    if any(state not in (PASSED, BY_HAND) for state in states):
        raise typer.Exit(1)


@app.command()
def grade(
    assignments: Names = None,
    student: Annotated[list[str] | None, typer.Option(help="Only this one; repeatable.")] = None,
    no_sandbox: Annotated[
        bool,
        typer.Option(
            "--no-sandbox", help="Run student code with your rights: it can read all your files!"
        ),
    ] = False,
    memory: Annotated[int, typer.Option(min=64, help="MiB for each notebook.")] = 4096,
    cell_seconds: Annotated[int, typer.Option(min=1, help="Limit for each cell.")] = 30,
    total_seconds: Annotated[int, typer.Option(min=1, help="Limit for each notebook.")] = 180,
    no_db: Annotated[
        bool, typer.Option("--no-db", help="Keep no gradebook: only reports and feedback.")
    ] = False,
    course: CourseOption = Path("."),
) -> None:
    """Run what students handed in, give points, write feedback and reports.

    Student code runs in a sandbox (bubblewrap): no network, no files but a scratch copy.
    """
    from bnn_lab.course.folder import open_course
    from bnn_lab.course.grading import Limits
    from bnn_lab.course.grading import grade as grade_all
    from bnn_lab.course.points import summary
    from bnn_lab.course.sandbox import Quota

    if no_sandbox:
        warn(UNTRUSTED, stderr=True)
    rows = grade_all(
        open_course(course),
        assignments,
        student,
        limits=Limits(cell_seconds, total_seconds),
        sandboxed=not no_sandbox,
        quota=Quota(memory=memory),
        database=not no_db,
        progress=say,
    )
    console().print(summary(rows))
    say("Feedback is in feedback/, the points of each exercise in reports/.")


@app.command()
def report(
    assignments: Names = None,
    course: CourseOption = Path("."),
    csv: Annotated[Path | None, typer.Option(help="Also write all rows to this file.")] = None,
    no_db: Annotated[
        bool, typer.Option("--no-db", help="Read reports/*.csv instead of the gradebook.")
    ] = False,
) -> None:
    """Show points, those given by hand among them, and write them as CSV."""
    from bnn_lab.course.folder import open_course
    from bnn_lab.course.grading import read_status
    from bnn_lab.course.points import (
        read_gradebook,
        read_reports,
        summary,
        to_csv,
        write_report,
    )

    check_targets(csv)
    opened = open_course(course)
    chosen = opened.choose(assignments)
    if no_db or not opened.gradebook.is_file():
        rows = read_reports(opened, chosen)
    else:
        rows = read_gradebook(opened, f"sqlite:///{opened.gradebook}", chosen, read_status(opened))
        if not rows:
            raise InputError("nothing is graded yet. Fix: `bnn-lab course grade`.")
        for name in sorted({row.assignment for row in rows}):
            write_report(opened, name, [row for row in rows if row.assignment == name])
    console().print(summary(rows))
    if csv:
        write_file(csv, to_csv(rows), "points")
