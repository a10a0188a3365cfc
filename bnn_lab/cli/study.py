"""`bnn-lab bench study`: answers one question by measuring."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnn_lab.cli.terminal import console, list_questions, say_noise, write_file

_SHOWN_ROWS = 60


def study_command(
    name: Annotated[str | None, typer.Argument(help="Of the study; none: list them.")] = None,
    seconds: Annotated[
        float, typer.Option(min=1, help="Time budget of the measurement, without conversion.")
    ] = 120,
    quick: Annotated[bool, typer.Option("--quick", help="Few small cases, in seconds.")] = False,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write figure and table to this page.")
    ] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the table here.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Report even if no round was quiet; marked so.")
    ] = False,
) -> None:
    """Answer one question about speed by measuring: table, figure and finding."""
    from bnn_lab.bench.render import to_terminal
    from bnn_lab.bench.tables import Text, frame_table, noise_parts
    from bnn_lab.experiments.latency import STUDIES, run_study

    if name is None:
        list_questions("study", {key: entry.question for key, entry in STUDIES.items()})
        return
    with console().status("") as status:
        study = run_study(
            name,
            seconds=seconds,
            quick=quick,
            force=force,
            progress=lambda text: status.update(text),
            noisy=say_noise,
        )
    measured = frame_table(study.frame, study.question, _SHOWN_ROWS)
    noise = noise_parts(study.noise, study.uncertainty)
    to_terminal(console(), [measured, *noise, Text(study.finding)])
    if csv_file is not None:
        write_file(csv_file, study.frame.to_csv(index=False), "table")
    if html_file is not None:
        from bnn_lab.cli.page import write_study_page

        write_study_page(study, html_file)
