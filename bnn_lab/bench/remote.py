"""Measuring on another machine: run the bnn-lab that is installed there over SSH, bring JSON back.

All goes through one connection of OpenSSH's own client, with the user's configuration, agent and
known hosts: model files in by standard input as a tar archive, the report out by standard output,
between two lines that no login script prints. An unknown host key is an error, not accepted
silently.
"""

from __future__ import annotations

import io
import secrets
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from bnn_lab.bench.report import Report, check_report
from bnn_lab.errors import BnnLabError, InputError

_CONNECT_SECONDS = 20
_ALIVE_SECONDS = 15  # a connection that says nothing four times as long is dead
_NO_COMMAND = 127  # as shells say it
# In a folder of its own, which only the user may read and which goes when the script ends. No line
# breaks: some login shells cannot pass them on.
_SCRIPT = (
    "umask 077; c=$(command -v -- {command}) || exit {no_command}; "
    'case $c in /*) ;; *) c="$PWD/$c" ;; esac; '
    "d=$(mktemp -d) || exit; trap 'rm -rf \"$d\"' EXIT; trap 'exit 1' HUP INT TERM; "
    'cd "$d" && tar -xf - && "$c" bench {words} --json report.json >&2 && '
    "printf '\\n%s\\n' {mark} && cat report.json && printf '\\n%s\\n' {mark}"
)


class RemoteError(BnnLabError):
    """Another machine could not be reached or could not measure; the message has its answer."""


@dataclass(frozen=True)
class Remote:
    """A machine that can be reached over SSH and has bnn_lab.

    Attributes:
        target: as for ssh: host, user@host, or a name of ssh_config.
        options: as in ssh_config: "Port=2222", "IdentityFile=~/.ssh/board", "ProxyJump=gate".
        command: bnn-lab there: found on its PATH, or a path, from the home directory if relative.

    Raises:
        InputError: the target or an option cannot be one.
    """

    target: str
    options: Sequence[str] = ()
    command: str = "bnn-lab"

    def __post_init__(self) -> None:
        if not self.target or self.target.startswith("-") or any(c.isspace() for c in self.target):
            raise InputError(f"--ssh: {self.target!r} is not a host. Fix: write user@host")
        for option in self.options:
            if "=" not in option or option.startswith("-"):
                raise InputError(f"--ssh-option: {option!r} must be Name=value as in ssh_config")

    def bench(self, words: Sequence[str], files: Mapping[str, bytes] | None = None) -> Report:
        """Run `bnn-lab bench` there.

        Args:
            words: words of the command, without --json. It runs in a folder of its own there.
            files: relative path in this folder to contents.

        Returns:
            The report.

        Raises:
            RemoteError: no connection, no bnn-lab there, or the benchmark fails, such as for noise.
            InputError: what comes back is not a report of this version.
        """
        return check_report(self.json_of(words, files), f"the report of {self.target}")

    def json_of(self, words: Sequence[str], files: Mapping[str, bytes] | None = None) -> bytes:
        """The JSON that a command of `bnn-lab bench` writes there; see `bench`."""
        mark = f"bnn-lab-{secrets.token_hex(16)}"
        script = _SCRIPT.format(
            command=shlex.quote(self.command),
            no_command=_NO_COMMAND,
            words=shlex.join(words),
            mark=mark,
        )
        text = self._run(f"sh -c {shlex.quote(script)}", _archive(files or {})).decode(
            errors="replace"
        )
        parts = text.split(f"\n{mark}\n")
        if len(parts) < 3:
            raise RemoteError(
                f"{self.target} sent no report. Fix: run the command there by hand. Its output "
                f"ends with: {_tail(text)}"
            )
        return parts[1].encode()

    def _run(self, command: str, content: bytes) -> bytes:
        try:
            done = subprocess.run(
                [*self._ssh(), command], input=content, capture_output=True, check=False
            )
        except FileNotFoundError as error:
            raise RemoteError(
                "there is no ssh on this machine. Fix: on Debian, apt-get install openssh-client"
            ) from error
        if done.returncode:
            raise RemoteError(
                self._explain(done.returncode, _tail(done.stderr.decode("utf-8", "replace")))
            )
        return done.stdout

    def _ssh(self) -> list[str]:
        defaults = {
            "BatchMode": "no" if sys.stdin is not None and sys.stdin.isatty() else "yes",
            "ConnectTimeout": str(_CONNECT_SECONDS),
            "ServerAliveInterval": str(_ALIVE_SECONDS),
            "ServerAliveCountMax": "4",
        }
        command = ["ssh", "-T"]
        # The user's first: ssh takes the first value of an option.
        for option in (*self.options, *(f"{name}={value}" for name, value in defaults.items())):
            command += ["-o", option]
        return [*command, "--", self.target]

    def _explain(self, code: int, text: str) -> str:
        if code == _NO_COMMAND:
            return (
                f"{self.target} has no command {self.command!r}. Fix: install bnn-lab there, or "
                f"name its path with --ssh-command. {text}".rstrip()
            )
        if code != 255:  # ssh's own
            return f"{self.target}: bnn-lab failed there: {text or f'code {code}'}"
        advice = "check the name, the port (--ssh-option Port=...) and that the machine is on"
        if "Host key verification failed" in text:
            advice = (
                "the machine's key is not known or has changed; connect once by hand (ssh "
                f"{self.target}) and compare its fingerprint"
            )
        elif "Permission denied" in text:
            advice = (
                "name a key with --ssh-option IdentityFile=..., or load one into your agent "
                "(ssh-add)"
            )
        return f"cannot connect to {self.target}: {text}. Fix: {advice}"


def _archive(files: Mapping[str, bytes]) -> bytes:
    for name in files:
        if ".." in PurePosixPath(name).parts or name.startswith("/"):
            raise InputError(f"{name!r} lies outside of the folder that is sent. Fix: rename it")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _tail(text: str) -> str:
    """The last words of what a machine said, in one line."""
    return " ".join(text.split()[-120:])
