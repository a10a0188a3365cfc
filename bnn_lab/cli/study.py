"""`bnn-lab bench study`: answers one question by measuring."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bnn_lab.cli.bench_remote import COMMAND, refuse_without_ssh
from bnn_lab.cli.bench_run import Force, Ssh, SshCommand, SshOption
from bnn_lab.cli.terminal import (
    check_targets,
    console,
    list_questions,
    refuse_without_name,
    say,
    say_noise,
    write_file,
    written,
)

_SHOWN_ROWS = 60


def study_command(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Of the study; none: list them.")] = None,
    seconds: Annotated[
        float, typer.Option(min=1, help="Time budget of the measurement, without conversion.")
    ] = 120,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few small cases, taking seconds.")
    ] = False,
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write figure and table to this page.")
    ] = None,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", help="Write the study here, for bench merge."),
    ] = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the table here.")] = None,
    label: Annotated[
        str | None, typer.Option("--name", help="What to call this device in the file.")
    ] = None,
    force: Force = False,
    ssh: Ssh = None,
    ssh_option: SshOption = None,
    ssh_command: SshCommand = COMMAND,
) -> None:
    """Answer one question about speed by measuring: table, figure and finding."""
    from bnn_lab.bench.labels import check_label
    from bnn_lab.bench.remote import Remote
    from bnn_lab.bench.render import to_terminal
    from bnn_lab.bench.tables import Text, frame_table, noise_parts
    from bnn_lab.experiments.latency import STUDIES, entry_of, run_study
    from bnn_lab.experiments.latency.files import check_study, write_study

    if name is None:
        refuse_without_name(context, "study")
        list_questions("study", {key: entry.question for key, entry in STUDIES.items()})
        return
    entry_of(name)
    if label is not None:
        check_label(label)
    if ssh is None:
        refuse_without_ssh(ssh_option, ssh_command)
    check_targets(html_file, json_file, csv_file)
    with console().status("") as status:
        if ssh is not None:
            remote = Remote(ssh, ssh_option or (), ssh_command)
            status.update(f"measuring on {remote.target}")
            words = _words(name, seconds, quick, label, force)
            study = check_study(remote.json_of(words), f"the study of {remote.target}")
        else:
            study = run_study(
                name,
                seconds=seconds,
                quick=quick,
                force=force,
                progress=lambda text: status.update(text),
                noisy=say_noise,
                label=label,
            )
    measured = frame_table(study.frame, study.question, _SHOWN_ROWS)
    noise = noise_parts(study.noise, study.uncertainty)
    to_terminal(console(), [measured, *noise, Text(study.finding)])
    if json_file is not None:
        write_study(study, json_file)
        written(json_file, "study")
        if label is None:
            say(f'In it this device is called "{study.device}"; --name gives it another name.')
    if csv_file is not None:
        write_file(csv_file, study.frame.to_csv(index=False), "table")
    if html_file is not None:
        from bnn_lab.cli.page import write_study_page

        write_study_page(study, html_file)


def _words(name: str, seconds: float, quick: bool, label: str | None, force: bool) -> list[str]:
    """The command for another machine."""
    words = ["study", name, "--seconds", str(seconds)]
    words += ["--quick"] if quick else []
    words += ["--name", label] if label is not None else []
    return words + (["--force"] if force else [])
