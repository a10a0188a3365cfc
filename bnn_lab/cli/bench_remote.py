"""`bnn-lab bench --ssh user@host ...`: the command's files go there, its report comes back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bnn_lab.bench import runs
from bnn_lab.bench.model_cache import KINDS, file_name
from bnn_lab.bench.remote import Remote
from bnn_lab.cli.bench_run import finish
from bnn_lab.cli.terminal import console
from bnn_lab.errors import InputError

_COMMANDS = ("kernels", "model", "suite")
_LOCAL = ("json_file", "html_file", "model", "float_file", "int8_file")


def run_there(context: Any, ssh: Mapping[str, Any], arguments: Sequence[str]) -> None:
    """Run a command of `bnn-lab bench` on another machine and show its report here.

    Networks given by name are converted here, because a small device has no TensorFlow.

    Args:
        context: of the group, which knows the commands.
        ssh: the group's options.
        arguments: the command's name and its arguments.

    Raises:
        InputError: this command cannot run elsewhere.
        RemoteError: the machine cannot be reached, prepared or measured.
    """
    if not arguments or arguments[0] not in _COMMANDS:
        raise InputError(
            f"--ssh works with {', '.join(_COMMANDS)}, not {' '.join(arguments[:1]) or 'nothing'}"
        )
    name = arguments[0]
    command = context.command.commands[name]
    # The command's own parser: wrong arguments are refused before anything is sent.
    with command.make_context(name, list(arguments[1:]), parent=context) as parsed:
        values = dict(parsed.params)
    with console().status("") as status:

        def say(text: str) -> None:
            status.update(text)

        remote = Remote(
            ssh["ssh"],
            port=ssh["ssh_port"],
            identity=ssh["ssh_identity"],
            options=ssh["ssh_option"] or (),
            python=ssh["ssh_python"],
            folder=ssh["ssh_folder"],
            say=say,
        )
        words = [name, *_options(command, values)]
        models: Any = values.get("model")
        if name == "model":
            extra = {"float_file": values["float_file"], "int8_file": values["int8_file"]}
            words.append(_send_model(remote, models, **extra))
        elif name == "suite":
            for model in runs.expand_models(models):
                words += ["--model", _send_model(remote, model)]
        ready = ssh["ssh_installed"]
        python = remote.python if ready else remote.install(ssh["ssh_wheel"])
        report = remote.bench(words, python=python)
    finish(report, values["json_file"], values["html_file"])


def _options(command: Any, values: Mapping[str, Any]) -> list[str]:
    """The options as they are typed, without those that concern files here."""
    words: list[str] = []
    for option in command.params:
        value = values.get(option.name)
        if option.name in _LOCAL or value is None or option.param_type_name != "option":
            continue
        if isinstance(value, bool):
            names = option.opts if value else option.secondary_opts
            words += names[:1]
        elif isinstance(value, (list, tuple)):
            for item in value:
                words += [option.opts[0], str(item)]
        else:
            words += [option.opts[0], str(value)]
    return words


def _send_model(
    remote: Remote, model: str, *, float_file: Path | None = None, int8_file: Path | None = None
) -> str:
    """Upload a model's files; returns the folder there."""
    name, found = runs.files_of(
        model, float_file=float_file, int8_file=int8_file, progress=remote.say
    )
    folder = f"{remote.folder}/models/{name}"
    remote.run(f"rm -rf {folder!r}")
    for kind in KINDS:
        if kind in found:
            remote.say(f"sending {name}: {kind}")
            remote.upload(found[kind], f"{folder}/{file_name(kind)}")
    return folder
