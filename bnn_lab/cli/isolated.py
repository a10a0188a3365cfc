"""`bnn-lab inspect --isolated`: a file from a stranger is read and tried in a process with limits.

The child, ``python -m bnn_lab.cli.isolated OPTIONS``, takes the file on standard input and prints
two lines of JSON: what the file holds, then what came of running it once on zeros. It is limited
before the file is read: memory, processor time, no byte into any file, and where the system allows
it a network namespace with nothing in it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from bnn_lab.errors import BnnLabError, ModelFileError

MEGABYTES = 2048
SECONDS = 60  # of processor time; twice as long by the clock
_NEW_USER, _NEW_NETWORK = 0x10000000, 0x40000000  # of linux/sched.h
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
    command = [sys.executable, "-P", "-m", "bnn_lab.cli.isolated", json.dumps(options)]
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


def main(arguments: list[str]) -> None:
    """The child."""
    options = json.loads(arguments[0])
    network = not _without_network()
    _limit(options["megabytes"] << 20, options["seconds"])
    content = sys.stdin.buffer.read()
    from bnn_lab.cli.inspect import describe_file

    with _told("error"):
        found = describe_file(content, ir=options["ir"], passes=options["passes"])
        print(json.dumps({**found, "network": network}), flush=True)
    with _told("trial"):
        _run(content)
        print(json.dumps({"trial": "ran"}), flush=True)


def _run(content: bytes) -> None:
    import numpy as np

    from bnn_lab.runtime.interpreter import Interpreter

    interpreter = Interpreter(content)
    ends = zip(interpreter.input_shapes, interpreter.input_types, strict=True)
    interpreter.predict([np.zeros(shape, kind) for shape, kind in ends])


@contextlib.contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except BnnLabError as error:
        _stop(name, str(error))
    except MemoryError:
        _stop(name, "it needs more memory than it may have")


def _stop(name: str, reason: str) -> None:
    print(json.dumps({name: reason}), flush=True)
    sys.exit(0)


def _limit(memory: int, seconds: int) -> None:
    for name, value in (
        ("RLIMIT_DATA", memory),
        ("RLIMIT_CPU", seconds),
        ("RLIMIT_FSIZE", 0),
        ("RLIMIT_CORE", 0),
    ):
        _, most = resource.getrlimit(getattr(resource, name))
        chosen = value if most == resource.RLIM_INFINITY else min(value, most)
        # The kernel kills at the hard limit of CPU time; a second before it says why.
        hard = chosen + 1 if name == "RLIMIT_CPU" and most == resource.RLIM_INFINITY else chosen
        resource.setrlimit(getattr(resource, name), (chosen, hard))


def _without_network() -> bool:
    """Leave the network; needs a process of one thread, and a system that lets users do it."""
    try:
        unshare = ctypes.CDLL(None).unshare
    except (OSError, AttributeError):
        return False
    return any(unshare(flags) == 0 for flags in (_NEW_USER | _NEW_NETWORK, _NEW_NETWORK))


if __name__ == "__main__":
    main(sys.argv[1:])
