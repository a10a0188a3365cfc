"""`bnn-lab bench`: benchmarks in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from bnn_lab.cli.bench_run import finish, kernels_command, model_command, suite_command
from bnn_lab.cli.predict import predict_command
from bnn_lab.cli.study import study_command
from bnn_lab.cli.terminal import console, say, warn, write_file, written


class _BenchGroup(TyperGroup):
    """With --ssh, the command that follows runs on that machine."""

    def invoke(self, ctx: Any) -> Any:
        if not ctx.params.get("ssh"):
            return super().invoke(ctx)
        from bnn_lab.cli.bench_remote import run_there

        return run_there(ctx, ctx.params, [*ctx._protected_args, *ctx.args])


app = typer.Typer(no_args_is_help=True, help="Measure speed.", cls=_BenchGroup)


@app.callback()
def _group(
    ssh: Annotated[
        str | None, typer.Option(metavar="USER@HOST", help="Measure on this machine over SSH.")
    ] = None,
    ssh_port: Annotated[int | None, typer.Option(min=1, max=65535, help="Its port.")] = None,
    ssh_identity: Annotated[Path | None, typer.Option(help="File of the private key.")] = None,
    ssh_option: Annotated[
        list[str] | None,
        typer.Option(help="Further option as in ssh_config, such as ProxyJump=gate; repeatable."),
    ] = None,
    ssh_python: Annotated[
        str, typer.Option(help="Python 3.11 or 3.12 there, to make the environment with.")
    ] = "python3",
    ssh_wheel: Annotated[
        Path | None,
        typer.Option(help="Wheel of bnn_lab for that machine. Default: built from this copy."),
    ] = None,
    ssh_installed: Annotated[
        bool, typer.Option("--ssh-installed", help="--ssh-python has bnn_lab already: send none.")
    ] = False,
    ssh_folder: Annotated[
        str, typer.Option(help="Folder there, for the environment and files.")
    ] = ".cache/bnn_lab/remote",
) -> None:
    """Measure speed, here or on another machine (bnn-lab bench --ssh pi@board kernels)."""


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
    from bnn_lab.bench.compare import agreement, compare_reports, comparison_table
    from bnn_lab.bench.report import read_report

    reports = read_report(first), read_report(second)
    rows = compare_reports(*reports)
    console().print(comparison_table(rows, str(first), str(second)))
    say(agreement(rows))
    devices = [report["device"] for report in reports]
    if devices[0] != devices[1]:
        warn(f"{devices[0]} and {devices[1]}", "different devices")


@app.command("merge")
def merge_command(
    files: Annotated[list[Path], typer.Argument(help="Reports of bnn-lab bench --json.")],
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Folder for one merged report per device.")
    ] = None,
    markdown_file: Annotated[
        Path | None, typer.Option("--markdown", help="Tables of all devices, for a document.")
    ] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Page with all devices.")] = None,
) -> None:
    """Put reports together: one per device, the newest figure of each layer and model."""
    from bnn_lab.bench.report import merge_reports, read_report, write_report

    merged = merge_reports([read_report(file) for file in files])
    for number, report in enumerate(merged):
        finish(report, None, None)
        if json_file is not None:
            name = "".join(c if c.isalnum() else "-" for c in report["device"]).strip("-").lower()
            target = json_file / f"{name or number}.json"
            write_report(report, target)
            written(target, "figures")
    if markdown_file is not None:
        from bnn_lab.bench.markdown import markdown

        write_file(markdown_file, markdown(merged), "tables")
    if html_file is not None:
        from bnn_lab.cli.page import write_page

        write_page(merged, html_file)
        written(html_file, "page")


@app.command("cache")
def cache_command(
    clear: Annotated[bool, typer.Option("--clear", help="Delete the files.")] = False,
) -> None:
    """Where converted models are kept, and how much room they take."""
    from bnn_lab.bench.model_cache import cache_size, clear_models, models_dir

    size = clear_models() if clear else cache_size()
    what = "deleted from" if clear else "in"
    say(f"{size / 1e6:.0f} MB {what} {models_dir()}")
