"""`bnn-lab experiment`: answers one question about training by training small networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnn_lab.cli.terminal import (
    check_targets,
    console,
    list_questions,
    refuse_without_name,
    say,
    write_file,
)

_SHOWN_ROWS = 60


def experiment_command(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Of the experiment; none: list them.")] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Change a setting, as epochs=5 or gammas=[1e-3,1e-2]; repeatable.",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few short runs, taking seconds; they prove little.")
    ] = False,
    folder: Annotated[
        Path, typer.Option(help="Keeps each run's result; a second command does what is missing.")
    ] = Path("runs/experiments"),
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write figure and table to this page.")
    ] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the table here.")] = None,
) -> None:
    """Answer one question about training by training: table, figure and words."""
    import time

    if name is None:
        refuse_without_name(context, "experiment")
    with console().status("Loading TensorFlow ..."):
        from bnn_lab.bench.render import to_terminal
        from bnn_lab.bench.tables import frame_table
        from bnn_lab.experiments.training import EXPERIMENTS, Running, run_experiment
        from bnn_lab.experiments.training.catalogue import entry_of
        from bnn_lab.figures import draw

    if name is None:
        from bnn_lab.experiments.training.seconds import recorded_seconds

        cost = {key: f"{value:g}" for key, value in recorded_seconds().items()}
        questions = {key: entry.question for key, entry in EXPERIMENTS.items()}
        list_questions("experiment", questions, {"CPU s": cost})
        say("CPU s: measured once, with Python's start, on the machine of the documentation.")
        return
    entry = entry_of(name)
    check_targets(html_file, csv_file)
    started = time.perf_counter()
    result = run_experiment(
        name, settings or [], quick=quick, running=Running(folder=folder / name)
    )
    seconds = time.perf_counter() - started
    drawing = draw(result)
    shown = result.frame[[c for c in result.frame if result.frame[c].map(_is_short).all()]]
    to_terminal(console(), [frame_table(shown, entry.question, _SHOWN_ROWS)])
    say(drawing.words)
    say(f"{seconds:.0f} s" + (f", without runs that {folder / name} had" if entry.keeps else ""))
    if csv_file is not None:
        write_file(csv_file, result.frame.to_csv(index=False), "table")
    if html_file is not None:
        from bnn_lab.cli.page import write_experiment_page

        write_experiment_page(entry.question, shown, drawing, html_file)


def _is_short(value: object) -> bool:
    """Whether a cell is not a list of one value an epoch."""
    return not isinstance(value, list | tuple | dict)
