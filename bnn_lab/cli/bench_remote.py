"""`bnn-lab bench ... --ssh user@host`: a command's models go there, its report comes back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnn_lab.cli.terminal import console
from bnn_lab.errors import InputError

if TYPE_CHECKING:
    from bnn_lab.bench.report import Report

COMMAND = "bnn-lab"  # there, unless --ssh-command says otherwise
# Options that are used here, not there.
_HERE = {"json_file", "html_file", "model", "float_file", "int8_file"}


def refuse_without_ssh(options: Sequence[str] | None, command: str) -> None:
    """Refuse `--ssh-option` and `--ssh-command` of a command that runs here.

    Raises:
        InputError: one of them is given.
    """
    if options or command != COMMAND:
        raise InputError(
            "--ssh-option and --ssh-command go with --ssh. Fix: name the machine with --ssh, or "
            "leave them out"
        )


def measure_there(
    context: Any,
    models: Iterable[str] = (),
    *,
    float_file: Path | None = None,
    int8_file: Path | None = None,
) -> Report:
    """Run the command of this context on another machine.

    Networks given by name are converted here, because a small device has no TensorFlow.

    Args:
        context: typer's, of a command with the options `--ssh`, `--ssh-option` and `--ssh-command`.
        models: see `runs.find_files`.
        float_file: see `runs.find_files`.
        int8_file: as for `runs.find_files`.

    Returns:
        The report that the command wrote there.

    Raises:
        RemoteError: the machine cannot be reached or cannot measure.
        InputError: an option or a model is wrong, or what comes back is not a report.
    """
    from bnn_lab.bench import runs
    from bnn_lab.bench.network_files import file_name
    from bnn_lab.bench.remote import Remote

    values, command = context.params, context.info_name
    remote = Remote(values["ssh"], values["ssh_option"] or (), values["ssh_command"])
    words = [command, *_options(context)]
    sent: dict[str, bytes] = {}
    # All are found before the first is converted.
    finds = [runs.find_files(m, float_file=float_file, int8_file=int8_file) for m in models]
    with console().status("") as status:
        for find in finds:
            name, files = find(status.update)
            sent |= {f"{name}/{file_name(kind)}": content for kind, content in files.items()}
            # With ./ a name cannot be taken for an option or for a network's.
            words += [f"./{name}"] if command == "model" else ["--model", f"./{name}"]
        status.update(f"measuring on {remote.target}")
        return remote.bench(words, sent)


def _options(context: Any) -> list[str]:
    """The options as they are typed, without those that are used here."""
    words: list[str] = []
    for option in context.command.params:
        value = context.params.get(option.name)
        here = option.name in _HERE or option.name.startswith("ssh")
        if here or value is None or option.param_type_name != "option":
            continue
        if isinstance(value, bool):
            words += (option.opts if value else option.secondary_opts)[:1]
        else:
            for item in value if isinstance(value, (list, tuple)) else [value]:
                words += [option.opts[0], str(item)]
    return words
