"""Running nbgrader's own commands, and reading what they say."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bnn_lab.errors import BnnLabError

_RAISED = re.compile(r"^\s*[\w.]*(Error|Exception)\b.*:")
# As `python -m nbgrader`. A grammar of web addresses, which nothing here needs, takes a third of
# the time of its start: jsonschema does without where it is missing.
_START = """
import runpy, sys
if memory := int(sys.argv.pop(1)):
    import resource
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (memory, most))
sys.modules["rfc3987_syntax"] = None
runpy.run_module("nbgrader", run_name="__main__", alter_sys=True)
"""
_LOG_LINE = re.compile(r"^\[\w+ \| (?P<level>\w+)\] (?P<text>.*)$")


@dataclass(frozen=True)
class Finished:
    """A command that came to its end.

    Attributes:
        code: exit code; None if it was stopped at the time limit.
        out: standard output.
        log: standard error, where nbgrader logs.
    """

    code: int | None
    out: str
    log: str

    def messages(self, level: str) -> list[str]:
        """First lines of the log's messages of one level, such as ERROR."""
        found = (_LOG_LINE.match(line) for line in self.log.splitlines())
        return [m["text"].strip() for m in found if m and m["level"] == level]

    @property
    def problem(self) -> str:
        """Why it failed, as one line: nbgrader's last error, or the last line of a traceback."""
        if self.code is None:
            return "it did not end within the time limit and was stopped"
        raised = [x for x in self.log.splitlines() if _RAISED.match(x)]
        errors = [m for m in self.messages("ERROR") if m and "Traceback" not in m]
        plain = [line for line in self.log.splitlines() if line.strip()]
        for candidates in (raised, errors, plain):
            if candidates:
                return candidates[-1].strip()
        return f"exit code {self.code}"


def nbgrader(
    command: str,
    *arguments: str,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    seconds: float | None = None,
    memory: int | None = None,
) -> Finished:
    """Run `nbgrader COMMAND` in a folder.

    Args:
        command: such as "autograde".
        *arguments: passed on.
        folder: working directory; its nbgrader_config.py holds.
        environment: variables in addition to this process's.
        seconds: after which it is killed with all its children; None for no limit.
        memory: bytes that it may use, and its children unless they choose; None for no limit.

    Returns:
        What it printed and how it ended.

    Raises:
        BnnLabError: nbgrader is not installed.
    """
    require_nbgrader()
    full = [sys.executable, "-c", _START, str(memory or 0), command, *arguments]
    return run(full, folder=folder, environment=environment, seconds=seconds)


def run(
    full: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    seconds: float | None = None,
) -> Finished:
    """Run a program in a process group of its own, so that a time limit reaches its children."""
    # nbgrader calls `alembic`, which lies beside Python, not always on the PATH. TensorFlow's
    # chatter would count as output of a student's cell.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    settings = {**os.environ, "PATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", **(environment or {})}
    with subprocess.Popen(
        full,
        cwd=folder,
        env=settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            out, log = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            out, log = process.communicate()
            return Finished(None, out, log)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return Finished(process.returncode, out, log)


def require_nbgrader() -> None:
    """Say what to install, where the course's packages are missing.

    Raises:
        BnnLabError: nbgrader or jupytext cannot be imported.
    """
    from importlib.util import find_spec

    missing = [name for name in ("nbgrader", "jupytext", "ipykernel") if find_spec(name) is None]
    if missing:
        raise BnnLabError(
            f'{" and ".join(missing)} not installed. Fix: pip install "bnn-lab[course]"'
        )
