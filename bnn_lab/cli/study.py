"""`bnn-lab bench study`: answers one question by measuring."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table


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
        bool, typer.Option("--force", help="Report even if the machine is too noisy; marked so.")
    ] = False,
) -> None:
    """Answer one question about speed by measuring: table, figure and finding."""
    from bnn_lab.experiments.latency import STUDIES, run_study

    console = Console()
    if name is None:
        table = Table("study", "question")
        for key, entry in STUDIES.items():
            table.add_row(key, entry.question)
        console.print(table)
        return
    with console.status("") as status:
        study = run_study(
            name,
            seconds=seconds,
            quick=quick,
            force=force,
            progress=lambda text: status.update(text),
        )
    console.print(study.as_table())
    console.print(study.finding)
    for problem in study.noise.get("problems", ()):
        console.print(f"[yellow]noisy:[/] {problem}")
    if csv_file is not None:
        csv_file.parent.mkdir(parents=True, exist_ok=True)
        study.frame.to_csv(csv_file, index=False)
        console.print(f"table written to {csv_file}", soft_wrap=True)
    if html_file is not None:
        from bnn_lab.bench.html import write_study_page

        write_study_page(study, html_file)
        console.print(f"page written to {html_file}", soft_wrap=True)
