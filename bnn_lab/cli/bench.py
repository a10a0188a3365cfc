"""`bnn-lab bench`: benchmarks in the terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from bnn_lab.cli.bench_run import kernels_command, model_command, suite_command
from bnn_lab.cli.predict import predict_command
from bnn_lab.cli.study import study_command
from bnn_lab.cli.terminal import check_targets, console, say, write_file

app = typer.Typer(no_args_is_help=True, help="Measure speed, here or on another machine.")
app.command("kernels")(kernels_command)
app.command("model")(model_command)
app.command("suite")(suite_command)
app.command("study")(study_command)
app.command("predict")(predict_command)


@app.command("compare")
def compare_command(
    first: Annotated[Path, typer.Argument(help="A report of bnn-lab bench --json.")],
    second: Annotated[Path, typer.Argument(help="Another one.")],
) -> None:
    """Two reports side by side."""
    from bnn_lab.bench.compare import comparison_parts
    from bnn_lab.bench.render import to_terminal
    from bnn_lab.bench.report import read_report

    names = (str(first), str(second))
    to_terminal(console(), comparison_parts(read_report(first), read_report(second), names))


@app.command("merge")
def merge_command(
    files: Annotated[
        list[str],
        typer.Argument(help="Files of bnn-lab bench --json, of studies too, and folders of them."),
    ],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Folder for one merged report per device.")
    ] = None,
    markdown_file: Annotated[
        Path | None, typer.Option("--markdown", help="Tables of all devices, for a document.")
    ] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Page with all devices.")] = None,
) -> None:
    """Put reports and studies of several machines together.

    Of reports, the newest figure of each layer and model on each device counts. Of studies, one
    figure shows all devices.
    """
    from bnn_lab.bench.render import to_markdown, to_terminal
    from bnn_lab.bench.tables import report_parts
    from bnn_lab.cli.merge import merged_files, study_parts, write_merged

    found = merged_files(files)
    check_targets(markdown_file, html_file, json_file and json_file / "device.json")
    parts = [part for report in found.reports for part in report_parts(report)]
    parts += [part for study in found.studies for part in study_parts(study)]
    to_terminal(console(), parts)
    if found.remarks:
        say(found.remarks)
    if json_file is not None:
        write_merged(found, json_file)
    if markdown_file is not None:
        title = "Benchmark of binarized networks"
        write_file(markdown_file, to_markdown(title, parts), "tables")
    if html_file is not None:
        from bnn_lab.cli.page import write_page

        write_page(found.reports, html_file, found.studies)


@app.command("schema")
def schema_command(
    study: Annotated[bool, typer.Option("--study", help="Of studies, not of reports.")] = False,
) -> None:
    """Print the JSON Schema of reports, or of studies."""
    from bnn_lab.bench.report import report_schema
    from bnn_lab.experiments.latency.files import study_schema

    schema = study_schema() if study else report_schema()
    typer.echo(json.dumps(schema, indent=1, ensure_ascii=True))


@app.command("cache")
def cache_command(
    clear: Annotated[bool, typer.Option("--clear", help="Delete the files.")] = False,
) -> None:
    """Where converted models are kept, and how much room they take."""
    from bnn_lab.bench.network_files import cache_size, clear_models, models_dir

    size = clear_models() if clear else cache_size()
    what = "deleted from" if clear else "in"
    say(f"{size / 1e6:.0f} MB {what} {models_dir()}")
