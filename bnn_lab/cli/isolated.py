"""`bnn-lab inspect --isolated`: a file from a stranger is read and tried in a process with limits.

`bnn_lab.cli.limited` is the child.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

from bnn_lab.errors import ModelFileError

MEGABYTES = 2048
SECONDS = 60  # of processor time; twice as long by the clock
# What Python, its libraries and the kernels need; nothing else of the environment is handed on.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "HOME", "BNN_LAB_BACKEND")


def describe_isolated(
    content: bytes,
    *,
    ir: bool = False,
    passes: bool = False,
    megabytes: int = MEGABYTES,
    seconds: int = SECONDS,
) -> dict[str, Any]:
    """What a `.tflite` file holds, and what comes of running it, found out in a child process.

    Args:
        content: bytes of the file.
        ir: as for `describe_file`.
        passes: likewise.
        megabytes: memory that the child may have.
        seconds: of processor time that it may take.

    Returns:
        As `describe_file`, and ``trial``: "ran", or what stopped it; ``network``: whether the child
        could reach one.

    Raises:
        ModelFileError: the file is refused, or the child did not survive reading it.
    """
    options = {"ir": ir, "passes": passes, "megabytes": megabytes, "seconds": seconds}
    command = [sys.executable, "-P", "-m", "bnn_lab.cli.limited", json.dumps(options)]
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as child:
        try:
            text, _ = child.communicate(content, timeout=2 * seconds)
        except subprocess.TimeoutExpired:
            child.kill()
            text, _ = child.communicate()
    answers = [line for line in text.split(b"\n") if line.startswith(b"{")]
    if not answers:
        raise ModelFileError(f"the file was not read to its end: {_end(child.returncode)}")
    found: dict[str, Any] = json.loads(answers[0])
    if "error" in found:
        raise ModelFileError(found["error"])
    trial = json.loads(answers[1]) if len(answers) > 1 else {"trial": _end(child.returncode)}
    return {**found, **trial}


def _end(code: int) -> str:
    if code == -signal.SIGXCPU:
        return "it took more processor time than it may"
    if code == -signal.SIGKILL:
        return "it was stopped, for taking too long or too much memory"
    if code < 0:
        return f"the process died of {signal.Signals(-code).name}"
    return f"the process ended with code {code}"
