"""`bnn-lab bench kernels | model | suite`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from bnn_lab.cli.bench_remote import COMMAND, measure_there, refuse_without_ssh
from bnn_lab.cli.terminal import check_targets, console, say, say_noise, written
from bnn_lab.errors import InputError

if TYPE_CHECKING:
    from bnn_lab.bench.report import Report
    from bnn_lab.measure.noise import NoiseWatch

Rounds = Annotated[int, typer.Option(min=1, help="Timing samples of each.")]
Threads = Annotated[
    list[int] | None,
    typer.Option(min=1, max=256, help="Threads; may be repeated."),
]
Pin = Annotated[int | None, typer.Option(help="Keep the process on this CPU; one thread only.")]
Force = Annotated[
    bool, typer.Option("--force", help="Report even if no round was quiet; marked so.")
]
Json = Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")]
Html = Annotated[
    Path | None, typer.Option("--html", help="Write a page with tables and plots to this file.")
]
Lce = Annotated[
    bool | None,
    typer.Option("--lce/--no-lce", help="Also LCE's kernels. Default: if it is installed."),
]
Name = Annotated[
    str | None,
    typer.Option(help="What to call this device in the report. Default: its host name and CPU."),
]
Ssh = Annotated[
    str | None,
    typer.Option(metavar="USER@HOST", help="Measure on this machine, which has bnn-lab, by SSH."),
]
SshOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="As in ssh_config, such as Port=2222; repeatable."),
]
SshCommand = Annotated[str, typer.Option(metavar="PATH", help="bnn-lab on that machine.")]


def kernels_command(
    context: typer.Context,
    rounds: Rounds = 30,
    threads: Threads = None,
    pin: Pin = None,
    json_file: Json = None,
    html_file: Html = None,
    float_baselines: Annotated[bool, typer.Option(help="Also float32 and int8 TFLite.")] = True,
    name: Name = None,
    force: Force = False,
    ssh: Ssh = None,
    ssh_option: SshOption = None,
    ssh_command: SshCommand = COMMAND,
) -> None:
    """Binary convolutions on each backend, beside LCE, float32 and int8 TFLite."""
    from bnn_lab.bench import runs

    counts = threads or [1]
    _check(counts, pin, name, json_file, html_file)
    if ssh is not None:
        return finish(measure_there(context), json_file, html_file, name)
    refuse_without_ssh(ssh_option, ssh_command)
    watch = _start(counts, pin, force)
    with _progress(console(), runs.kernel_steps(counts)) as advance:
        measured = runs.run_kernels(
            counts, watch, rounds=rounds, float_baselines=float_baselines, advance=advance
        )
    finish(measured.report(["bench", "kernels"], watch, name), json_file, html_file, name)


def model_command(
    context: typer.Context,
    model: Annotated[str, typer.Argument(help="A .tflite file, or a network's name.")],
    float_file: Annotated[
        Path | None, typer.Option("--float", help="The same network as float32 TFLite.")
    ] = None,
    int8_file: Annotated[
        Path | None, typer.Option("--int8", help="The same network as int8 TFLite.")
    ] = None,
    rounds: Rounds = 20,
    threads: Threads = None,
    pin: Pin = None,
    lce: Lce = None,
    json_file: Json = None,
    html_file: Html = None,
    name: Name = None,
    force: Force = False,
    ssh: Ssh = None,
    ssh_option: SshOption = None,
    ssh_command: SshCommand = COMMAND,
) -> None:
    """A model on each backend, fused and not, beside LCE, float32 and int8 TFLite.

    A network's name, such as quicknet-small, stands for its three files with random weights; they
    are converted once and kept in the user's cache directory.
    """
    from bnn_lab.bench import runs

    counts = threads or ([1] if pin is not None else runs.default_threads())
    _check(counts, pin, name, json_file, html_file)
    if ssh is not None:
        report = measure_there(context, [model], float_file=float_file, int8_file=int8_file)
        return finish(report, json_file, html_file, name)
    refuse_without_ssh(ssh_option, ssh_command)
    find = runs.find_files(model, float_file=float_file, int8_file=int8_file)
    watch = _start(counts, pin, force)
    with console().status("") as status:
        called, files = find(status.update)
    with _progress(console(), len(counts)) as advance:
        measured = runs.run_models(
            {called: files}, counts, watch, rounds=rounds, with_lce=lce, advance=advance
        )
    words = ["bench", "model", called]
    finish(measured.report(words, watch, name), json_file, html_file, name)


def suite_command(
    context: typer.Context,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Network or .tflite file, or `published`: ten networks of the literature; may be "
            "repeated. Default the QuickNets."
        ),
    ] = None,
    rounds: Rounds = 20,
    threads: Threads = None,
    pin: Pin = None,
    lce: Lce = None,
    json_file: Json = None,
    html_file: Html = None,
    name: Name = None,
    force: Force = False,
    ssh: Ssh = None,
    ssh_option: SshOption = None,
    ssh_command: SshCommand = COMMAND,
) -> None:
    """Layers and models beside their baselines, in one report (a few minutes)."""
    from bnn_lab.bench import runs

    counts = threads or ([1] if pin is not None else runs.default_threads())
    _check(counts, pin, name, json_file, html_file)
    if ssh is not None:
        report = measure_there(context, runs.expand_models(model))
        return finish(report, json_file, html_file, name)
    refuse_without_ssh(ssh_option, ssh_command)
    finds = [runs.find_files(entry) for entry in runs.expand_models(model)]
    watch = _start(counts, pin, force)
    with console().status("") as status:
        files = dict(find(status.update) for find in finds)
    steps = runs.kernel_steps(counts) + len(files) * len(counts)
    with _progress(console(), steps) as advance:
        measured = runs.run_kernels(counts, watch, rounds=rounds, advance=advance)
        models = runs.run_models(files, counts, watch, rounds=rounds, with_lce=lce, advance=advance)
    measured.models.extend(models.models)
    finish(measured.report(["bench", "suite"], watch, name), json_file, html_file, name)


def finish(
    report: Report, json_file: Path | None, html_file: Path | None, name: str | None = None
) -> None:
    """Show a report and write the files that were asked for; say what the device is called."""
    from bnn_lab.bench.render import to_terminal
    from bnn_lab.bench.report import write_report
    from bnn_lab.bench.tables import report_parts

    to_terminal(console(), report_parts(report))
    if json_file is not None:
        write_report(report, json_file)
        written(json_file, "figures")
        if name is None:
            say(f'In it this device is called "{report.device}"; --name gives it another name.')
    if html_file is not None:
        from bnn_lab.cli.page import write_page

        write_page([report], html_file)


def _check(threads: list[int], pin: int | None, name: str | None, *targets: Path | None) -> None:
    """Refuse what cannot be, before anything is measured, here or there."""
    from bnn_lab.bench.labels import check_label

    if name is not None:
        check_label(name)
    if pin is not None and max(threads) > 1:
        raise InputError("--pin keeps all threads on one CPU; use it with --threads 1")
    check_targets(*targets)


def _start(threads: list[int], pin: int | None, force: bool) -> NoiseWatch:
    """Pin the process, look at the machine, and say what figures will suffer."""
    from bnn_lab.measure.host import pin_to_cpu
    from bnn_lab.measure.noise import NoiseWatch

    if pin is not None:
        pin_to_cpu(pin)
    watch = NoiseWatch(max(threads), force=force)
    say_noise(watch.before())
    return watch


@contextlib.contextmanager
def _progress(console: Console, total: int) -> Iterator[Callable[[str], None]]:
    """A bar that vanishes at the end; its function is called as each step begins."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    # Drawn only between steps: a thread that draws during a measurement would be noise.
    with Progress(*columns, console=console, transient=True, auto_refresh=False) as bar:
        task = bar.add_task("starting", total=total)
        begun = 0

        def advance(text: str) -> None:
            nonlocal begun
            bar.update(task, description=text, completed=begun, refresh=True)
            begun += 1

        yield advance
